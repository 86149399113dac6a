"""What becomes of the objects that an owner leaves behind, under each policy, as watchers see it."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.sandbox.apiserver.test_objects import MERGE, claim, claims

Json = dict[str, Any]
HOLD = "example.com/hold"


def maps(namespace: str, name: str = "") -> str:
    """The path of ConfigMaps."""
    return f"/api/v1/namespaces/{namespace}/configmaps{'/' if name else ''}{name}"


def reference(owner: Json, *, blocks: bool = True) -> Json:
    """An owner reference to `owner`."""
    head = {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}
    metadata = {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    return head | metadata | {"controller": blocks, "blockOwnerDeletion": blocks}


def owned(client: httpx.Client, namespace: str, name: str, *owners: Json, **metadata: Any) -> Json:
    """Create a ConfigMap with owners."""
    body = {"metadata": {"name": name, "ownerReferences": list(owners), **metadata}}
    answer = client.post(maps(namespace), json=body)
    answer.raise_for_status()
    made: Json = answer.json()
    return made


def owner(client: httpx.Client, namespace: str, name: str) -> Json:
    """Create a claim to own something."""
    answer = client.post(claims(namespace), json=claim(name))
    answer.raise_for_status()
    made: Json = answer.json()
    return made


def delete(client: httpx.Client, path: str, policy: str | None) -> httpx.Response:
    """Delete with a policy."""
    return client.request("DELETE", path, json={"propagationPolicy": policy} if policy else {})


def gone(client: httpx.Client, path: str) -> bool:
    """Whether an object goes within some seconds: the collector takes its time."""
    return within(lambda: client.get(path).status_code == 404)


def within(condition: Callable[[], bool], limit: float = 10.0) -> bool:
    """Whether a condition comes true in time."""
    until = time.monotonic() + limit
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)  # polls a condition of another process
    return True


def marked(client: httpx.Client, path: str) -> bool:
    """Whether an object is to be deleted within some seconds."""
    return within(lambda: "deletionTimestamp" in client.get(path).json()["metadata"])


def changes(client: httpx.Client, url: str, since: str) -> list[tuple[str, list[str]]]:
    """Types and finalizers of the changes after a resource version."""
    parameters = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "1"}
    with client.stream("GET", url, params=parameters) as answer:
        events = [json.loads(line) for line in answer.iter_lines()]
    return [(event["type"], event["object"]["metadata"].get("finalizers") or []) for event in events]


@pytest.mark.parametrize(
    ("policy", "seen", "why"),
    [
        (None, [("DELETED", [])], "in the background, by default"),
        ("Background", [("DELETED", [])], "the owner first"),
        ("Foreground", [("MODIFIED", ["foregroundDeletion"]), ("DELETED", ["foregroundDeletion"])], "the owner last"),
    ],
)
def test_dependents_go_with_their_owner(
    client: httpx.Client, namespace: str, policy: str | None, seen: list[tuple[str, list[str]]], why: str
) -> None:
    """Direct and indirect dependents go; what belongs to nobody stays."""
    root = owner(client, namespace, "root")
    first = owned(client, namespace, "first", reference(root))
    owned(client, namespace, "second", reference(first))
    owned(client, namespace, "free")
    assert delete(client, claims(namespace, "root"), policy).status_code == 200

    for path in (maps(namespace, "first"), maps(namespace, "second"), claims(namespace, "root")):
        assert gone(client, path), why
    assert client.get(maps(namespace, "free")).status_code == 200
    assert changes(client, claims(namespace), root["metadata"]["resourceVersion"]) == seen


def test_orphans_lose_their_owner_and_live(client: httpx.Client, namespace: str) -> None:
    """With Orphan the reference goes, the object stays."""
    root = owner(client, namespace, "root")
    owned(client, namespace, "first", reference(root))
    kept = delete(client, claims(namespace, "root"), "Orphan").json()

    assert kept["metadata"]["finalizers"] == ["orphan"]
    assert gone(client, claims(namespace, "root"))
    assert "ownerReferences" not in client.get(maps(namespace, "first")).json()["metadata"]


def test_a_dependent_with_a_finalizer_holds_its_owner(client: httpx.Client, namespace: str) -> None:
    """In the foreground the owner waits for it; one that does not block is not waited for."""
    root = owner(client, namespace, "root")
    owned(client, namespace, "held", reference(root), finalizers=[HOLD])
    owned(client, namespace, "loose", reference(root, blocks=False), finalizers=[HOLD])
    delete(client, claims(namespace, "root"), "Foreground")

    assert marked(client, maps(namespace, "held"))
    assert client.get(claims(namespace, "root")).json()["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert "deletionTimestamp" not in client.get(maps(namespace, "loose")).json()["metadata"]
    client.patch(maps(namespace, "held"), json={"metadata": {"finalizers": None}}, headers=MERGE).raise_for_status()
    assert gone(client, claims(namespace, "root"))
    assert marked(client, maps(namespace, "loose"))


def test_two_owners(client: httpx.Client, namespace: str) -> None:
    """An object lives as long as one of its owners does, and names only those that do."""
    one, two = owner(client, namespace, "one"), owner(client, namespace, "two")
    owned(client, namespace, "shared", reference(one), reference(two, blocks=False))
    delete(client, claims(namespace, "one"), None)

    def owners() -> list[str]:
        references = client.get(maps(namespace, "shared")).json()["metadata"]["ownerReferences"]
        return [one["name"] for one in references]

    assert within(lambda: owners() == ["two"])
    delete(client, claims(namespace, "two"), None)
    assert gone(client, maps(namespace, "shared"))


@pytest.mark.parametrize(
    ("change", "code", "why"),
    [
        ({"uid": "00000000-0000-0000-0000-000000000000"}, 404, "an owner of the name that is another object"),
        ({"name": "nobody"}, 404, "an owner that is not there"),
        ({"kind": "Unknown"}, 200, "of a kind that nobody serves nothing is known"),
    ],
)
def test_owners_that_are_not_there(client: httpx.Client, namespace: str, change: Json, code: int, why: str) -> None:
    """What is made for an owner that is gone goes at once."""
    root = owner(client, namespace, "root")
    owned(client, namespace, "late", reference(root) | change)
    if code == 404:
        assert gone(client, maps(namespace, "late")), why
    else:
        owned(client, namespace, "later", reference(root) | {"name": "nobody"})
        assert gone(client, maps(namespace, "later")), "the collector has looked at both"
        assert client.get(maps(namespace, "late")).status_code == code, why
