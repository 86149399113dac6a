"""CustomResourceDefinitions: what is refused, and what their schemas do to objects."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "schema.infraforge.io"
Json = dict[str, Any]


def crd(spec: Json, plural: str = "things") -> Json:
    """Return a CRD whose kind has this `spec` schema."""
    schema = {"type": "object", "properties": {"spec": spec}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": plural.capitalize()},
            "versions": [version],
        },
    }


@pytest.fixture
def things(client: httpx.Client, namespace: str) -> Iterator[Callable[[Json], Callable[..., httpx.Response]]]:
    """Serve a kind with a schema; the returned function sends its objects (POST, or PUT over `old`)."""

    def install(spec: Json) -> Callable[..., httpx.Response]:
        client.post(CRDS, json=crd(spec)).raise_for_status()

        def send(value: Json, old: Json | None = None) -> httpx.Response:
            url = f"/apis/{GROUP}/v1/namespaces/{namespace}/things"
            body: Json = {"apiVersion": f"{GROUP}/v1", "kind": "Things", "metadata": {"name": "x"}, "spec": value}
            if old is None:
                return client.post(url, json=body)
            return client.put(f"{url}/x", json=body | {"metadata": old["metadata"]})

        return send

    yield install
    client.delete(f"{CRDS}/things.{GROUP}")


@pytest.mark.parametrize(
    ("spec", "field", "reason", "message"),
    [
        (
            {"type": "object", "$ref": "#/x"},
            "$ref",
            "FieldValueForbidden",
            "Forbidden: $ref is not supported",
        ),
        (
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            "uniqueItems",
            "FieldValueForbidden",
            "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}},
            "additionalProperties",
            "FieldValueForbidden",
            "Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        (
            {"properties": {"a": {"type": "string"}}},
            "type",
            "FieldValueRequired",
            "Required value: must not be empty for specified object fields",
        ),
        (
            {"type": "string", "default": 7},
            "default",
            "FieldValueTypeInvalid",
            'Invalid value: "integer":  in body must be of type string: "integer"',
        ),
        (
            {"type": "string", "pattern": "("},
            "pattern",
            "FieldValueInvalid",
            'Invalid value: "(": must be a valid regular expression',
        ),
        (
            {"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object"}},
            "x-kubernetes-list-map-keys",
            "FieldValueRequired",
            "Required value: must not be empty if x-kubernetes-list-type is map",
        ),
    ],
    ids=["ref", "uniqueItems", "both kinds of properties", "no type", "default", "pattern", "no map keys"],
)
def test_structural(client: httpx.Client, spec: Json, field: str, reason: str, message: str) -> None:
    """A schema that is not structural is a 422 that names the place."""
    answer = client.post(CRDS, json=crd(spec))
    path = f"spec.versions[0].schema.openAPIV3Schema.properties[spec].{field}"

    assert answer.status_code == 422
    assert {"reason": reason, "message": message, "field": path} in answer.json()["details"]["causes"]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("self.a ==", "compilation failed"),
        ("quantity(self.a).isGreaterThan(1)", "undeclared reference to"),
        ("", "rule is not specified"),
    ],
    ids=["syntax", "function that is not served", "empty"],
)
def test_rule_that_does_not_compile(client: httpx.Client, rule: str, says: str) -> None:
    """A rule is compiled when its CRD is created, and refused then."""
    spec = {"type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-validations": [{"rule": rule}]}
    answer = client.post(CRDS, json=crd(spec))

    assert answer.status_code == 422
    assert says in answer.json()["message"]


def test_transition_rule_in_a_plain_list(client: httpx.Client) -> None:
    """Items of a list without keys have no old version that a rule could compare with."""
    items = {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}
    answer = client.post(CRDS, json=crd({"type": "array", "items": items}))

    assert answer.status_code == 422
    assert "oldSelf cannot be used on the uncorrelatable portion of the schema" in answer.json()["message"]


def test_name_has_to_fit(client: httpx.Client) -> None:
    """A CRD is called plural.group."""
    answer = client.post(CRDS, json=crd({"type": "object"}) | {"metadata": {"name": "other"}})

    assert answer.status_code == 422
    assert 'metadata.name: Invalid value: "other": must be spec.names.plural+"."+spec.group' in answer.json()["message"]


NAMED = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}}
LIST = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": NAMED}


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        ({"type": "string", "maxLength": 2}, "abc", "Too long: may not be more than 2 bytes"),
        ({"type": "string", "minLength": 2}, "a", 'Invalid value: "a": spec.a in body should be at least 2 chars long'),
        ({"type": "string", "pattern": "^a$"}, "a\n", "should match '^a$'"),
        ({"type": "string", "format": "date-time"}, "now", 'must be of type date-time: "now"'),
        ({"type": "integer", "minimum": 2}, 1, "should be greater than or equal to 2"),
        ({"type": "integer", "maximum": 2, "exclusiveMaximum": True}, 2, "should be less than 2"),
        ({"type": "integer"}, 1.5, 'must be of type integer: "number"'),
        ({"type": "integer"}, None, 'must be of type integer: "null"'),
        ({"type": "boolean"}, "true", 'must be of type boolean: "string"'),
        ({"type": "array", "maxItems": 1, "items": {"type": "string"}}, ["a", "b"], "Too many: 2: must have at most 1"),
        ({"type": "array", "minItems": 1, "items": {"type": "string"}}, [], "should have at least 1 items"),
        (
            {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            ["a", "a"],
            'spec.a[1]: Duplicate value: "a"',
        ),
        (LIST, [{"name": "a"}, {"name": "a"}], 'spec.a[1]: Duplicate value: {"name":"a"}'),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"k": 1}, "spec.a.k"),
        (
            {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "string"}},
            {"a": "", "b": ""},
            "Too many",
        ),
        ({"type": "string", "anyOf": [{"pattern": "^a"}, {"pattern": "^b"}]}, "c", "must validate at least one schema"),
        ({"type": "string", "not": {"enum": ["x"]}}, "x", "must not validate the schema (not)"),
        ({"x-kubernetes-int-or-string": True}, True, "must be of type integer,string"),
    ],
)
def test_refused(things: Any, schema: Json, value: Any, says: str) -> None:
    """What a schema forbids is a 422 in the real server's words."""
    answer = things({"type": "object", "properties": {"a": schema}})({"a": value})

    assert answer.status_code == 422
    assert says in answer.json()["message"]


