"""The AppProjects: exactly the repositories, registries, clusters and namespaces that claims may use. Pure."""

from dataclasses import dataclass
from typing import Final

from shared.argocd import API_VERSION, IN_CLUSTER, OWN_PROJECTS, PART_OF, ROOT_PROJECT, Layout, Manifest, destination
from shared.claims.names import SYSTEM_PREFIXES
from shared.claims.parts import Destination

NAMESPACE_KINDS: Final = (
    "LimitRange",
    "NetworkPolicy.networking.k8s.io",
    "ResourceQuota",
    "RoleBinding.rbac.authorization.k8s.io",
)
"""What the chart of the namespaces makes in each, as `Kind.group`."""
HOME: Final = "default"
"""The destination that ArgoCD wants of the Application of the namespaces, and in which it makes nothing.

Each of its objects says its namespace itself. This one is there in every cluster and nobody's, so that the set does not
follow what the claim names.
"""


@dataclass(frozen=True)
class Fence:
    """What the projects of one cluster type are kept to.

    `namespaces` are those that its claims are bound to; None is every one but the system's. `denied_kinds` are
    `Kind.group`, with `*` for any kind, and what no application may bring.
    """

    namespaces: frozenset[str] | None
    system_namespaces: tuple[str, ...]
    chart_registries: tuple[str, ...]
    denied_kinds: tuple[str, ...]


def root_project(organization: str, layout: Layout) -> Manifest:
    """The project of the root Applications: ApplicationSets from `voltran` into ArgoCD's namespace, nothing else."""
    spec = {
        "description": "InfraForge's root applications",
        "sourceRepos": [layout.repository(organization, "voltran")],
        "destinations": [{"server": IN_CLUSTER, "namespace": layout.argocd_namespace}],
        "clusterResourceWhitelist": [],
        "namespaceResourceWhitelist": [{"group": "argoproj.io", "kind": "ApplicationSet"}],
    }
    return _project(ROOT_PROJECT, spec, layout)


def workload_project(
    cluster_type: str, target: Destination | None, organization: str, fence: Fence, layout: Layout
) -> Manifest:
    """The project of one cluster type's applications and services: our repositories, its own cluster and namespaces.

    Namespace is the one cluster-scoped kind: ArgoCD asks for it where a set creates namespaces. What says who may work
    in a namespace, and how much may be in it, is not for a chart that a team brings (docs/adr/0010).
    """
    spec = {
        "description": f"Workloads of cluster type {cluster_type}",
        "sourceRepos": [layout.repository(organization, name) for name in ("voltran", "charts", "platform-charts")]
        + [pattern for registry in fence.chart_registries for pattern in (registry, f"{registry}/**")],
        "destinations": _destinations(target, fence),
        "clusterResourceWhitelist": _namespace_kind(fence),
        "namespaceResourceWhitelist": [{"group": "*", "kind": "*"}],
        "namespaceResourceBlacklist": [_group_kind(kind) for kind in fence.denied_kinds],
    }
    return _project(cluster_type, spec, layout)


def infrastructure_project(
    cluster_type: str, target: Destination | None, organization: str, fence: Fence, layout: Layout
) -> Manifest:
    """The project of one cluster type's namespaces: what the one chart for them makes, and nothing else."""
    spec = {
        "description": f"Namespaces of cluster type {cluster_type}",
        "sourceRepos": [layout.repository(organization, name) for name in ("voltran", "platform-charts")],
        "destinations": _destinations(target, fence, HOME),
        "clusterResourceWhitelist": _namespace_kind(fence),
        "namespaceResourceWhitelist": [_group_kind(kind) for kind in NAMESPACE_KINDS],
    }
    return _project(namespaces_project(cluster_type), spec, layout)


def namespaces_project(cluster_type: str) -> str:
    """The name of the project that a cluster type's namespaces are in."""
    return f"{OWN_PROJECTS}namespaces-{cluster_type}"


def _destinations(target: Destination | None, fence: Fence, *further: str) -> list[Manifest]:
    cluster = destination(target)
    if fence.namespaces is not None:
        return [cluster | {"namespace": namespace} for namespace in sorted({*fence.namespaces, *further})]
    closed = dict.fromkeys((*fence.system_namespaces, "gitea", *(f"{prefix}*" for prefix in SYSTEM_PREFIXES)))
    return [cluster | {"namespace": f"!{one}"} for one in closed] + [cluster | {"namespace": "*"}]


def _namespace_kind(fence: Fence) -> list[Manifest]:
    kind = {"group": "", "kind": "Namespace"}
    return [kind] if fence.namespaces is None else [kind | {"name": name} for name in sorted(fence.namespaces)]


def _group_kind(text: str) -> Manifest:
    kind, _, group = text.partition(".")
    return {"group": group, "kind": kind}


def _project(name: str, spec: Manifest, layout: Layout) -> Manifest:
    metadata = {"name": name, "namespace": layout.argocd_namespace, "labels": dict(PART_OF)}
    return {"apiVersion": API_VERSION, "kind": "AppProject", "metadata": metadata, "spec": spec}
