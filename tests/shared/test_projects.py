"""AppProjects: what claims may use, and nothing else, by the words of the manifests and by ArgoCD's own rules."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox.argocd.projects import destination_permitted, kind_permitted, source_permitted
from shared.argocd import Layout
from shared.claims.parts import Destination
from shared.projects import Fence, infrastructure_project, namespaces_project, root_project, workload_project

GITEA = "http://gitea-http.gitea.svc:3000"
LAYOUT = Layout(GITEA, "argocd")
IN_CLUSTER = {"server": "https://kubernetes.default.svc"}
FENCE = Fence(
    namespaces=None,
    system_namespaces=("argocd", "platform-system"),
    chart_registries=("ghcr.io/acme",),
    denied_kinds=("ResourceQuota", "*.rbac.authorization.k8s.io", "Application.argoproj.io"),
)
BOUND = replace(FENCE, namespaces=frozenset({"shop", "team-a"}))
TEAM = workload_project("prod", None, "platform", FENCE, LAYOUT)
BOUND_TEAM = workload_project("prod", None, "platform", BOUND, LAYOUT)
SPACES = infrastructure_project("prod", None, "platform", FENCE, LAYOUT)
BOUND_SPACES = infrastructure_project("prod", None, "platform", BOUND, LAYOUT)


def test_a_project_keeps_its_workloads_out_of_the_platforms_namespaces() -> None:
    """Denied first; ArgoCD refuses what any `!` pattern matches. The cluster is the type's own and no other."""
    for project in (workload_project, infrastructure_project):
        spec = project("prod", Destination(name="prod"), "platform", FENCE, LAYOUT)["spec"]
        assert {one["name"] for one in spec["destinations"]} == {"prod"}
        namespaces = [one["namespace"] for one in spec["destinations"]]
        assert namespaces == ["!argocd", "!platform-system", "!gitea", "!kube-*", "!knative-*", "*"]


DESTINATIONS = [
    (TEAM, "shop", True, "any namespace"),
    (TEAM, "argocd", False, "whoever writes there deploys everywhere"),
    (TEAM, "kube-system", False, "the cluster's own"),
    (TEAM, "platform-system", False, "where operators write"),
    (TEAM, "knative-eventing", False, "the platform stands on it"),
    (BOUND_TEAM, "team-a", True, "every environment is bound, and to this one"),
    (BOUND_TEAM, "team-b", False, "to nothing else"),
    (BOUND_TEAM, "default", False, "not even there"),
    (BOUND_SPACES, "team-a", True, "the namespaces are those"),
    (BOUND_SPACES, "default", True, "an Application's destination in which it makes nothing"),
]


@pytest.mark.parametrize(("project", "namespace", "allowed", "why"), DESTINATIONS, ids=[one[3] for one in DESTINATIONS])
def test_namespaces(project: dict[str, Any], namespace: str, allowed: bool, why: str) -> None:
    assert destination_permitted(project, namespace) is allowed, why
    assert {one["server"] for one in project["spec"]["destinations"]} == {IN_CLUSTER["server"]}, "no other cluster"


SOURCES = [
    (TEAM, f"{GITEA}/platform/charts.git", True, "a team's own chart"),
    (TEAM, f"{GITEA}/platform/platform-charts.git", True, "a service's"),
    (TEAM, f"{GITEA}/platform/voltran.git", True, "values"),
    (TEAM, f"{GITEA}/platform/other.git", False, "no other repository"),
    (TEAM, f"{GITEA}/other/charts.git", False, "no other organization"),
    (TEAM, "ghcr.io/acme", True, "a registry as a claim names it, with the chart's name beside it"),
    (TEAM, "ghcr.io/acme/charts/team", True, "below it, however deep"),
    (TEAM, "ghcr.io/acmes", False, "another owner there"),
    (SPACES, f"{GITEA}/platform/platform-charts.git", True, "the chart of the namespaces"),
    (SPACES, f"{GITEA}/platform/charts.git", False, "and no team's"),
    (SPACES, "ghcr.io/acme", False, "from nowhere else"),
]


@pytest.mark.parametrize(("project", "url", "allowed", "why"), SOURCES, ids=[one[3] for one in SOURCES])
def test_sources(project: dict[str, Any], url: str, allowed: bool, why: str) -> None:
    assert source_permitted(project, url) is allowed, why


KINDS = [
    (TEAM, "apps", "Deployment", True, True, "a workload"),
    (TEAM, "monitoring.coreos.com", "ServiceMonitor", True, True, "what an operator of the cluster's works on"),
    (TEAM, "argoproj.io", "Rollout", True, True, "a workload of another of Argo's"),
    (TEAM, "argoproj.io", "Application", True, False, "it would deploy elsewhere"),
    (TEAM, "", "ResourceQuota", True, False, "the claim says how much may be there"),
    (TEAM, "rbac.authorization.k8s.io", "RoleBinding", True, False, "the claim says who may work there"),
    (TEAM, "", "Namespace", False, True, "ArgoCD asks for it where a set creates namespaces"),
    (TEAM, "rbac.authorization.k8s.io", "ClusterRoleBinding", False, False, "nothing of the cluster's"),
    (SPACES, "rbac.authorization.k8s.io", "RoleBinding", True, True, "access"),
    (SPACES, "", "ResourceQuota", True, True, "quota"),
    (SPACES, "", "LimitRange", True, True, "limits"),
    (SPACES, "networking.k8s.io", "NetworkPolicy", True, True, "doors"),
    (SPACES, "", "Namespace", False, True, "the namespaces themselves"),
    (SPACES, "apps", "Deployment", True, False, "no workload"),
    (SPACES, "rbac.authorization.k8s.io", "Role", True, False, "no role but Kubernetes' own"),
]


@pytest.mark.parametrize(
    ("project", "group", "kind", "namespaced", "allowed", "why"), KINDS, ids=[f"{one[2]}: {one[5]}" for one in KINDS]
)
def test_kinds(project: dict[str, Any], group: str, kind: str, namespaced: bool, allowed: bool, why: str) -> None:
    assert kind_permitted(project, group, kind, namespaced=namespaced) is allowed, why


def test_where_every_environment_is_bound_only_its_namespaces_may_be_made() -> None:
    """A chart that renders a Namespace makes none that is not the type's."""
    kinds = [{"group": "", "kind": "Namespace", "name": name} for name in ("shop", "team-a")]
    assert BOUND_TEAM["spec"]["clusterResourceWhitelist"] == kinds


def test_a_bound_environment_with_no_namespace_deploys_nowhere() -> None:
    spec = workload_project("prod", None, "platform", replace(FENCE, namespaces=frozenset()), LAYOUT)["spec"]
    assert (spec["destinations"], spec["clusterResourceWhitelist"]) == ([], [])


def test_the_root_project_deploys_sets_and_nothing_else() -> None:
    spec = root_project("platform", LAYOUT)["spec"]
    assert spec["namespaceResourceWhitelist"] == [{"group": "argoproj.io", "kind": "ApplicationSet"}]
    assert spec["destinations"] == [IN_CLUSTER | {"namespace": "argocd"}]
    assert spec["clusterResourceWhitelist"] == []
    assert spec["sourceRepos"] == [f"{GITEA}/platform/voltran.git"]


def test_no_cluster_type_has_the_name_of_its_namespaces_project() -> None:
    """`refusals` takes the prefix for the platform's own."""
    assert SPACES["metadata"]["name"] == namespaces_project("prod") == "infraforge-namespaces-prod"