def test_defaults_and_pruning(things: Any) -> None:
    """Defaults are filled in at every depth; unknown fields go, except where the schema keeps them."""
    send = things(
        {
            "type": "object",
            "properties": {
                "mode": {"type": "string", "default": "a"},
                "nested": {"type": "object", "default": {}, "properties": {"n": {"type": "integer", "default": 3}}},
                "list": {
                    "type": "array",
                    "items": NAMED | {"properties": NAMED["properties"] | {"d": {"type": "string", "default": "x"}}},
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "port": {"x-kubernetes-int-or-string": True},
            },
        }
    )
    free = {"anything": {"goes": [1, None, "x"]}}
    answer = send({"list": [{"name": "q", "unknown": 1}], "free": free, "gone": 1, "mode": None, "port": "http"})

    assert answer.status_code == 201
    assert answer.json()["spec"] == {
        "free": free,
        "list": [{"d": "x", "name": "q"}],
        "mode": "a",
        "nested": {"n": 3},
        "port": "http",
    }
    assert sorted(answer.headers.get_list("Warning")) == [
        '299 - "unknown field \\"spec.gone\\""',
        '299 - "unknown field \\"spec.list[0].unknown\\""',
    ]


RULES = [
    {"rule": "self.items.all(i, self.items.exists_one(j, j.name == i.name))", "message": "names are unique"},
    {"rule": "!has(self.low) || self.low <= self.high", "messageExpression": "'low is ' + string(self.low)"},
    {"rule": "self.high >= oldSelf.high", "reason": "FieldValueForbidden", "fieldPath": ".high"},
    {"rule": "!oldSelf.hasValue() || self.kind__ == 'x' || true", "optionalOldSelf": True},
    {"rule": "self.__namespace__ != 'bad' && self.dash__dash__ed.lowerAscii() == 'x'", "message": "escaped names"},
    {"rule": "self.at < timestamp('2030-01-01T00:00:00Z')"},
]
RULED = {
    "type": "object",
    "x-kubernetes-validations": RULES,
    "properties": {
        "items": {"type": "array", "maxItems": 5, "items": NAMED},
        "low": {"type": "integer"},
        "high": {"type": "integer"},
        "namespace": {"type": "string", "default": "good"},
        "dash-ed": {"type": "string", "default": "X"},
        "at": {"type": "string", "format": "date-time", "default": "2026-01-01T00:00:00Z"},
    },
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"items": [{"name": "a"}, {"name": "a"}]}, "spec: Invalid value: names are unique"),
        ({"low": 9}, "spec: Invalid value: low is 9"),
        ({"namespace": "bad"}, "spec: Invalid value: escaped names"),
        ({"at": "2031-01-01T00:00:00Z"}, "spec: Invalid value: failed rule: self.at < timestamp("),
    ],
    ids=["all", "messageExpression", "escaped", "timestamp"],
)
def test_rules(things: Any, change: Json, says: str) -> None:
    """CEL rules judge creations, with the messages their authors gave them."""
    rules = [rule for rule in RULES if "kind__" not in rule["rule"]]
    send = things(RULED | {"x-kubernetes-validations": rules})
    good = {"items": [{"name": "a"}, {"name": "b"}], "low": 1, "high": 5}
    refused = send(good | change)

    assert refused.status_code == 422
    assert says in refused.json()["message"]
    assert send(good).status_code == 201


