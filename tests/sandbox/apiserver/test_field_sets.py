"""Field paths: their FieldsV1 form, differences, and what an applied configuration does to an object."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.apiserver.field_sets import Paths, difference, fields_of, from_tree, merged, shown, to_tree, without
from sandbox.apiserver.schema import Schema, compile_custom

Json = dict[str, Any]
TEXT = {"type": "string"}
SCHEMA = compile_custom(
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "mode": TEXT,
                    "labels": {"type": "object", "additionalProperties": TEXT},
                    "plain": {"type": "array", "items": TEXT},
                    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
                    "map": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "properties": {"name": TEXT, "value": TEXT}},
                    },
                    "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": TEXT}},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        },
    },
    Schema({}),
)
KEYS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
PATHS = st.sets(st.lists(KEYS, min_size=1, max_size=4).map(tuple))


@given(PATHS)
def test_tree_round_trip(paths: Paths) -> None:
    """FieldsV1 holds every path, whichever of them lie on the way to others."""
    assert paths == from_tree(to_tree(paths))


@pytest.mark.parametrize(
    ("spec", "tree"),
    [
        ({"mode": "a"}, {"f:mode": {}}),
        ({"labels": {"a": "b"}}, {"f:labels": {"f:a": {}}}),
        ({"labels": {}}, {"f:labels": {}}),
        ({"plain": ["a", "b"]}, {"f:plain": {}}),
        ({"set": ["a"]}, {"f:set": {'v:"a"': {}}}),
        ({"map": [{"name": "x"}]}, {"f:map": {'k:{"name":"x"}': {".": {}, "f:name": {}}}}),
        ({"whole": {"a": "b"}}, {"f:whole": {}}),
        ({"free": {"a": {"b": 1}}}, {"f:free": {"f:a": {".": {}, "f:b": {}}}}),
    ],
    ids=["scalar", "map", "empty map", "atomic list", "set", "map list", "atomic map", "unknown"],
)
def test_fields_of(spec: Json, tree: Json) -> None:
    """An applied object claims leaves, items and free keys, not the structs on the way."""
    assert to_tree(fields_of(SCHEMA, {"spec": spec})) == {"f:spec": tree}


def test_difference() -> None:
    """Changes are told apart by item, not by position."""
    old = {"spec": {"mode": "a", "map": [{"name": "x", "value": "1"}, {"name": "y"}], "plain": ["a"]}}
    new = {"spec": {"mode": "b", "map": [{"name": "y", "value": "2"}, {"name": "x", "value": "1"}], "plain": ["a"]}}
    found = difference(SCHEMA, old, new)

    assert {shown(path) for path in found.modified} == {".spec.mode"}
    assert {shown(path) for path in found.added} == {'.spec.map[name="y"].value'}
    assert found.removed == set()


def test_difference_of_kinds() -> None:
    """A value that becomes a map is modified, and what it then holds is added."""
    found = difference(SCHEMA, {"spec": {"free": {"a": 1}}}, {"spec": {"free": {"a": {"b": 2}}}})

    assert {shown(path) for path in found.modified} == {".spec.free.a"}
    assert {shown(path) for path in found.added} == {".spec.free.a.b"}


def test_merged() -> None:
    """Maps and keyed lists merge; everything else is replaced; order is kept."""
    live = {"spec": {"plain": ["a"], "set": ["a"], "map": [{"name": "x", "value": "1"}], "whole": {"a": "1"}}}
    config = {"spec": {"plain": ["b"], "set": ["b", "a"], "map": [{"name": "z"}, {"name": "x"}], "whole": {}}}

    assert merged(SCHEMA, live, config) == {
        "spec": {"plain": ["b"], "set": ["a", "b"], "map": [{"name": "x", "value": "1"}, {"name": "z"}], "whole": {}}
    }


def test_without() -> None:
    """Removal finds items by their keys and leaves the rest alone."""
    value = {"spec": {"mode": "a", "set": ["a", "b"], "map": [{"name": "x", "value": "1"}, {"name": "y"}]}}
    doomed = from_tree({"f:spec": {"f:mode": {}, "f:set": {'v:"a"': {}}, "f:map": {'k:{"name":"x"}': {"f:value": {}}}}})

    assert without(SCHEMA, value, doomed) == {"spec": {"set": ["b"], "map": [{"name": "x"}, {"name": "y"}]}}


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=2), max_size=3), st.booleans())
def test_nothing_differs_from_itself(labels: dict[str, str], copied: bool) -> None:
    """An object has no difference to itself, and all of it to nothing."""
    value = {"spec": {"labels": labels}}
    same = difference(SCHEMA, value, {"spec": {"labels": dict(labels)}} if copied else value)
    everything = difference(SCHEMA, {}, value)

    assert not (same.added or same.modified or same.removed)
    assert {("f:spec",), ("f:spec", "f:labels")} <= everything.added
