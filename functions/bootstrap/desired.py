"""A BootstrapClaim as files and objects. Pure: the same claim is the same bytes on every machine."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from pydantic import SecretStr

from functions.bootstrap.settings import BootstrapSettings
from shared.argocd import Layout, Manifest, credential, root_application
from shared.canonical import yaml_bytes
from shared.claims import ClusterSpec
from shared.projects import Fence, infrastructure_project, root_project, workload_project

CHARTS: Final = "charts"
PLATFORM_CHARTS: Final = "platform-charts"
VOLTRAN: Final = "voltran"
REPOSITORIES: Final = (CHARTS, PLATFORM_CHARTS, VOLTRAN)
ROLES: Final = ("apps", "platform")
KEEP: Final = ".gitkeep"


def structure(clusters: Iterable[ClusterSpec], organization: str, layout: Layout) -> dict[str, bytes]:
    """Path → content of everything in `voltran` that is the bootstrap function's: the skeleton and the root apps."""
    files: dict[str, bytes] = {}
    for cluster in clusters:
        for role in ROLES:
            files[f"appsets/{cluster.type}/{role}/{KEEP}"] = b""
            manifest = root_application(cluster.type, role, organization, layout)
            files[f"root-apps/{cluster.type}/{role}-rootapp.yaml"] = yaml_bytes(manifest, sort_keys=False)
        for environment in cluster.environments:
            for folder in ("applications", "platform"):
                files[f"environments/{cluster.type}/{environment}/{folder}/{KEEP}"] = b""
    return files


def root_apps(clusters: Iterable[ClusterSpec]) -> list[str]:
    """The names of the root Applications."""
    return [f"{cluster.type}-{role}" for cluster in clusters for role in ROLES]


def argocd_objects(
    clusters: Iterable[ClusterSpec],
    organization: str,
    fence: Callable[[ClusterSpec], Fence],
    token: SecretStr | None,
    layout: Layout,
) -> list[Manifest]:
    """What ArgoCD must hold, in the order in which it must be there: projects, the credential, root Applications.

    `fence` says what the projects of a cluster type are kept to.
    """
    clusters = list(clusters)
    objects = [root_project(organization, layout)]
    objects += [
        project(cluster.type, cluster.destination, organization, fence(cluster), layout)
        for cluster in clusters
        for project in (workload_project, infrastructure_project)
    ]
    objects += [credential(organization, token, layout)] if token is not None else []
    objects += [root_application(cluster.type, role, organization, layout) for cluster in clusters for role in ROLES]
    return objects


def hook_fingerprint(secret: SecretStr) -> str:
    """What a webhook's URL carries of its secret, which Gitea never shows: enough to tell two secrets apart."""
    return hashlib.blake2b(
        b"infraforge webhook", key=secret.get_secret_value().encode()[:64], digest_size=5
    ).hexdigest()


def fence_of(cluster: ClusterSpec, settings: BootstrapSettings) -> Fence:
    """What the projects of a cluster type are kept to: the namespaces its environments are bound to, if all are."""
    bound = [settings.environment_namespaces.get(name) for name in cluster.environments]
    namespaces = [names for names in bound if names is not None]
    return Fence(
        namespaces=frozenset().union(*namespaces) if len(namespaces) == len(bound) and bound else None,
        system_namespaces=(settings.argocd_namespace, settings.system_namespace),
        chart_registries=settings.chart_registries,
        denied_kinds=settings.denied_kinds,
    )
