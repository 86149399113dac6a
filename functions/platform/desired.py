"""A PlatformClaim as files. Pure: the same claim and environment are the same bytes on every machine."""

from collections.abc import Iterable

from shared.argocd import Chart, Layout, Workloads, application_set
from shared.canonical import yaml_bytes
from shared.claims import PlatformClaim, Service
from shared.claims.names import PLATFORM_PREFIX, RESERVED_SERVICE
from shared.environments import Environment

CHARTS = "platform-charts"
VALUES = "values.yaml"


def folder(environment: Environment) -> str:
    """Where the environment's services live, one folder each, beside the InfrastructureClaim's `namespaces`."""
    return f"{environment.folder}/platform"


def foreign() -> frozenset[str]:
    """The names in that folder that are not a PlatformClaim's to touch."""
    return frozenset({RESERVED_SERVICE})


def application_set_path(environment: Environment) -> str:
    """Where the set that deploys them lives."""
    return f"appsets/{environment.cluster_type}/platform/{environment.name}-platform-appset.yaml"


def values(service: Service) -> bytes:
    """A service's `values.yaml`: the claim's values with their keys sorted."""
    return yaml_bytes(service.values, sort_keys=True)


def services(claimed: Iterable[Service]) -> dict[str, dict[str, bytes]]:
    """Name → the exact content of its folder, for each of the services."""
    return {service.name: {VALUES: values(service)} for service in claimed}


def deployment(claim: PlatformClaim, environment: Environment, layout: Layout) -> dict[str, bytes]:
    """Path → content of the environment's platform ApplicationSet."""
    workloads = Workloads(
        name=f"{environment.name}-platform",
        folder=folder(environment),
        prefix=f"{environment.name}-{PLATFORM_PREFIX}",
        namespace=claim.metadata.namespace,
        chart_repository=CHARTS,
        charts={
            service.name: Chart(
                service.chart.name if service.chart else service.name, environment.platform_charts_revision
            )
            for service in claim.spec.services
            if service.type == "internal"
        },
        default_revision=environment.platform_charts_revision,
    )
    manifest = application_set(environment, workloads, layout)
    return {application_set_path(environment): yaml_bytes(manifest, sort_keys=False)}
