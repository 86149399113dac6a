"""Questions about rights, acting as somebody else, and the audit log."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.sandbox.apiserver.access.conftest import CLAIMS, ROLES, Account, token_of
from tests.sandbox.apiserver.conftest import Running

AUTHORIZATION = "/apis/authorization.k8s.io/v1"
MAPS = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}


def status(client: httpx.Client, kind: str, spec: Any) -> Any:
    """Return what a review says."""
    answer = client.post(f"{AUTHORIZATION}/{kind}", json={"spec": spec})
    assert answer.status_code == 201, answer.text
    return answer.json()["status"]


def test_may_i(account: Account, namespace: str) -> None:
    """An account learns what it may, and through which binding."""
    worker = account(rules=[MAPS])
    wish = {"namespace": namespace, "verb": "get", "resource": "configmaps"}

    yes = status(worker, "selfsubjectaccessreviews", {"resourceAttributes": wish})
    no = status(worker, "selfsubjectaccessreviews", {"resourceAttributes": wish | {"verb": "list"}})
    path = status(worker, "selfsubjectaccessreviews", {"nonResourceAttributes": {"path": "/api", "verb": "get"}})

    source = f'RoleBinding "worker-role/{namespace}" of Role "worker-role" to ServiceAccount "worker/{namespace}"'
    assert yes == {"allowed": True, "reason": f"RBAC: allowed by {source}"}
    assert no == {"allowed": False}
    assert path["allowed"] is True


def test_may_they(account: Account, client: httpx.Client, namespace: str) -> None:
    """An administrator asks for somebody else; an account may not."""
    worker = account(rules=[MAPS])
    spec = {
        "user": f"system:serviceaccount:{namespace}:worker",
        "resourceAttributes": {"namespace": namespace, "verb": "get", "resource": "configmaps"},
    }

    assert status(client, "subjectaccessreviews", spec)["allowed"] is True
    assert status(client, "subjectaccessreviews", spec | {"user": "ann"}) == {"allowed": False}
    assert worker.post(f"{AUTHORIZATION}/subjectaccessreviews", json={"spec": spec}).status_code == 403


@pytest.mark.parametrize(
    ("kind", "spec", "text"),
    [
        ("subjectaccessreviews", {"user": "ann"}, "exactly one of nonResourceAttributes or resourceAttributes"),
        ("subjectaccessreviews", {"resourceAttributes": {}}, "at least one of user or group must be specified"),
        (
            "selfsubjectaccessreviews",
            {"resourceAttributes": {"verb": "get"}, "nonResourceAttributes": {"verb": "get"}},
            "cannot be specified in combination with resourceAttributes",
        ),
    ],
)
def test_questions_that_ask_nothing(client: httpx.Client, kind: str, spec: Any, text: str) -> None:
    """They are refused."""
    answer = client.post(f"{AUTHORIZATION}/{kind}", json={"spec": spec})

    assert answer.status_code == 422
    assert text in answer.json()["message"]


def test_what_may_i(account: Account, namespace: str) -> None:
    """The rules are listed as they are written."""
    rules = status(account(rules=[MAPS]), "selfsubjectrulesreviews", {"namespace": namespace})

    assert {"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]} in rules["resourceRules"]
    assert any("/openapi/*" in rule["nonResourceURLs"] for rule in rules["nonResourceRules"])
    assert rules["incomplete"] is False


def test_acting_as_an_account(account: Account, client: httpx.Client, namespace: str) -> None:
    """An administrator acts with the account's rights, not with their own."""
    account(rules=[MAPS])
    headers = {"Impersonate-User": f"system:serviceaccount:{namespace}:worker"}
    path = f"/api/v1/namespaces/{namespace}"

    assert client.get(f"{path}/configmaps/none", headers=headers).status_code == 404
    assert client.get(f"{path}/secrets/none", headers=headers).status_code == 403
    seen = client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json={}, headers=headers).json()
    assert seen["status"]["userInfo"]["groups"] == [
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        "system:authenticated",
    ]


