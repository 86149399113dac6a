"""What the API server refuses by the chart's policies and roles, asked as the people that they are for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.knative.rendering import NAMESPACE, Object, render
from tests.sandbox.apiserver.conftest import start

CONFIRM = "platform.infraforge.io/confirm-removal"
CLAIMS = "/apis/platform.infraforge.io/v1alpha1/namespaces"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
POLICIES = "/apis/admissionregistration.k8s.io/v1"
KINDS = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ValidatingAdmissionPolicy": f"{POLICIES}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{POLICIES}/validatingadmissionpolicybindings",
}
PEOPLE = {"developer": "edit", "lead": "admin", "reader": "view", "releaser": "infraforge-confirm"}
"""User → the ClusterRole that they have in namespace dev; the releaser is a developer as well."""


@dataclass(frozen=True)
class Cluster:
    """The API server with the chart's policies and roles, and people in namespace dev."""

    client: httpx.Client

    def send(self, method: str, path: str, document: Any, *, user: str | None = None) -> httpx.Response:
        headers = {"Impersonate-User": user} if user else {}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        return self.client.request(method, path, json=document, headers=headers)

    def created(self, path: str, document: Any) -> None:
        answer = self.send("POST", path, document)
        assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    server = start(tmp_path_factory.mktemp("server"), "--namespaces", f"{NAMESPACE},dev")
    try:
        with server.client() as client:
            made = Cluster(client)
            for kind in ("CustomResourceDefinition", "ClusterRole"):
                _install(made, kind)
            made.created(f"{CLAIMS}/{NAMESPACE}/bootstrapclaims", bootstrap("before", {"a": ["dev", "dev-eu"]}))
            for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
                _install(made, kind)
            for user, role in (*PEOPLE.items(), ("releaser", "edit")):
                made.created(f"{RBAC}/namespaces/dev/rolebindings", binding(user, role))
            yield made
    finally:
        server.stop()


def _install(cluster: Cluster, kind: str) -> None:
    for one in render():
        if one["kind"] == kind:
            cluster.created(KINDS[kind], one)


def binding(user: str, role: str) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{user}-{role}", "namespace": "dev"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


def bootstrap(name: str, environments: dict[str, list[str]], namespace: str = NAMESPACE) -> Object:
    return {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "BootstrapClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "gitea": {"url": "http://gitea-http.gitea.svc:3000", "organization": "platform"},
            "clusters": [{"type": type_, "environments": names} for type_, names in environments.items()],
        },
    }


def infrastructure(namespace: str) -> Object:
    return {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "InfrastructureClaim",
        "metadata": {"name": "dev", "namespace": namespace},
        "spec": {"clusterType": "nonprod", "environment": "dev", "namespaces": [{"name": "shop"}]},
    }


def application(name: str, annotations: dict[str, str] | None = None) -> Object:
    return {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "ApplicationClaim",
        "metadata": {"name": name, "namespace": "dev", "annotations": annotations or {}},
        "spec": {"clusterType": "nonprod", "environment": name, "applications": []},
    }


@pytest.mark.parametrize("plural", ["bootstrapclaims", "infrastructureclaims"])
def test_claims_of_operators_live_in_the_system_namespace(cluster: Cluster, plural: str) -> None:
    make = (lambda at: bootstrap("new", {"a": ["one"]}, at)) if plural == "bootstrapclaims" else infrastructure
    elsewhere = cluster.send("POST", f"{CLAIMS}/dev/{plural}", make("dev"))

    assert elsewhere.status_code == 403, elsewhere.text
    assert 'this kind lives in namespace "platform-system" only, and not in "dev"' in elsewhere.json()["message"]
    cluster.created(f"{CLAIMS}/{NAMESPACE}/{plural}", make(NAMESPACE))


@pytest.mark.parametrize(
    ("environments", "message", "why"),
    [
        ({"a": ["dev"], "b": ["dev"]}, "an environment's name is used twice", "over all types"),
        ({"a": ["qa", "dev"], "b": ["prod", "qa"]}, "an environment's name is used twice", "wherever they stand"),
        ({"a": ["dev", "dev-eu"]}, "an environment's name begins with another one's", "of one type"),
        ({"a": ["dev-eu-west"], "b": ["dev-eu"]}, "an environment's name begins with another one's", "of two"),
        ({"a": ["dev", "devel"], "b": ["eu-dev"]}, None, "only with the dash, and only at the beginning"),
        ({"a": ["e", "e2"], "b": ["2e"]}, None, "short ones"),
        ({"a": [f"e{number}" for number in range(400)]}, None, "many"),
        ({"a": [], "b": []}, None, "none"),
    ],
)
def test_names_of_environments(
    cluster: Cluster, environments: dict[str, list[str]], message: str | None, why: str
) -> None:
    name = "-".join(re.findall(r"[a-z]+", why))
    answer = cluster.send("POST", f"{CLAIMS}/{NAMESPACE}/bootstrapclaims", bootstrap(name, environments))

    assert answer.status_code == (422 if message else 201), (why, answer.text)
    assert message is None or message in answer.json()["message"]


