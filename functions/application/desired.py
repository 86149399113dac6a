"""An ApplicationClaim as files. Pure: the same claim, environment, digests and services are the same bytes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from shared.argocd import Chart, Layout, Workloads, application_set, set_name, source_of
from shared.bindings import with_bindings
from shared.canonical import yaml_bytes
from shared.claims import Application, ApplicationClaim, application_release
from shared.environments import Environment
from shared.rendering.wanted import Wanted

CHARTS = "charts"
VALUES = "values.yaml"


def folder(environment: Environment) -> str:
    """Where the environment's applications live, one folder each."""
    return f"{environment.folder}/applications"


def application_set_path(environment: Environment) -> str:
    """Where the set that deploys them lives."""
    return f"appsets/{environment.cluster_type}/apps/{environment.name}-appset.yaml"


def values(application: Application, digest: str | None, bindings: Mapping[str, Any] | None = None) -> bytes:
    """An application's `values.yaml`: the image, then the claim's values with their keys sorted.

    `digest` pins the image; it is None where the claim's policy is to deploy the tag. `bindings` are the values that
    the claim's bindings come to (`shared.bindings.bind`).
    """
    image = {
        "repository": application.image.repository,
        "tag": application.image.tag,
        "pullPolicy": application.image.pullPolicy,
    }
    head = yaml_bytes({"image": image | ({"digest": digest} if digest else {})}, sort_keys=False)
    given = with_bindings(application.values, bindings or {})
    return head + (yaml_bytes(given, sort_keys=True) if given else b"")


def applications(
    claimed: Iterable[Application], digests: Mapping[str, str], bindings: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, bytes]]:
    """Name → the exact content of its folder, for each of the applications. `bindings` are by application as well."""
    return {one.name: {VALUES: values(one, digests.get(one.name), bindings.get(one.name))} for one in claimed}


def deployment(
    claim: ApplicationClaim, environment: Environment, layout: Layout, kept: Mapping[str, Chart] | None = None
) -> dict[str, bytes]:
    """Path → content of the environment's ApplicationSet; `kept` are charts that applications stay with."""
    workloads = _workloads(claim, environment)
    charts = {**workloads.charts, **(kept or {})}
    manifest: dict[str, Any] = application_set(environment, replace(workloads, charts=charts), layout)
    return {application_set_path(environment): yaml_bytes(manifest, sort_keys=False)}


def sources(claim: ApplicationClaim, environment: Environment, layout: Layout) -> dict[str, dict[str, str]]:
    """Application → what the set says of where its chart comes from."""
    workloads = _workloads(claim, environment)
    return {name: source_of(environment, workloads, name, layout) for name in workloads.charts}


def _workloads(claim: ApplicationClaim, environment: Environment) -> Workloads:
    return Workloads(
        name=set_name(environment, "apps"),
        folder=folder(environment),
        prefix=f"{environment.name}-",
        namespace=claim.metadata.namespace,
        chart_repository=CHARTS,
        charts={application.name: _chart(application, environment) for application in claim.spec.applications},
        default_revision=environment.charts_revision,
    )


def renderings(
    claim: ApplicationClaim, environment: Environment, folders: Mapping[str, Mapping[str, bytes]]
) -> dict[str, Wanted]:
    """Application → what Helm makes of its folder, for those that have one."""
    return {
        one.name: Wanted(
            one.name,
            _chart(one, environment),
            CHARTS,
            application_release(environment.name, one.name),
            claim.metadata.namespace,
            folders[one.name][VALUES],
        )
        for one in claim.spec.applications
        if one.name in folders
    }


def _chart(application: Application, environment: Environment) -> Chart:
    chart = application.chart
    match chart.source:
        case "embedded":
            return Chart(chart.name, environment.charts_revision)
        case "repository":
            return Chart(chart.name, "main")
        case "oci":
            return Chart(chart.name, chart.version or "", (chart.repository or "").removeprefix("oci://"))
