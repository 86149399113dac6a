"""Bodies and patches."""

from typing import Any

import pytest

from sandbox.apiserver.builtin import load_types
from sandbox.apiserver.errors import ApiError
from sandbox.apiserver.patches import decode, json_patch, merge, strategic_merge
from sandbox.apiserver.schema import compile_type

ACCOUNT = compile_type("io.k8s.api.core.v1.ServiceAccount", load_types())


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge(target: Any, patch: Any, result: Any) -> None:
    """The examples of RFC 7386."""
    assert merge(target, patch) == result


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        (
            {"secrets": [{"name": "a"}]},
            {"secrets": [{"name": "b"}]},
            {"secrets": [{"name": "a"}, {"name": "b"}]},
        ),
        ({"secrets": [{"name": "a"}]}, {"secrets": [{"name": "a", "$patch": "delete"}]}, {"secrets": []}),
        (
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"finalizers": ["c"], "$setElementOrder/finalizers": ["a", "b", "c"]}},
            {"metadata": {"finalizers": ["a", "b", "c"]}},
        ),
        (
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}},
            {"metadata": {"finalizers": ["b"]}},
        ),
        ({"metadata": {"labels": {"a": "b"}}}, {"metadata": {"labels": None}}, {"metadata": {}}),
        ({"metadata": {"labels": {"a": "b"}}}, {"metadata": {"$patch": "replace", "x": 1}}, {"metadata": {"x": 1}}),
    ],
    ids=["by key", "delete by key", "primitives", "delete primitives", "null", "replace"],
)
def test_strategic_merge(target: Any, patch: Any, result: Any) -> None:
    """Lists merge as the types of built-in kinds say."""
    assert strategic_merge(ACCOUNT, target, patch) == result


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/b"},
        {"op": "add", "path": "/b/c", "value": 1},
    ],
)
def test_json_patch_rejected(operation: Any) -> None:
    """A patch that does not fit is a 422 without details."""
    with pytest.raises(ApiError) as caught:
        json_patch({"a": 1}, [operation])
    assert (caught.value.code, caught.value.details) == (422, {})


def test_duplicate_fields() -> None:
    """Fields written twice are named wherever they are; the last value counts."""
    value, again = decode(b'{"a":[{"b":1,"b":2}],"c":1,"c":{"d":1,"d":2}}', "application/json", "X")

    assert value == {"a": [{"b": 2}], "c": {"d": 2}}
    assert again == ["c", "a[0].b", "c.d"]


def test_yaml() -> None:
    """YAML is read with its dates as text, since JSON has none."""
    assert decode(b"a: 2026-01-01\nb: [1]\n", "application/yaml", "X") == ({"a": "2026-01-01", "b": [1]}, [])
