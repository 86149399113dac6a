"""The set that deploys an environment's `platform` folder: its services and its namespaces. Pure.

A PlatformClaim and an InfrastructureClaim share the folder and the set, so the set is made of both, whichever of their
functions makes it, and the bytes are the same. Of a claim that is not there the set says nothing: what it had in Git
and in the cluster stays as it was (absence never deletes, and never moves a database to another namespace).
"""

from collections.abc import Mapping
from typing import Final

from shared.argocd import Chart, Layout, Workloads, application_set, set_name, source_of
from shared.canonical import yaml_bytes
from shared.claims import InfrastructureClaim, PlatformClaim, service_release
from shared.claims.names import PLATFORM_PREFIX, RESERVED_SERVICE
from shared.environments import Environment
from shared.projects import HOME, namespaces_project
from shared.rendering.wanted import Wanted

CHARTS: Final = "platform-charts"
VALUES: Final = "values.yaml"


def folder(environment: Environment) -> str:
    """Where the environment's services live, one folder each, beside the InfrastructureClaim's `namespaces`."""
    return f"{environment.folder}/platform"


def path(environment: Environment) -> str:
    """Where the set itself lives."""
    return f"appsets/{environment.cluster_type}/platform/{environment.name}-platform-appset.yaml"


def files(
    environment: Environment,
    layout: Layout,
    *,
    platform: PlatformClaim | None = None,
    infrastructure: InfrastructureClaim | None = None,
) -> dict[str, bytes]:
    """Path → content of the set; none when nobody claims anything that it would deploy."""
    if platform is None and infrastructure is None:
        return {}
    manifest = application_set(environment, _workloads(environment, platform, infrastructure), layout)
    return {path(environment): yaml_bytes(manifest, sort_keys=False)}


def sources(environment: Environment, layout: Layout, platform: PlatformClaim) -> dict[str, dict[str, str]]:
    """Service → what the set says of where its chart comes from."""
    workloads = _workloads(environment, platform, None)
    return {name: source_of(environment, workloads, name, layout) for name in workloads.charts}


def renderings(
    environment: Environment, platform: PlatformClaim, folders: Mapping[str, Mapping[str, bytes]]
) -> dict[str, Wanted]:
    """Service → what Helm makes of its folder, for those that have one."""
    namespace = platform.metadata.namespace
    return {
        name: Wanted(name, chart, CHARTS, service_release(environment.name, name), namespace, folders[name][VALUES])
        for name, chart in _charts(platform, environment).items()
        if name in folders
    }


def namespaces_rendering(environment: Environment, values: bytes) -> Wanted:
    """What Helm makes of values of the namespaces' chart."""
    chart = Chart(RESERVED_SERVICE, environment.platform_charts_revision)
    release = service_release(environment.name, RESERVED_SERVICE)
    return Wanted(RESERVED_SERVICE, chart, CHARTS, release, HOME, values)


def namespaces_source(environment: Environment, layout: Layout, infrastructure: InfrastructureClaim) -> dict[str, str]:
    """What the set says of where the chart of the namespaces comes from."""
    return source_of(environment, _workloads(environment, None, infrastructure), RESERVED_SERVICE, layout)


def _workloads(
    environment: Environment, platform: PlatformClaim | None, infrastructure: InfrastructureClaim | None
) -> Workloads:
    spaces = infrastructure is not None
    return Workloads(
        name=set_name(environment, "platform"),
        folder=folder(environment),
        prefix=f"{environment.name}-{PLATFORM_PREFIX}",
        namespace=platform.metadata.namespace if platform is not None else HOME,
        chart_repository=CHARTS,
        charts=_charts(platform, environment) if platform is not None else {},
        default_revision=environment.platform_charts_revision,
        only=(RESERVED_SERVICE,) if platform is None else None,
        without=() if spaces else (RESERVED_SERVICE,),
        namespaces={RESERVED_SERVICE: HOME} if spaces else {},
        projects={RESERVED_SERVICE: namespaces_project(environment.cluster_type)} if spaces else {},
    )


def _charts(platform: PlatformClaim, environment: Environment) -> dict[str, Chart]:
    revision = environment.platform_charts_revision
    return {
        service.name: Chart(service.chart.name if service.chart else service.name, revision)
        for service in platform.spec.services
        if service.type == "internal"
    }
