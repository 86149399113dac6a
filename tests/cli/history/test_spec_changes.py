"""Differences of specs by paths."""

from typing import Any

import pytest

from cli.history.spec_changes import MAX_SHOWN, between


def apps(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"applications": list(rows)}


A1 = {"name": "a", "image": {"tag": "v1"}}
A2 = {"name": "a", "image": {"tag": "v2"}}
B = {"name": "b"}
CASES: list[tuple[Any, Any, list[str], str]] = [
    (apps(A1), apps(A1), [], "the same"),
    ({"replicas": 2}, {"replicas": 2.0}, [], "the same number"),
    (apps(A1), apps(A2), ["applications[a].image.tag: v1 → v2"], "an image's tag"),
    (apps(A1, B), apps(B, A2), ["applications[a].image.tag: v1 → v2"], "found by its name wherever it stands"),
    (apps(A1), apps(A1, B), ['applications[b]: added {"name": "b"}'], "a new row"),
    (apps(A1, B), apps(A1), ['applications[b]: removed (was {"name": "b"})'], "a row that went"),
    (apps(A1, B), apps(B, A1), ['applications[*].name: ["a", "b"] → ["b", "a"]'], "nothing but the order"),
    (
        {"clusters": [{"type": "nonprod", "environments": ["dev"]}]},
        {"clusters": [{"type": "nonprod", "environments": ["dev", "qa"]}]},
        ['clusters[nonprod].environments: ["dev"] → ["dev", "qa"]'],
        "a list of names is one value",
    ),
    ({"args": ["a", "b"]}, {"args": ["a", "c"]}, ["args[1]: b → c"], "by place where there are no names"),
    ({"a": {"b": None}}, {"a": {"b": ""}}, ['a.b: null → ""'], "null and empty are told apart"),
    ({"v": {"a/b c": 1}}, {"v": {"a/b c": 2}}, ['v["a/b c"]: 1 → 2'], "a key that is no word"),
    ({"v": "x"}, {"v": {"x": 1}}, ['v: x → {"x": 1}'], "another type"),
    ({"on": True}, {"on": "true"}, ["on: true → true"], "a bool becomes text"),
    ({"v": "a\nb"}, {"v": "a"}, ['v: "a\\nb" → a'], "more than a line"),
]


@pytest.mark.parametrize(("before", "after", "expected", "reason"), CASES, ids=[case[3] for case in CASES])
def test_between(before: Any, after: Any, expected: list[str], reason: str) -> None:
    assert [change.line for change in between(before, after)] == expected


def test_a_long_value_is_cut() -> None:
    (change,) = between({}, {"v": "x" * 1000})
    assert len(change.line) == len("v: added ") + MAX_SHOWN
    assert change.document() == {"path": "v", "after": "x" * 1000}, "for programs it is whole"


def test_names_that_do_not_tell_items_apart() -> None:
    before, after = [{"name": "a", "v": 1}, {"name": "a", "v": 2}], [{"name": "a", "v": 1}, {"name": "a", "v": 3}]
    assert [change.line for change in between(before, after, "rows")] == ["rows[1].v: 2 → 3"]
