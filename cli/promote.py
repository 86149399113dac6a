"""`infraforge promote`: what runs in one environment, for another."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from cli.cluster import Cluster, Reference
from cli.exits import FAILED, USAGE, Failure
from cli.manifests import Manifest
from cli.output import Output, complain, print_json, stdout
from cli.parameters import (
    ContextOption,
    DataDirOption,
    DryRunOption,
    KubeconfigOption,
    OutputOption,
    YesOption,
    cluster_of,
    consent,
)
from cli.promotion import Image, Move, moves, promoted
from cli.replacement import Replacement
from sandbox.supervisor.knative import API_VERSION
from shared.wording import counted

KIND: Final = "ApplicationClaim"
CONFLICT: Final = "EnvironmentConflict"

_STYLES: Final = {"promoted": "green", "same": "dim", "absent": "dim", "differs": "red"}
_ENVIRONMENT: Final = "ENVIRONMENT, or TYPE/ENVIRONMENT"


def promote(
    source: Annotated[str, typer.Argument(metavar="FROM", help=f"Whose tags: {_ENVIRONMENT}.")],
    target: Annotated[str, typer.Argument(metavar="TO", help=f"Who gets them: {_ENVIRONMENT}.")],
    applications: Annotated[
        list[str] | None,
        typer.Argument(metavar="[APPLICATION]...", help="Only these.", show_default=False),
    ] = None,
    *,
    repositories: Annotated[
        bool, typer.Option("--repositories", help="Promote also where the image is of another repository.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    to_kubeconfig: Annotated[
        Path | None,
        typer.Option("--to-kubeconfig", metavar="FILE", help="The cluster of TO. [default: that of FROM]"),
    ] = None,
    to_context: Annotated[
        str | None, typer.Option("--to-context", metavar="NAME", help="The context of TO's cluster.")
    ] = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the image tags of one environment beside another's, and apply them there.

    Only tags change: chart, values and bindings of TO stay its own. An application that TO has not is left out. One
    whose image is of another repository there is refused, unless --repositories is given. The claim of TO changes
    through the API server of its cluster, and InfraForge there does the rest.

    Exit code 1 when an application was refused; the others are promoted.

    Examples:

        infraforge promote dev prod --dry-run
        infraforge promote dev prod user-service --yes
        infraforge promote nonprod/dev prod/prod --context nonprod --to-context prod
    """
    here = cluster_of(kubeconfig, data_dir, context)
    is_elsewhere = to_kubeconfig is not None or to_context is not None
    there = Cluster.of(to_kubeconfig or kubeconfig, to_context) if is_elsewhere else here
    _, origin = _claim_of(here, source)
    reference, live = _claim_of(there, target)
    if not is_elsewhere and origin["metadata"].get("uid") == live["metadata"].get("uid"):
        raise Failure(f"{source} and {target} are one environment", USAGE)
    found = moves(origin, live, applications or (), repositories=repositories)
    wanted = [one for one in found if one.outcome == "promoted"]
    replacement = Replacement.rehearsed(there, reference, live, promoted(live, found)) if wanted else None
    if output is Output.TEXT:
        _show(found, source, target, reference)
    is_applied = replacement is not None and not dry_run
    if replacement is not None and not dry_run:
        if output is Output.JSON and not yes:
            print_json(_document(reference, found, applied=False))
            raise Failure("nothing was changed: add --yes", USAGE)
        consent(f"Give {target} {counted(len(wanted), 'image')} of {source}?", yes=yes)
        replacement.carry_out(there)
    _conclude(reference, found, output, applied=is_applied, target=target)


def _claim_of(cluster: Cluster, place: str) -> tuple[Reference, dict[str, Any]]:
    """The claim that owns an environment's applications."""
    *types, name = place.split("/")
    if len(types) > 1 or not all((*types, name)):
        raise Failure(f'"{place}" names no environment: write {_ENVIRONMENT}', USAGE)
    every = list(cluster.every(API_VERSION, KIND))
    found = [one for one in every if _is_of(one, types, name) and not _is_in_conflict(one)]
    if not found:
        known = sorted({f"{one['spec'].get('clusterType')}/{one['spec'].get('environment')}" for one in every})
        raise Failure(f"no {KIND} stands for {place}: there are {', '.join(known) or 'none'}")
    references = [cluster.reference(Manifest(one, KIND)) for one in found]
    if len(found) > 1:
        raise Failure(f"several claims are of {place}: {', '.join(map(str, references))}: name TYPE/ENVIRONMENT", USAGE)
    return references[0], found[0]


def _is_of(claim: Mapping[str, Any], types: Sequence[str], name: str) -> bool:
    spec = claim["spec"]
    return bool(spec.get("environment") == name and (not types or spec.get("clusterType") == types[0]))


def _is_in_conflict(claim: Mapping[str, Any]) -> bool:
    """It names an environment that another claim owns."""
    conditions = (claim.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("reason") == CONFLICT for one in conditions)


def _show(found: Sequence[Move], source: str, target: str, reference: Reference) -> None:
    stdout().print(Text(f"{source} → {target} ({reference})", style="bold"), soft_wrap=True)
    lines = [(one.application, *_columns(one, target)) for one in found]
    width, before = (max((len(line[at]) for line in lines), default=0) for at in (0, 1))
    for one, line in zip(found, lines, strict=True):
        text = Text(f"  {line[0]:<{width}}  {line[1]:<{before}}  {line[2]} ")
        text.append(line[3], style=_STYLES[one.outcome])
        text.append(f"  {one.note}" if one.note else "", style="yellow")
        stdout().print(text, soft_wrap=True)


def _columns(one: Move, target: str) -> tuple[str, str, str]:
    """What the target runs, a sign, and what it would run: a tag, where that is all that differs."""
    before, after = one.before, one.after
    if before is None:
        return "-", " ", f"not in {target}, left out"
    if one.outcome == "same":
        return before.tag, "=", after.tag
    is_same_repository = before.repository == after.repository
    shown = (before.tag, after.tag) if is_same_repository else (str(before), str(after))
    return (shown[0], "→", shown[1]) if one.outcome == "promoted" else (shown[0], "≠", shown[1])


def _conclude(reference: Reference, found: Sequence[Move], output: Output, *, applied: bool, target: str) -> None:
    refused = [one for one in found if one.outcome == "differs"]
    if output is Output.JSON:
        print_json(_document(reference, found, applied=applied))
    elif applied:
        stdout().print(Text(f"Applied; `infraforge why {reference}` says how far it is."), soft_wrap=True)
    elif not any(one.outcome == "promoted" for one in found):
        stdout().print(f"There is nothing to promote to {target}.")
    for one in refused:
        complain(
            f"{one.application}: {_told(one.before)} there and {one.after} here are of two repositories: "
            "promote that with --repositories, or name the others"
        )
    if refused:
        raise typer.Exit(FAILED)


def _told(image: Image | None) -> str:
    return str(image) if image else "nothing"


def _document(reference: Reference, found: Sequence[Move], *, applied: bool) -> dict[str, Any]:
    return {
        "kind": reference.kind,
        "namespace": reference.namespace,
        "name": reference.name,
        "applications": [one.document() for one in found],
        "applied": applied,
    }
