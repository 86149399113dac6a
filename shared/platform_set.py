"""The set that deploys an environment's `platform` folder: its services and its namespaces. Pure.

A PlatformClaim and an InfrastructureClaim share the folder and the set, so the set is made of both, whichever of their
functions makes it, and the bytes are the same.
"""

from typing import Final

from shared.argocd import Chart, Layout, Workloads, application_set, set_name, source_of
from shared.canonical import yaml_bytes
from shared.claims import PlatformClaim
from shared.claims.names import PLATFORM_PREFIX
from shared.environments import Environment

CHARTS: Final = "platform-charts"


def folder(environment: Environment) -> str:
    """Where the environment's services live, one folder each, beside the InfrastructureClaim's `namespaces`."""
    return f"{environment.folder}/platform"


def path(environment: Environment) -> str:
    """Where the set itself lives."""
    return f"appsets/{environment.cluster_type}/platform/{environment.name}-platform-appset.yaml"


def files(environment: Environment, layout: Layout, *, platform: PlatformClaim | None) -> dict[str, bytes]:
    """Path → content of the set; none when nobody claims anything that it would deploy."""
    if platform is None:
        return {}
    manifest = application_set(environment, _workloads(environment, platform), layout)
    return {path(environment): yaml_bytes(manifest, sort_keys=False)}


def sources(environment: Environment, layout: Layout, platform: PlatformClaim) -> dict[str, dict[str, str]]:
    """Service → what the set says of where its chart comes from."""
    workloads = _workloads(environment, platform)
    return {name: source_of(environment, workloads, name, layout) for name in workloads.charts}


def _workloads(environment: Environment, platform: PlatformClaim) -> Workloads:
    return Workloads(
        name=set_name(environment, "platform"),
        folder=folder(environment),
        prefix=f"{environment.name}-{PLATFORM_PREFIX}",
        namespace=platform.metadata.namespace,
        chart_repository=CHARTS,
        charts=_charts(platform, environment),
        default_revision=environment.platform_charts_revision,
    )


def _charts(platform: PlatformClaim, environment: Environment) -> dict[str, Chart]:
    revision = environment.platform_charts_revision
    return {
        service.name: Chart(service.chart.name if service.chart else service.name, revision)
        for service in platform.spec.services
        if service.type == "internal"
    }
