"""Nobody hands on more than they have."""

from typing import Any

import httpx
import pytest

from tests.sandbox.apiserver.access.conftest import MERGE, ROLES, Account

RBAC = {
    "apiGroups": ["rbac.authorization.k8s.io"],
    "resources": ["roles", "rolebindings"],
    "verbs": ["create", "patch"],
}
MAPS = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}

Rules = list[dict[str, Any]]
CASES: list[tuple[str, Rules, Rules, bool]] = [
    ("what they have", [MAPS], [MAPS], True),
    ("a part of it", [MAPS], [MAPS | {"verbs": ["get"], "resourceNames": ["one"]}], True),
    ("of one name only", [MAPS | {"resourceNames": ["one"]}], [MAPS], False),
    ("that very name", [MAPS | {"resourceNames": ["one"]}], [MAPS | {"resourceNames": ["one"]}], True),
    ("another verb", [MAPS], [MAPS | {"verbs": ["delete"]}], False),
    ("any verb of theirs", [MAPS | {"verbs": ["*"]}], [MAPS | {"verbs": ["delete"]}], True),
    ("another resource", [MAPS], [SECRETS], False),
    ("the status of any", [MAPS | {"resources": ["*/status"]}], [MAPS | {"resources": ["pods/status"]}], True),
    ("another group", [MAPS], [MAPS | {"apiGroups": ["apps"]}], False),
    ("everything", [MAPS], [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}], False),
    (
        "what they may escalate to",
        [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]}],
        [SECRETS],
        True,
    ),
]


@pytest.mark.parametrize(("own", "given", "passes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_roles(account: Account, namespace: str, own: Rules, given: Rules, passes: bool) -> None:
    """A role may hold what its author holds, and what they were let escalate to."""
    author = account(rules=[RBAC, *own])

    answer = author.post(f"{ROLES}/namespaces/{namespace}/roles", json={"metadata": {"name": "new"}, "rules": given})

    assert answer.status_code == (201 if passes else 403), answer.text


def test_the_refusal_names_what_is_missing(account: Account, client: httpx.Client, namespace: str) -> None:
    """In the words of the real server, at creation and at a change."""
    author = account(rules=[RBAC, MAPS])
    body = {"metadata": {"name": "new"}, "rules": [SECRETS, MAPS]}
    path = f"{ROLES}/namespaces/{namespace}/roles"

    created = author.post(path, json=body).json()
    client.post(path, json=body | {"rules": [MAPS]}).raise_for_status()
    changed = author.patch(f"{path}/new", json={"rules": [SECRETS]}, headers=MERGE).json()

    text = (
        f'roles.rbac.authorization.k8s.io "new" is forbidden: user "system:serviceaccount:{namespace}:worker" (groups='
        f'["system:serviceaccounts" "system:serviceaccounts:{namespace}" "system:authenticated"]) is attempting to '
        'grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}'
    )
    assert [created["message"], changed["message"]] == [text, text]
    assert [created["code"], changed["code"]] == [403, 403]


def test_bindings(account: Account, client: httpx.Client, namespace: str) -> None:
    """A role may be bound by who holds all of it, or who may bind it; a missing one by nobody."""
    author = account(rules=[RBAC, MAPS])
    bind = RBAC | {"resources": ["roles"], "verbs": ["bind"], "resourceNames": ["secrets"]}
    binder = account("binder", rules=[RBAC, bind])
    for name, rule in (("maps", MAPS), ("secrets", SECRETS)):
        body = {"metadata": {"name": name}, "rules": [rule]}
        client.post(f"{ROLES}/namespaces/{namespace}/roles", json=body).raise_for_status()

    def bound(who: httpx.Client, role: str) -> int:
        reference = {"kind": "Role", "name": role, "apiGroup": "rbac.authorization.k8s.io"}
        body = {"metadata": {"generateName": "b-"}, "roleRef": reference}
        return who.post(f"{ROLES}/namespaces/{namespace}/rolebindings", json=body).status_code

    assert [bound(author, "maps"), bound(author, "secrets"), bound(author, "none")] == [201, 403, 404]
    assert [bound(binder, "secrets"), bound(binder, "maps")] == [201, 403]


KINDS: list[tuple[str, str, dict[str, Any], str]] = [
    ("no verb", "roles", {"rules": [MAPS | {"verbs": []}]}, "rules[0].verbs: Required value"),
    ("no group", "roles", {"rules": [MAPS | {"apiGroups": []}]}, "must supply at least one api group"),
    ("no resource", "roles", {"rules": [MAPS | {"resources": []}]}, "must supply at least one resource"),
    (
        "a path",
        "roles",
        {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]},
        "cannot apply to non-resource URLs",
    ),
    ("no role", "rolebindings", {"roleRef": {"kind": "Role", "name": ""}}, "roleRef.name: Required value"),
    ("another kind", "rolebindings", {"roleRef": {"kind": "Rule", "name": "x"}}, "roleRef.kind: Unsupported value"),
    (
        "nobody",
        "rolebindings",
        {"roleRef": {"kind": "Role", "name": "x"}, "subjects": [{"kind": "User", "name": ""}]},
        "subjects[0].name: Required value",
    ),
    (
        "nobody known",
        "rolebindings",
        {"roleRef": {"kind": "Role", "name": "x"}, "subjects": [{"kind": "Robot", "name": "x"}]},
        "subjects[0].kind: Unsupported value",
    ),
]


@pytest.mark.parametrize(("plural", "body", "text"), [case[1:] for case in KINDS], ids=[case[0] for case in KINDS])
def test_what_is_no_role(client: httpx.Client, namespace: str, plural: str, body: Any, text: str) -> None:
    """Roles and bindings that grant nothing to nobody are refused."""
    path = f"{ROLES}/namespaces/{namespace}/{plural}"
    answer = client.post(path, json={"metadata": {"name": "bad"}} | body)

    assert answer.status_code == 422, answer.text
    assert text in answer.json()["message"]


def test_groups_are_filled_in(client: httpx.Client, namespace: str) -> None:
    """A binding may leave out the group of its role and of people, as kubectl's users do."""
    subjects = [{"kind": "User", "name": "ann"}, {"kind": "ServiceAccount", "name": "x", "namespace": namespace}]
    body = {"metadata": {"name": "short"}, "roleRef": {"kind": "Role", "name": "x"}, "subjects": subjects}
    made = client.post(f"{ROLES}/namespaces/{namespace}/rolebindings", json=body).json()

    assert made["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    assert made["subjects"][0]["apiGroup"] == "rbac.authorization.k8s.io"
    assert "apiGroup" not in made["subjects"][1]