def test_transition_rule(things: Any) -> None:
    """A rule with oldSelf runs on updates only, and its reason and path are the author's."""
    send = things(RULED)
    made = send({"items": [], "high": 5})
    refused = send({"items": [], "high": 4}, made.json())

    assert made.status_code == 201
    assert refused.status_code == 422
    assert refused.json()["details"]["causes"] == [
        {
            "reason": "FieldValueForbidden",
            "message": "Forbidden: failed rule: self.high >= oldSelf.high",
            "field": "spec.high",
        }
    ]


def test_unchanged_values_are_not_judged_again(things: Any, client: httpx.Client, namespace: str) -> None:
    """A schema that becomes stricter holds up only what changes (validation ratcheting)."""
    send = things({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}})
    made = send({"a": "long", "b": 1}).json()
    live = client.get(f"{CRDS}/things.{GROUP}").json()
    schema = live["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["a"]["maxLength"] = 1
    client.put(f"{CRDS}/things.{GROUP}", json=live).raise_for_status()

    changed = send({"a": "long", "b": 2}, made)
    assert changed.status_code == 200
    assert send({"a": "longer", "b": 2}, changed.json()).status_code == 422


def test_deleting_a_crd_waits_for_finalizers(things: Any, client: httpx.Client, namespace: str) -> None:
    """A CRD takes its objects along, but not before their finalizers are gone."""
    things({"type": "object", "x-kubernetes-preserve-unknown-fields": True})({}).raise_for_status()
    url = f"/apis/{GROUP}/v1/namespaces/{namespace}/things/x"
    headers = {"Content-Type": "application/merge-patch+json"}
    client.patch(url, json={"metadata": {"finalizers": ["a.b/c"]}}, headers=headers).raise_for_status()
    client.delete(f"{CRDS}/things.{GROUP}").raise_for_status()

    assert "deletionTimestamp" in client.get(f"{CRDS}/things.{GROUP}").json()["metadata"]
    client.patch(url, json={"metadata": {"finalizers": None}}, headers=headers).raise_for_status()
    assert client.get(f"{CRDS}/things.{GROUP}").status_code == 404
    assert client.get(url).text == "404 page not found\n"
