"""`infraforge apply`."""

from typing import Annotated

import typer

from cli import board
from cli.claims import ClaimView, wait
from cli.cluster import Applied, Cluster, Refused
from cli.exits import FAILED, USAGE, Failure
from cli.manifests import Manifest, read
from cli.output import Output, complain, print_json, stdout
from cli.parameters import DataDirOption, KubeconfigOption, OutputOption, cluster_of
from sandbox.supervisor.knative import API_VERSION


def apply(
    *,
    filename: Annotated[
        list[str],
        typer.Option("--filename", "-f", metavar="PATH", help="A file, a directory with all below it, or - for stdin."),
    ],
    wait_: Annotated[bool, typer.Option("--wait", help="Return when every claim among them is Ready.")] = False,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long to --wait.")] = 120,
    kubeconfig: KubeconfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Apply claims (or any objects) without kubectl: server-side, and refusing fields that the schema does not know.

    Exit code 1 when an object was refused, or with --wait when a claim did not become Ready.

    Examples:

        infraforge apply -f deployments/
        infraforge apply -f claim.yaml --wait
        sed s/v1.2.3/v1.2.4/ claim.yaml | infraforge apply -f -
    """
    manifests = read(filename)
    if not manifests:
        raise Failure("there is nothing to apply in it", USAGE)
    cluster = cluster_of(kubeconfig, data_dir)
    applied, refused = apply_all(cluster, manifests)
    if output is Output.TEXT:
        for one in applied:
            stdout().print(f"{one.reference.resource}/{one.reference.name} {one.outcome}", soft_wrap=True)
    views = _wait(cluster, applied, timeout, output) if wait_ else []
    for message in refused:
        complain(message)
    if output is Output.JSON:
        ready = {(view.reference.path): view.document() for view in views}
        print_json(
            {"applied": [_entry(one) | ready.get(one.reference.path, {}) for one in applied], "refused": refused}
        )
    if refused or not all(view.ready for view in views):
        raise typer.Exit(FAILED)


def apply_all(cluster: Cluster, manifests: list[Manifest]) -> tuple[list[Applied], list[str]]:
    """Apply each; one that is refused does not stop the others. What was applied, and why others were not."""
    applied, refused = [], []
    for manifest in manifests:
        try:
            applied.append(cluster.apply(manifest))
        except Refused as error:
            refused.append(f"{manifest.origin}: {error}")
    return applied, refused


def claims_of(applied: list[Applied]) -> list[Applied]:
    """Those of them that are claims."""
    return [one for one in applied if one.reference.resource.endswith(f".{API_VERSION.partition('/')[0]}")]


def _wait(cluster: Cluster, applied: list[Applied], timeout: float, output: Output) -> list[ClaimView]:
    references = [one.reference for one in claims_of(applied)]
    with board.claims(output) as show:
        views = wait(cluster, references, timeout, show)
    for view in views:
        if not view.ready:
            reason, message = view.summary
            complain(f"{view.reference.kind} {view.reference.namespace}/{view.reference.name}: {reason}: {message}")
    return views


def _entry(one: Applied) -> dict[str, object]:
    reference = one.reference
    return {"kind": reference.kind, "namespace": reference.namespace, "name": reference.name, "outcome": one.outcome}
