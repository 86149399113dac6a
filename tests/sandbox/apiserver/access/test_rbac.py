"""RBAC over HTTP: what roles grant, what a refusal says, and who may hand on what."""

from typing import Any

import httpx
import pytest

from tests.sandbox.apiserver.access.conftest import CLAIMS, MERGE, ROLES, Account, grant

READ = {"apiGroups": ["platform.infraforge.io"], "resources": ["applicationclaims"], "verbs": ["get", "list"]}
MAPS = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}


def test_nothing_is_granted_by_default(account: Account, namespace: str) -> None:
    """The refusal has the real server's words and details; discovery is open to everyone signed in."""
    worker = account()
    answer = worker.patch(f"{CLAIMS}/namespaces/{namespace}/applicationclaims/x", json={}, headers=MERGE)

    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'applicationclaims.platform.infraforge.io "x" is forbidden: User "system:serviceaccount:{namespace}'
        ':worker" cannot patch resource "applicationclaims" in API group "platform.infraforge.io" in the namespace '
        f'"{namespace}"',
        "reason": "Forbidden",
        "details": {"name": "x", "group": "platform.infraforge.io", "kind": "applicationclaims"},
        "code": 403,
    }
    assert worker.get("/apis").status_code == 200
    assert worker.get("/openapi/v2").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("GET", "/api/v1/nodes", 'nodes is forbidden: User "{}" cannot list resource "nodes" in API group "" at the '),
        ("GET", "/api/v1/configmaps?watch=1", 'configmaps is forbidden: User "{}" cannot watch resource "configmaps"'),
        ("DELETE", "/api/v1/namespaces/dev/secrets", 'cannot deletecollection resource "secrets" in API group "" in'),
        ("PUT", "/api/v1/namespaces/dev", 'cannot update resource "namespaces" in API group "" in the namespace "dev"'),
        (
            "PUT",
            "/api/v1/namespaces/dev/pods/x/status",
            'pods "x" is forbidden: User "{}" cannot update resource "pods/',
        ),
        ("GET", "/metrics", 'forbidden: User "{}" cannot get path "/metrics"'),
    ],
)
def test_refusals(account: Account, namespace: str, method: str, path: str, text: str) -> None:
    """Every verb is told from its request, whether or not the resource exists."""
    answer = account().request(method, path)

    assert answer.status_code == 403
    assert text.format(f"system:serviceaccount:{namespace}:worker") in answer.json()["message"]


CASES: list[tuple[str, list[dict[str, Any]], str, str, int]] = [
    ("the verb", [MAPS], "GET", "configmaps/one", 200),
    ("another verb", [MAPS], "GET", "configmaps", 403),
    ("any verb", [MAPS | {"verbs": ["*"]}], "GET", "configmaps", 200),
    ("another resource", [MAPS], "GET", "secrets/one", 403),
    ("any resource", [MAPS | {"resources": ["*"]}], "GET", "secrets/one", 404),
    ("another group", [MAPS | {"apiGroups": ["apps"]}], "GET", "configmaps/one", 403),
    ("any group", [MAPS | {"apiGroups": ["*"]}], "GET", "configmaps/one", 200),
    ("the name", [MAPS | {"resourceNames": ["one"]}], "GET", "configmaps/one", 200),
    ("another name", [MAPS | {"resourceNames": ["two"]}], "GET", "configmaps/one", 403),
    (
        "a list of the name",
        [MAPS | {"resourceNames": ["one"], "verbs": ["list"]}],
        "GET",
        "configmaps?fieldSelector=metadata.name%3Done",
        200,
    ),
    ("a list of every name", [MAPS | {"resourceNames": ["one"], "verbs": ["list"]}], "GET", "configmaps", 403),
    (
        "the resource, not its status",
        [{**MAPS, "resources": ["persistentvolumeclaims"]}],
        "GET",
        "persistentvolumeclaims/x/status",
        403,
    ),
    (
        "the status",
        [{**MAPS, "resources": ["persistentvolumeclaims/status"]}],
        "GET",
        "persistentvolumeclaims/x/status",
        404,
    ),
    ("any status", [{**MAPS, "resources": ["*/status"]}], "GET", "persistentvolumeclaims/x/status", 404),
    ("the status only", [{**MAPS, "resources": ["*/status"]}], "GET", "persistentvolumeclaims/x", 403),
]