def test_what_was_there_before_the_policy_can_be_worked_on(cluster: Cluster) -> None:
    """A finalizer comes and goes without the spec being judged; a change of the spec is."""
    path = f"{CLAIMS}/{NAMESPACE}/bootstrapclaims/before"
    held = cluster.send("PATCH", path, {"metadata": {"finalizers": ["platform.infraforge.io/cleanup"]}})
    changed = bootstrap("before", {"a": ["dev", "dev-eu", "qa"]})["spec"]["clusters"]

    assert held.status_code == 200, held.text
    assert cluster.send("PATCH", path, {"spec": {"clusters": changed}}).status_code == 422


@pytest.mark.parametrize(
    ("user", "code", "why"),
    [
        (None, 200, "the administrator of the cluster"),
        ("lead", 200, "Kubernetes' admin has the verb"),
        ("releaser", 200, "a developer who was given the verb"),
        ("developer", 403, "who edits claims cannot say that workloads go"),
        ("reader", 403, "who reads cannot write at all"),
    ],
)
def test_who_confirms_a_removal(cluster: Cluster, user: str | None, code: int, why: str) -> None:
    name = f"of-{user or 'root'}"
    cluster.created(f"{CLAIMS}/dev/applicationclaims", application(name))
    path = f"{CLAIMS}/dev/applicationclaims/{name}"
    answer = cluster.send("PATCH", path, {"metadata": {"annotations": {CONFIRM: "remove-1-abc"}}}, user=user)

    assert answer.status_code == code, (why, answer.text)
    if user == "developer":
        assert 'needs the verb "confirm" on applicationclaims in namespace "dev"' in answer.json()["message"]


def test_a_confirmed_claim_can_be_edited_and_the_confirmation_withdrawn(cluster: Cluster) -> None:
    cluster.created(f"{CLAIMS}/dev/applicationclaims", application("confirmed", {CONFIRM: "remove-1-abc"}))
    path = f"{CLAIMS}/dev/applicationclaims/confirmed"
    for change, code, why in (
        ({"metadata": {"labels": {"team": "a"}}}, 200, "it stays as it was"),
        ({"metadata": {"annotations": {"note": "x"}}}, 200, "another annotation"),
        ({"metadata": {"annotations": {CONFIRM: "remove-9-fff"}}}, 403, "another removal"),
        ({"metadata": {"annotations": {CONFIRM: None}}}, 200, "nothing goes by that"),
        ({"metadata": {"annotations": {CONFIRM: "remove-1-abc"}}}, 403, "it would be set again"),
    ):
        answer = cluster.send("PATCH", path, change, user="developer")
        assert answer.status_code == code, (why, answer.text)


def test_a_claim_is_not_made_confirmed(cluster: Cluster) -> None:
    document = application("born-confirmed", {CONFIRM: "remove-1-abc"})
    answer = cluster.send("POST", f"{CLAIMS}/dev/applicationclaims", document, user="developer")

    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize(
    ("user", "method", "path", "code"),
    [
        ("developer", "POST", "dev/applicationclaims", 201),
        ("reader", "POST", "dev/applicationclaims", 403),
        ("reader", "GET", "dev/applicationclaims", 200),
        ("developer", "GET", "dev/bootstrapclaims", 200),
        ("developer", "POST", "dev/infrastructureclaims", 403),
        ("developer", "GET", f"{NAMESPACE}/applicationclaims", 403),
        ("developer", "GET", "dev/deadletters", 403),
        ("lead", "GET", "dev/deadletters", 200),
    ],
)
def test_people_have_what_their_role_says(cluster: Cluster, user: str, method: str, path: str, code: int) -> None:
    document = application(f"by-{user}") if method == "POST" else None
    if path.endswith("infrastructureclaims"):
        document = infrastructure("dev")

    assert cluster.send(method, f"{CLAIMS}/{path}", document, user=user).status_code == code
