"""Deletion: finalizers, preconditions, propagation, the ends of namespaces, and the volume claims that block one."""

import json
from typing import Any

import httpx
import pytest

from tests.sandbox.apiserver.test_garbage import gone
from tests.sandbox.apiserver.test_objects import MERGE, claim, claims

Json = dict[str, Any]
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
MINE, OTHER = "platform.infraforge.io/cleanup", "example.com/hold"


def held(client: httpx.Client, namespace: str, *finalizers: str) -> str:
    """Create a claim with finalizers, delete it and return its path."""
    body = claim("x")
    body["metadata"]["finalizers"] = list(finalizers)
    client.post(claims(namespace), json=body).raise_for_status()
    answer = client.delete(claims(namespace, "x"))
    assert answer.status_code == 200
    assert answer.json()["metadata"]["deletionTimestamp"]
    return claims(namespace, "x")


@pytest.mark.parametrize(
    ("media", "patch", "gone", "why"),
    [
        (MERGE, {"metadata": {"finalizers": None}}, True, "null drops the whole list"),
        (MERGE, {"metadata": {"finalizers": []}}, True, "so does an empty one"),
        (MERGE, {"metadata": {"finalizers": [OTHER]}}, False, "a merge patch replaces the list"),
        (JSON_PATCH, [{"op": "remove", "path": "/metadata/finalizers/0"}], False, "one of two"),
        (JSON_PATCH, [{"op": "remove", "path": "/metadata/finalizers"}], True, "the whole list"),
        (JSON_PATCH, [{"op": "replace", "path": "/metadata/finalizers", "value": []}], True, "an empty list"),
    ],
)
def test_patches_of_finalizers(
    client: httpx.Client, namespace: str, media: Json, patch: Any, *, gone: bool, why: str
) -> None:
    """The object that is being deleted goes with its last finalizer, and the answer is its last version."""
    path = held(client, namespace, MINE, OTHER)
    answer = client.patch(path, content=json.dumps(patch), headers=media)

    assert answer.status_code == 200, why
    assert answer.json()["metadata"].get("finalizers", []) == ([] if gone else [OTHER])
    assert client.get(path).status_code == (404 if gone else 200), why


def test_a_guarded_patch(client: httpx.Client, namespace: str) -> None:
    """The `test` of a JSON patch, or a resourceVersion in a merge patch, keeps an old hand off the finalizers."""
    path = held(client, namespace, MINE)
    wrong = [{"op": "test", "path": "/metadata/finalizers/0", "value": OTHER}]
    wrong += [{"op": "remove", "path": "/metadata/finalizers/0"}]
    stale = {"metadata": {"finalizers": None, "resourceVersion": "1"}}

    assert client.patch(path, content=json.dumps(wrong), headers=JSON_PATCH).status_code == 422
    assert client.patch(path, json=stale, headers=MERGE).status_code == 409
    assert client.get(path).json()["metadata"]["finalizers"] == [MINE]


def test_annotations_while_deleting(client: httpx.Client, namespace: str) -> None:
    """A confirmation can still be given; it changes neither the generation nor the deletion."""
    path = held(client, namespace, MINE)
    before = client.get(path).json()["metadata"]
    answer = client.patch(path, json={"metadata": {"annotations": {"a.b/confirm": "yes"}}}, headers=MERGE)
    removed = client.patch(path, json={"metadata": {"annotations": {"a.b/confirm": None}}}, headers=MERGE)

    assert answer.json()["metadata"]["annotations"] == {"a.b/confirm": "yes"}
    assert "annotations" not in removed.json()["metadata"]
    after = removed.json()["metadata"]
    for name in ("generation", "deletionTimestamp", "finalizers", "uid"):
        assert after[name] == before[name]


def test_deletion_of_what_is_being_deleted(client: httpx.Client, namespace: str) -> None:
    """A second DELETE changes nothing, not even the revision."""
    path = held(client, namespace, MINE)
    before = client.get(path).json()
    assert client.delete(path).json() == before
    assert client.get(path).json() == before


