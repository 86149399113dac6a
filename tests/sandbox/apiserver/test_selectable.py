"""Field selectors of custom resources: `selectableFields` of their CRD (Kubernetes 1.30)."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

Json = dict[str, Any]
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "select.infraforge.io"
MERGE = {"Content-Type": "application/merge-patch+json"}
PROPERTIES: Json = {
    "environment": {"type": "string"},
    "clusterType": {"type": "string", "enum": ["nonprod", "prod"]},
    "replicas": {"type": "integer"},
    "paused": {"type": "boolean"},
    "weight": {"type": "number"},
    "names": {"type": "array", "items": {"type": "string"}},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    **{f"f{number}": {"type": "string"} for number in range(9)},
}


def crd(*paths: str, plural: str = "rows") -> Json:
    """Return a CRD whose objects can be selected by `paths`."""
    kind = plural.capitalize()
    metadata = {"type": "object", "properties": {"name": {"type": "string"}}}
    spec = {"type": "object", "properties": PROPERTIES}
    schema = {"type": "object", "properties": {"metadata": metadata, "spec": spec}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    version["selectableFields"] = [{"jsonPath": path} for path in paths]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [version],
        },
    }


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        ([""], "[0].jsonPath: Required value"),
        (["spec.environment"], '"spec.environment": is an invalid path: expected [ or . but got: spec'),
        ([".spec.nope"], '".spec.nope": is an invalid path: does not refer to a valid field'),
        ([".spec.environment.x"], "is an invalid path: does not refer to a valid field"),
        ([".spec."], "is an invalid path: unexpected end of JSON path"),
        ([".spec['environment']"], "is an invalid path: array notation is not allowed"),
        ([".metadata.name"], "must not point to fields in metadata"),
        ([".spec.weight"], "must point to a field of type string, boolean or integer."),
        ([".spec.names"], "must point to a field of type string, boolean or integer."),
        ([".spec"], "must point to a field of type string, boolean or integer."),
        ([".spec.f1", ".spec.f1"], '[1].jsonPath: Duplicate value: ".spec.f1"'),
        ([f".spec.f{number}" for number in range(9)], "selectableFields: Too many: 9: must have at most 8 items"),
    ],
    ids=[
        "empty",
        "no leading dot",
        "unknown",
        "below a string",
        "unfinished",
        "array notation",
        "metadata",
        "number",
        "list",
        "object",
        "twice",
        "nine",
    ],
)
def test_refused_in_a_crd(client: httpx.Client, paths: list[str], says: str) -> None:
    """The real server's 422 (ValidateCustomResourceSelectableFields)."""
    answer = client.post(CRDS, json=crd(*paths, plural="bad"))
    assert answer.status_code == 422
    assert says in answer.json()["message"]


@pytest.fixture
def rows(client: httpx.Client, namespace: str) -> Iterator[str]:
    """The collection of a kind with selectable fields, and four objects in it."""
    paths = [".spec.environment", ".spec.clusterType", ".spec.replicas", ".spec.paused", ".spec.labels.team"]
    client.post(CRDS, json=crd(*paths)).raise_for_status()
    url = f"/apis/{GROUP}/v1/namespaces/{namespace}/rows"
    specs: dict[str, Json] = {
        "a": {"environment": "dev", "clusterType": "nonprod", "replicas": 3, "paused": True},
        "b": {"environment": "dev", "clusterType": "prod", "replicas": 0, "labels": {"team": "shop"}},
        "c": {"environment": "qa", "clusterType": "nonprod", "paused": False},
        "d": {},
    }
    for name, spec in specs.items():
        client.post(url, json=row(name, **spec)).raise_for_status()
    yield url
    client.delete(f"{CRDS}/rows.{GROUP}")


def row(name: str, **spec: Any) -> Json:
    """Return one object."""
    return {"apiVersion": f"{GROUP}/v1", "kind": "Rows", "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("spec.environment=dev", "ab"),
        ("spec.environment==dev,spec.clusterType=nonprod", "a"),
        ("spec.environment!=dev", "cd"),
        ("spec.environment=", "d"),
        ("spec.replicas=3", "a"),
        ("spec.replicas=0", "b"),
        ("spec.paused=true", "a"),
        ("spec.paused=false", "c"),
        ("spec.labels.team=shop", "b"),
        ("metadata.name=a,spec.environment=dev", "a"),
        ("metadata.name!=a,spec.environment=dev", "b"),
        ("metadata.namespace=elsewhere", ""),
    ],
)
def test_list(client: httpx.Client, rows: str, selector: str, found: str) -> None:
    """Equal and unequal, several at once, values that are no strings, and fields that are absent (empty)."""
    answer = client.get(rows, params={"fieldSelector": selector})
    assert [item["metadata"]["name"] for item in answer.json()["items"]] == list(found)


@pytest.mark.parametrize("query", [{}, {"watch": "true"}], ids=["list", "watch"])
def test_unsupported_label(client: httpx.Client, rows: str, query: dict[str, str]) -> None:
    """A field that the CRD does not name is a 400, in the real server's words."""
    answer = client.get(rows, params={"fieldSelector": "spec.foo=1", **query})
    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")
    assert answer.json()["message"] == "field label not supported: spec.foo"


def test_watch(client: httpx.Client, rows: str) -> None:
    """An object that comes to match is ADDED, one that ceases to is DELETED, and the others are not heard of."""
    revision = client.get(rows).json()["metadata"]["resourceVersion"]
    query = {"watch": "true", "resourceVersion": revision, "fieldSelector": "spec.environment=dev"}
    with client.stream("GET", rows, params=query | {"timeoutSeconds": "20"}) as stream:
        lines = stream.iter_lines()
        for name, spec in (
            ("d", {"environment": "qa"}),
            ("d", {"environment": "dev"}),
            ("d", {"replicas": 1}),
            ("a", {"environment": "qa"}),
            ("c", {"replicas": 7}),
        ):
            client.patch(f"{rows}/{name}", json={"spec": spec}, headers=MERGE).raise_for_status()
        client.delete(f"{rows}/b").raise_for_status()
        events = [json.loads(next(lines)) for _ in range(4)]

    told = [(event["type"], event["object"]["metadata"]["name"]) for event in events]
    assert told == [("ADDED", "d"), ("MODIFIED", "d"), ("DELETED", "a"), ("DELETED", "b")]


def test_selected_deletion(client: httpx.Client, rows: str) -> None:
    """DELETE of a collection takes only what is selected."""
    client.delete(rows, params={"fieldSelector": "spec.clusterType=nonprod"}).raise_for_status()
    assert [item["metadata"]["name"] for item in client.get(rows).json()["items"]] == ["b", "d"]


def test_fields_of_a_changed_crd(client: httpx.Client, rows: str) -> None:
    """What can be selected follows the CRD."""
    path = f"{CRDS}/rows.{GROUP}"
    live = client.get(path).json()
    live["spec"]["versions"][0]["selectableFields"] = [{"jsonPath": ".spec.f1"}]
    client.put(path, json=live).raise_for_status()

    assert client.get(rows, params={"fieldSelector": "spec.environment=dev"}).status_code == 400
    assert client.get(rows, params={"fieldSelector": "spec.f1="}).status_code == 200