@pytest.mark.parametrize(("rules", "method", "path", "code"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_rules(
    account: Account, client: httpx.Client, namespace: str, rules: Any, method: str, path: str, code: int
) -> None:
    """A rule grants what it names, and nothing beside it."""
    client.post(f"/api/v1/namespaces/{namespace}/configmaps", json={"metadata": {"name": "one"}})

    answer = account(rules=rules).request(method, f"/api/v1/namespaces/{namespace}/{path}")

    assert answer.status_code == code, answer.text


def test_changes_count_at_once(account: Account, client: httpx.Client, namespace: str) -> None:
    """A role that is granted, changed and taken back is seen by the next request."""
    worker, path = account(), f"/api/v1/namespaces/{namespace}/configmaps"
    codes = [worker.get(path).status_code]
    grant(client, namespace, "worker", [MAPS | {"verbs": ["list"]}])
    codes.append(worker.get(path).status_code)
    client.patch(f"{ROLES}/namespaces/{namespace}/roles/granted", json={"rules": [MAPS]}, headers=MERGE)
    codes.append(worker.get(path).status_code)
    client.patch(
        f"{ROLES}/namespaces/{namespace}/roles/granted", json={"rules": [MAPS | {"verbs": ["*"]}]}, headers=MERGE
    )
    codes.append(worker.get(path).status_code)
    client.delete(f"{ROLES}/namespaces/{namespace}/rolebindings/granted")
    codes.append(worker.get(path).status_code)

    assert codes == [403, 200, 403, 200, 403]


def test_a_role_counts_in_its_namespace_only(account: Account) -> None:
    """The same resource elsewhere, or everywhere, is another matter."""
    worker = account(rules=[READ])

    assert worker.get(f"{CLAIMS}/namespaces/dev/applicationclaims").status_code == 403
    assert worker.get(f"{CLAIMS}/applicationclaims").status_code == 403


def test_a_cluster_role_counts_everywhere(account: Account, client: httpx.Client, namespace: str) -> None:
    """Bound cluster-wide, and to a group."""
    worker = account()
    name = f"readers-{namespace}"
    subject = {"kind": "Group", "name": f"system:serviceaccounts:{namespace}"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    client.post(f"{ROLES}/clusterroles", json={"metadata": {"name": name}, "rules": [READ]}).raise_for_status()
    body = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    client.post(f"{ROLES}/clusterrolebindings", json=body).raise_for_status()

    assert worker.get(f"{CLAIMS}/applicationclaims").status_code == 200

    client.delete(f"{ROLES}/clusterroles/{name}")
    missing = worker.get(f"{CLAIMS}/applicationclaims")
    client.delete(f"{ROLES}/clusterrolebindings/{name}")
    assert missing.json()["message"].endswith(
        f'at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "{name}" not found'
    )


def test_aggregated_roles(account: Account, client: httpx.Client, namespace: str) -> None:
    """What is labelled for `admin` is part of `admin`, until it goes."""
    name = f"confirm-{namespace}"
    rule = {"apiGroups": ["platform.infraforge.io"], "resources": ["applicationclaims"], "verbs": ["confirm"]}
    label = {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}
    body = {"metadata": {"name": name, "labels": label}, "rules": [rule]}
    client.post(f"{ROLES}/clusterroles", json=body).raise_for_status()
    admin = client.get(f"{ROLES}/clusterroles/admin").json()["rules"]
    client.delete(f"{ROLES}/clusterroles/{name}")

    assert rule in admin
    assert rule not in client.get(f"{ROLES}/clusterroles/admin").json()["rules"]