@pytest.mark.parametrize("key", ["uid", "resourceVersion"])
def test_preconditions(client: httpx.Client, namespace: str, key: str) -> None:
    """An object that was made anew, or changed since, survives; with the right value it goes."""
    made = client.post(claims(namespace), json=claim("x")).json()["metadata"]
    path = claims(namespace, "x")
    wrong = client.request("DELETE", path, json={"preconditions": {key: "1"}})

    assert (wrong.status_code, wrong.json()["reason"]) == (409, "Conflict")
    assert (
        f"in the precondition (1) does not match the {'UID' if key == 'uid' else 'ResourceVersion'} in record"
        in (wrong.json()["message"])
    )
    assert client.request("DELETE", path, json={"preconditions": {key: made[key]}}).status_code == 200
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
def test_propagation(client: httpx.Client, namespace: str, policy: str) -> None:
    """Every known policy deletes what has no dependents, given in the body or in the query."""
    for name in ("a", "b"):
        client.post(claims(namespace), json=claim(name)).raise_for_status()
    inside = client.request("DELETE", claims(namespace, "a"), json={"propagationPolicy": policy})
    outside = client.delete(claims(namespace, "b"), params={"propagationPolicy": policy})

    assert (inside.status_code, outside.status_code) == (200, 200)
    for name in ("a", "b"):
        assert gone(client, claims(namespace, name))


def test_unknown_propagation(client: httpx.Client, namespace: str) -> None:
    """Another word is refused, in the body or in the query, and nothing is deleted."""
    client.post(claims(namespace), json=claim("x")).raise_for_status()
    answer = client.request("DELETE", claims(namespace, "x"), json={"propagationPolicy": "Later"})

    text = 'Unsupported value: "Later": supported values: "Foreground", "Background", "Orphan", "nil"'
    assert answer.status_code == 422
    assert answer.json()["message"] == f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: {text}'
    assert client.delete(claims(namespace, "x"), params={"propagationPolicy": "Later"}).status_code == 422
    assert client.get(claims(namespace, "x")).status_code == 200


def test_a_namespace_of_claims(client: httpx.Client) -> None:
    """It terminates at once, deletes its claims, takes no new ones, and ends with the last claim's finalizer."""
    name = client.post("/api/v1/namespaces", json={"metadata": {"generateName": "t-"}}).json()["metadata"]["name"]
    url = f"/api/v1/namespaces/{name}"
    for which, finalizers in (("first", [MINE]), ("second", [MINE]), ("free", [])):
        body = claim(which)
        body["metadata"]["finalizers"] = finalizers
        client.post(claims(name), json=body).raise_for_status()
    client.delete(url).raise_for_status()

    assert client.get(url).json()["status"]["phase"] == "Terminating"
    left = client.get(claims(name)).json()["items"]
    assert [item["metadata"]["name"] for item in left] == ["first", "second"]
    assert all("deletionTimestamp" in item["metadata"] for item in left)
    refused = client.post(claims(name), json=claim("new"))
    assert (refused.status_code, refused.json()["reason"]) == (403, "Forbidden")
    assert "because it is being terminated" in refused.json()["message"]
    status = client.patch(f"{claims(name, 'first')}/status", json={"status": {"phase": "x"}}, headers=MERGE)
    assert status.status_code == 200, "what is there can still be written to"
    for which in ("first", "second"):
        assert client.get(url).status_code == 200
        client.patch(claims(name, which), json={"metadata": {"finalizers": None}}, headers=MERGE).raise_for_status()
    assert client.get(url).status_code == 404


def test_volume_claims(client: httpx.Client, namespace: str) -> None:
    """What a removal of stateful services would leave: listed by label, with its size, class and phase."""
    url = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    for name, release in (("data-postgres-0", "dev-platform-postgres"), ("data-other-0", "other")):
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}}
        body = {"metadata": {"name": name, "labels": {"app.kubernetes.io/instance": release}}, "spec": spec}
        client.post(url, json=body).raise_for_status()
    answer = client.get(url, params={"labelSelector": "app.kubernetes.io/instance=dev-platform-postgres"}).json()

    assert answer["kind"] == "PersistentVolumeClaimList"
    (found,) = answer["items"]
    assert found["metadata"]["name"] == "data-postgres-0"
    assert found["spec"]["volumeMode"] == "Filesystem"
    assert list(found["spec"]) == ["accessModes", "resources", "volumeMode"]
    assert found["status"] == {"phase": "Pending"}
    assert client.delete(f"{url}/data-postgres-0").status_code == 200
    assert client.get(f"{url}/data-postgres-0").status_code == 404


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"resources": {"requests": {"storage": "1Gi"}}}, "spec.accessModes: Required value: at least 1 access mode"),
        ({"accessModes": ["ReadWriteOnce"]}, "spec.resources[storage]: Required value"),
    ],
)
def test_bad_volume_claims(client: httpx.Client, namespace: str, spec: Json, says: str) -> None:
    """No access mode or no size."""
    url = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    answer = client.post(url, json={"metadata": {"name": "x"}, "spec": spec})
    assert answer.status_code == 422
    assert says in answer.json()["message"]
