"""The namespaces of an environment: what is kept, what is closed, and who may work there."""

from typing import Any

import pytest

from tests.charts import platform
from tests.charts.platform import CASES, NAMESPACES, Manifest

(EVERYTHING,) = [case.values for case in CASES if case.name == "namespaces-all"]
LEVEL = "pod-security.kubernetes.io/enforce"


def only(manifests: list[Manifest], kind: str, name: str, namespace: str | None = None) -> Manifest:
    """The one object of this kind, name and namespace."""
    (found,) = [
        manifest
        for manifest in platform.of_kind(manifests, kind)
        if (manifest["metadata"]["name"], manifest["metadata"].get("namespace")) == (name, namespace)
    ]
    return found


@pytest.mark.parametrize("values", [EVERYTHING, "namespaces: [{name: shop}]"])
def test_a_namespace_is_never_taken_away(values: str) -> None:
    """With it every volume claim in it would go; whoever manages it, Helm or ArgoCD."""
    annotations = only(platform.objects(NAMESPACES, values), "Namespace", "shop")["metadata"]["annotations"]

    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
    # One that is no longer in Git would keep the Application OutOfSync for ever.
    assert annotations["argocd.argoproj.io/compare-options"] == "IgnoreExtraneous"
    assert annotations["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize(
    ("labels", "level", "why"),
    [
        ("{}", "restricted", "the level that needs no thought"),
        (f"{{{LEVEL}: baseline}}", "baseline", "a claim may lower it by one"),
        (f"{{{LEVEL}: restricted, team: a}}", "restricted", "or say it"),
    ],
)
def test_the_pod_security_level(labels: str, level: str, why: str) -> None:
    manifests = platform.objects(NAMESPACES, f"namespaces: [{{name: shop, labels: {labels}}}]")

    found = only(manifests, "Namespace", "shop")["metadata"]["labels"]
    assert found[LEVEL] == level, why
    assert found["pod-security.kubernetes.io/warn"] == "restricted"


def test_no_namespaces_are_no_objects() -> None:
    assert platform.objects(NAMESPACES) == []


def test_everything_but_the_namespace_is_in_it() -> None:
    """And nothing else reaches over the whole cluster."""
    for manifest in platform.objects(NAMESPACES, EVERYTHING):
        assert ("namespace" in manifest["metadata"]) == (manifest["kind"] != "Namespace")
        assert manifest["metadata"]["labels"]["app.kubernetes.io/instance"] == platform.release_of(NAMESPACES)


def test_nothing_enters_or_leaves_unless_it_is_named() -> None:
    manifests = platform.objects(NAMESPACES, EVERYTHING)
    closed = only(manifests, "NetworkPolicy", "infraforge-default-deny", "shop")["spec"]
    allowed = only(manifests, "NetworkPolicy", "infraforge-allowed", "shop")["spec"]

    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert allowed["ingress"] == [{"from": [{"podSelector": {}}, _namespace("ingress-nginx")]}]
    assert {port["port"] for port in allowed["egress"][0]["ports"]} == {53}
    assert allowed["egress"][1:] == [{"to": [{"podSelector": {}}, _namespace("platform-services")]}]
    assert [policy["metadata"]["namespace"] for policy in platform.of_kind(manifests, "NetworkPolicy")] == ["shop"] * 2


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def test_access_is_one_binding_for_each_role() -> None:
    """A binding's role is immutable, so its name says the role: a changed role is another binding."""
    bindings = platform.of_kind(platform.objects(NAMESPACES, EVERYTHING), "RoleBinding")

    group = "rbac.authorization.k8s.io"
    assert {binding["metadata"]["name"]: binding["subjects"] for binding in bindings} == {
        "infraforge-view": [
            {"apiGroup": group, "kind": "Group", "name": "developers"},
            {"apiGroup": group, "kind": "User", "name": "ada@example.com"},
        ],
        "infraforge-admin": [{"kind": "ServiceAccount", "name": "ci", "namespace": "build"}],
    }
    for binding in bindings:
        role = binding["metadata"]["name"].removeprefix("infraforge-")
        assert binding["roleRef"] == {"apiGroup": group, "kind": "ClusterRole", "name": role}


def test_quota_and_limits_are_quantities() -> None:
    """Written as text, whatever they were: 50 and 0.1 are numbers in the values."""
    manifests = platform.objects(NAMESPACES, EVERYTHING)

    quota = only(manifests, "ResourceQuota", "infraforge", "shop")["spec"]["hard"]
    (limits,) = only(manifests, "LimitRange", "infraforge", "shop")["spec"]["limits"]
    assert quota == {"requests.cpu": "4", "requests.memory": "8Gi", "pods": "50", "count/deployments.apps": "20"}
    assert limits["defaultRequest"] == {"cpu": "0.1", "memory": "128Mi"}
    assert limits["type"] == "Container"


@pytest.mark.parametrize("number", ["1000000", "2000000000000"])
def test_a_large_number_keeps_its_digits(number: str) -> None:
    """Helm holds numbers as floats; 1e+06 would be another text in every rendering of another Helm."""
    manifests = platform.objects(NAMESPACES, f"namespaces: [{{name: shop, quota: {{pods: {number}}}}}]")

    assert only(manifests, "ResourceQuota", "infraforge", "shop")["spec"]["hard"]["pods"] == number