def test_who_may_act_as_whom(account: Account, client: httpx.Client, namespace: str) -> None:
    """The right is asked for each user and each group."""
    name = f"imitate-{namespace}"
    rules = [{"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["ann"]}]
    worker = account()
    client.post(f"{ROLES}/clusterroles", json={"metadata": {"name": name}, "rules": rules}).raise_for_status()
    subject = {"kind": "ServiceAccount", "name": "worker", "namespace": namespace}
    body = {"metadata": {"name": name}, "roleRef": {"kind": "ClusterRole", "name": name}, "subjects": [subject]}
    client.post(f"{ROLES}/clusterrolebindings", json=body).raise_for_status()

    ann = worker.get("/api", headers={"Impersonate-User": "ann"})
    bob = worker.get("/api", headers={"Impersonate-User": "bob"})
    master = worker.get("/api", headers={"Impersonate-User": "ann", "Impersonate-Group": "system:masters"})
    nobody = worker.get("/api", headers={"Impersonate-Group": "system:masters"})
    for kind in ("clusterroles", "clusterrolebindings"):
        client.delete(f"{ROLES}/{kind}/{name}")

    assert [ann.status_code, bob.status_code, master.status_code, nobody.status_code] == [200, 403, 403, 400]
    assert bob.json()["message"] == (
        f'users "bob" is forbidden: User "system:serviceaccount:{namespace}:worker" cannot impersonate resource '
        '"users" in API group "" at the cluster scope'
    )
    assert 'groups "system:masters" is forbidden' in master.json()["message"]


def test_audit_log(launch: Callable[..., Running]) -> None:
    """One line a request: who asked for what, whether roles allow it, and what came of it."""
    first = launch("--namespaces", "dev")
    first.stop()
    log = first.data / "audit.jsonl"
    server = launch("--audit-log", str(log), port=first.port)
    with server.client() as client:
        client.post("/api/v1/namespaces/dev/serviceaccounts", json={"metadata": {"name": "worker"}})
        token = token_of(client, "dev", "worker")["status"]["token"]
    with server.client(token=token) as worker:
        worker.get(f"{CLAIMS}/namespaces/dev/applicationclaims/x")
        worker.patch("/api/v1/namespaces/dev/pods/one/status", json={})
        worker.get("/apis")
        worker.get("/readyz")
    server.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines()]

    assert [line["code"] for line in lines] == [201, 201, 403, 403, 200]
    assert lines[1] == {
        "user": "kubernetes-admin",
        "verb": "create",
        "group": "",
        "resource": "serviceaccounts",
        "subresource": "token",
        "namespace": "dev",
        "name": "worker",
        "path": "",
        "allowed": True,
        "code": 201,
    }
    assert (lines[2]["user"], lines[2]["allowed"]) == ("system:serviceaccount:dev:worker", False)
    assert (lines[3]["verb"], lines[3]["resource"], lines[3]["subresource"]) == ("patch", "pods", "status")
    assert (lines[4]["verb"], lines[4]["path"], lines[4]["allowed"]) == ("get", "/apis", True)


def test_an_apply_that_creates_needs_both_rights(account: Account, namespace: str) -> None:
    """As on a cluster: to patch is not enough."""
    apply = {"Content-Type": "application/apply-patch+yaml"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "b"}}
    path = f"/api/v1/namespaces/{namespace}/configmaps/one?fieldManager=me"
    patcher = account("patcher", [MAPS | {"verbs": ["patch"]}])
    maker = account("maker", [MAPS | {"verbs": ["patch", "create"]}])

    refused = patcher.patch(path, content=json.dumps(body), headers=apply)
    made = maker.patch(path, content=json.dumps(body), headers=apply)
    changed = patcher.patch(path, content=json.dumps(body | {"data": {"a": "b", "c": "d"}}), headers=apply)

    assert [refused.status_code, made.status_code, changed.status_code] == [403, 201, 200]
    assert 'cannot create resource "configmaps"' in refused.json()["message"]
