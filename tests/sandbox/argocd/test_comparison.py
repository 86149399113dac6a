"""What an apply would leave, what counts as the same, and merge patches."""

import json
from typing import Any

import pytest

from sandbox.argocd.comparison import LAST_APPLIED, Managed, normal, predicted
from sandbox.argocd.documents import difference, merged

Json = dict[str, Any]


def _live(applied: Json | None = None, **content: Any) -> Json:
    annotations = {LAST_APPLIED: json.dumps(applied)} if applied is not None else {}
    return {"metadata": {"name": "x", "annotations": annotations}, **content}


def _container(name: str, **more: Any) -> Json:
    return {"name": name, "image": "a:1", **more}


@pytest.mark.parametrize(
    ("live", "target", "result", "reason"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": 2}, "what others added stays"),
        ({"a": 2}, {"a": 1}, {"a": 1}, "what was changed is put back"),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, "below, too"),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}, "a list of plain values is one value"),
        ({"a": []}, {"a": [{"x": 1}]}, {"a": [{"x": 1}]}, "a list that is new"),
        ({"a": [{"x": 1, "d": 0}]}, {"a": [{"x": 2}]}, {"a": [{"x": 2, "d": 0}]}, "maps without a name, one by one"),
        ({"a": [{"x": 1, "d": 0}]}, {"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 1}, {"x": 2}]}, "or as a whole"),
        (
            {"c": [_container("app", policy="Always"), _container("side")]},
            {"c": [_container("app")]},
            {"c": [_container("app", policy="Always"), _container("side")]},
            "maps with names are told apart, and a stranger's stays",
        ),
        (
            {"c": [_container("b"), _container("a")]},
            {"c": [_container("a"), _container("b")]},
            {"c": [_container("a"), _container("b")]},
            "and are put in order",
        ),
        ({"a": 1.0}, {"a": 1}, {"a": 1.0}, "one number in two spellings"),
        ({"a": True}, {"a": 1}, {"a": 1}, "but true is no number"),
    ],
)
def test_predicted(live: Json, target: Json, result: Json, reason: str) -> None:
    assert predicted(_live(**live), target) == _live(**result), reason


@pytest.mark.parametrize(
    ("applied", "live", "target", "result", "reason"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1}, {"a": 1}, "what was applied once and is gone goes"),
        ({"a": 1}, {"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": 2}, "what somebody else added does not"),
        (
            {"c": [_container("app"), _container("old")]},
            {"c": [_container("app"), _container("old"), _container("side")]},
            {"c": [_container("app")]},
            {"c": [_container("app"), _container("side")]},
            "in named lists, too",
        ),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, {}, {}, "a whole branch"),
    ],
)
def test_predicted_after_an_earlier_apply(applied: Json, live: Json, target: Json, result: Json, reason: str) -> None:
    assert predicted(_live(applied, **live), target) == _live(applied, **result), reason


def test_a_secrets_text_is_held_against_its_data() -> None:
    target = {"kind": "Secret", "metadata": {"name": "x", "uid": "1"}, "stringData": {"a": "b"}, "status": {}}
    assert normal(target) == {"kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "Yg=="}}


def test_options_of_an_object() -> None:
    annotations = {"argocd.argoproj.io/sync-options": "Prune=false, Delete=false"}
    managed = Managed(("", "ConfigMap", "dev", "x"), "v1", None, {"metadata": {"annotations": annotations}}, None)
    assert managed.option("Delete=false")
    assert managed.requires_pruning
    assert not managed.option("Prune=true")
    assert managed.name == "ConfigMap:dev/x"


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {}, {"a": None}),
        ({}, {"a": {"b": [1]}}, {"a": {"b": [1]}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": None, "c": 3}}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}),
    ],
)
def test_a_merge_patch_makes_one_of_the_other(old: Json, new: Json, patch: Json) -> None:
    assert difference(old, new) == patch
    assert merged(old, patch) == new
