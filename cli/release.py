"""`infraforge release`: letting claims go when no function is left to do it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

import typer
from rich.text import Text

from cli import naming
from cli.cluster import Changed, Cluster, Reference, Refused
from cli.exits import FAILED, USAGE, Failure
from cli.leftovers import Leftovers
from cli.manifests import Manifest
from cli.output import Output, complain, print_json, stderr, stdout
from cli.parameters import (
    ContextOption,
    DataDirOption,
    KubeconfigOption,
    NamespaceOption,
    OutputOption,
    YesOption,
    cluster_of,
    consent,
)
from sandbox.supervisor.knative import API_VERSION

_TRIES: Final = 5


@dataclass(frozen=True)
class Held:
    """A claim as it was read."""

    reference: Reference
    document: Mapping[str, Any]

    @property
    def finalizers(self) -> list[str]:
        """All of them, ours and others."""
        return list(self.document["metadata"].get("finalizers") or ())

    @property
    def deleted(self) -> bool:
        """Whether somebody deletes it."""
        return "deletionTimestamp" in self.document["metadata"]


@dataclass(frozen=True)
class Released:
    """What became of a claim; `others` are the finalizers that stay, and somebody else's."""

    claim: Held
    outcome: Literal["released", "unchanged"]
    others: tuple[str, ...]

    @property
    def told(self) -> str:
        """The outcome for people, with what is left to do."""
        if self.outcome == "unchanged":
            said = "InfraForge does not hold it"
        elif not self.claim.deleted:
            said = "released, and it stays: nobody deletes it, and a function that runs will hold it again"
        else:
            said = "released" if self.others else "released, and gone"
        return f"{said}; still held by {', '.join(self.others)}: see what sets it" if self.others else said


def release(
    claims: Annotated[list[str] | None, typer.Argument(metavar="CLAIM", help=naming.FORMS, show_default=False)] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="All claims of all kinds; with -n those of one namespace.")
    ] = False,
    deleting: Annotated[
        bool,
        typer.Option(
            "--deleting/--any",
            help="With --all: only claims that are being deleted, or any (before InfraForge is uninstalled).",
        ),
    ] = True,
    namespace: NamespaceOption = None,
    yes: YesOption = False,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Let a claim go that waits for InfraForge to clean up: takes its finalizer off, and nobody else's.

    Needs the Kubernetes API and nothing else: no function, no Gitea. What the claim had in Git and what runs of it
    stays where it is, and is named. A claim that is applied again adopts it.

    With kubectl alone, the first takes off everybody's finalizers and the second only ours (look up its place first):

        kubectl patch appclaim/dev-apps -n dev --type=merge -p '{"metadata":{"finalizers":null}}'
        kubectl patch appclaim/dev-apps -n dev --type=json -p '[
          {"op": "test", "path": "/metadata/finalizers/0",
           "value": "platform.infraforge.io/cleanup"},
          {"op": "remove", "path": "/metadata/finalizers/0"}]'

    Examples:

        infraforge release appclaim/dev/dev-apps
        infraforge release ApplicationClaim/dev-apps -n dev
        infraforge release --all                           # whatever hangs in deletion; asks first
        infraforge release --all -n dev --yes              # a namespace that stays Terminating
        infraforge release --all --any --yes               # before InfraForge is uninstalled
        infraforge release --all --kubeconfig ~/.kube/config
    """
    if every == bool(claims):
        raise Failure("name claims, or --all", USAGE)
    cluster = cluster_of(kubeconfig, data_dir, context)
    if every:
        chosen = list(_held(cluster, namespace, deleting=deleting))
        if chosen and not yes:
            for one in chosen:
                stderr().print(
                    Text(f"  {one.reference}{'' if one.deleted else ' (nobody deletes it)'}"), soft_wrap=True
                )
            consent(f"Release {len(chosen)} claims, and leave their files and workloads behind?", yes=False)
    else:
        chosen = [Held(*naming.find(cluster, text, namespace)) for text in claims or ()]
    released, failed = _release_all(cluster, chosen)
    _show(released, failed, output, deleting=deleting)
    if failed:
        raise typer.Exit(FAILED)


def _held(cluster: Cluster, namespace: str | None, *, deleting: bool) -> Iterator[Held]:
    for kind in naming.kinds(cluster):
        for document in cluster.every(API_VERSION, kind, namespace):
            one = Held(cluster.reference(Manifest(document, kind)), document)
            if _finalizer() in one.finalizers and (one.deleted or not deleting):
                yield one


def _release_all(cluster: Cluster, chosen: list[Held]) -> tuple[list[Released], list[str]]:
    """One that is refused does not keep the others back."""
    released, failed = [], []
    for one in chosen:
        try:
            released.append(let_go(cluster, one))
        except Refused as error:
            failed.append(f"{one.reference}: {error}")
    return released, failed


def let_go(cluster: Cluster, claim: Held) -> Released:
    """Take our finalizer off a claim, read again when it changes meanwhile. Raises `Refused`."""
    for _ in range(_TRIES):
        others = tuple(name for name in claim.finalizers if name != _finalizer())
        if _finalizer() not in claim.finalizers:
            return Released(claim, "unchanged", others)
        version = claim.document["metadata"].get("resourceVersion")
        try:
            cluster.merge(
                claim.reference, {"metadata": {"resourceVersion": version, "finalizers": list(others) or None}}
            )
        except Changed:
            document = cluster.get(claim.reference)
            if document is None:  # somebody else was faster
                return Released(claim, "released", ())
            claim = replace(claim, document=document)
            continue
        return Released(claim, "released", others)
    raise Refused(f"it changes all the time: {_TRIES} tries were too late; try again")


def _finalizer() -> str:
    from shared.claims.meta import FINALIZER  # noqa: PLC0415 - pydantic's models cost what other commands need not pay

    return FINALIZER


def _show(released: list[Released], failed: list[str], output: Output, *, deleting: bool) -> None:
    if output is Output.JSON:
        print_json({"claims": [_entry(one) for one in released], "failed": failed})
    else:
        for one in released:
            stdout().print(Text(f"{one.claim.reference}: {one.told}"), soft_wrap=True)
            if one.outcome == "released" and one.claim.deleted:
                for line in Leftovers.of(one.claim.reference, one.claim.document).lines:
                    stdout().print(Text(f"  {line}", style="dim"), soft_wrap=True)
        if not released and not failed:
            which = "that is being deleted " if deleting else ""
            stdout().print(f"InfraForge holds no claim {which}here: nothing to release.")
    for message in failed:
        complain(message)


def _entry(one: Released) -> dict[str, Any]:
    reference, left = one.claim.reference, Leftovers.of(one.claim.reference, one.claim.document)
    return {
        "kind": reference.kind,
        "namespace": reference.namespace,
        "name": reference.name,
        "outcome": one.outcome,
        "deleting": one.claim.deleted,
        "otherFinalizers": list(one.others),
        "staysBehind": {"git": list(left.paths), "inGit": left.known, "workloads": left.workloads},
    }
