"""`infraforge restore`: claims out of the records in Git, for a cluster that was lost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer
from rich.text import Text

from cli import naming
from cli.cluster import Cluster, Reference, Refused
from cli.exits import FAILED, USAGE, Failure
from cli.history import digests
from cli.history.source import opened
from cli.manifests import Manifest
from cli.output import Output, complain, print_json, printable, stdout
from cli.parameters import (
    ContextOption,
    DataDirOption,
    DryRunOption,
    KubeconfigOption,
    NamespaceOption,
    OutputOption,
    YesOption,
    cluster_of,
    consent,
)
from cli.replacement import Replacement
from shared.wording import counted

if TYPE_CHECKING:
    from cli.clone import Clone
    from cli.history.standing import Standing

Action = Literal["create", "overwrite", "leave", "same", "refuse"]

_CHANGES: Final = ("create", "overwrite")
_SHORT: Final = 8


@dataclass(frozen=True)
class Item:
    """A claim of Git's and what is to become of it; `problem` says why it is refused, or what went wrong.

    `digests` are the rows of its status that remember what its images were resolved to.
    """

    reference: Reference
    commit: str
    generation: int
    action: Action
    replacement: Replacement | None = None
    digests: tuple[Mapping[str, str], ...] = ()
    problem: str | None = None
    done: bool = False

    @property
    def line(self) -> str:
        """For people."""
        said = f"{self.action:<10} {self.reference}"
        if self.problem:
            return f"{said}: {self.problem}"
        if self.action in ("leave", "overwrite") and self.replacement:
            said += f" (it differs in {counted(len(self.replacement.changes), 'place')})"
        return f"{said}  {self.commit[:_SHORT]}, generation {self.generation}"

    def document(self) -> dict[str, Any]:
        """For programs."""
        reference = self.reference
        return {
            "kind": reference.kind,
            "namespace": reference.namespace,
            "name": reference.name,
            "commit": self.commit,
            "generation": self.generation,
            "action": self.action,
            "changes": [change.document() for change in self.replacement.changes] if self.replacement else [],
            "problem": self.problem,
            "done": self.done,
        }


def restore(
    claims: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLAIM", help=f"Only these. {naming.FORMS}", show_default=False),
    ] = None,
    *,
    from_: Annotated[
        Path, typer.Option("--from", metavar="DIR", exists=True, file_okay=False, help="A clone of voltran.")
    ],
    commit: Annotated[
        str, typer.Option("--commit", metavar="SHA", help="As it was at this commit instead of now.")
    ] = "main",
    cluster_type: Annotated[
        list[str] | None,
        typer.Option(
            "--cluster-type",
            metavar="TYPE",
            help="Only claims of this cluster type, where several clusters share voltran. May be repeated.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Change claims that are there and differ; by default they are left.")
    ] = False,
    namespace: NamespaceOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Write every claim out of Git again, for a cluster that was lost.

    Each commit of InfraForge's holds the claim that it carries out. This creates every claim that stands in voltran as
    its last commit recorded it, the BootstrapClaim first, and the namespaces that they need. Claims that were deleted
    stay deleted, and those that are there are left alone. InfraForge then adopts what is in Git, and has nothing to
    write. It needs InfraForge's CRDs and no function. Labels and annotations of claims are not in Git.

    Exit code 1 when a claim was not recorded in full, or was refused; the others are restored all the same.

    Examples:

        git clone https://gitea.example.com/platform/voltran
        infraforge restore --from ./voltran --dry-run
        infraforge restore --from ./voltran --context new-cluster --cluster-type prod
        infraforge restore --from ./voltran appclaim/dev/dev-apps --overwrite --yes
    """
    from cli.history.standing import standing  # noqa: PLC0415 - pydantic's models cost what others need not pay

    clone = opened(from_)
    revision = clone.resolve(commit)
    if revision is None:
        raise Failure(f"{from_} has no {commit}: is it a clone of voltran?")
    cluster = cluster_of(kubeconfig, data_dir, context)
    naming.kinds(cluster)
    found = _chosen(cluster, standing(clone, revision, cluster_type or ()), claims or (), namespace)
    items = [_with_digests(clone, revision, _item(cluster, one, overwrite=overwrite)) for one in found]
    missing = _missing_namespaces(cluster, items)
    if output is Output.TEXT:
        _show(items, missing, f"{from_} at {revision[:_SHORT]}")
    wanted = sum(one.action in _CHANGES for one in items)
    if wanted and not dry_run:
        if output is Output.JSON and not yes:
            print_json(_document(items, missing, revision))
            raise Failure("nothing was changed: add --yes", USAGE)
        consent(f"Write {counted(wanted, 'claim')}?", yes=yes)
        items = list(_carried_out(cluster, items, missing))
    _conclude(items, missing, revision, output)


def _chosen(
    cluster: Cluster, found: "Sequence[Standing]", names: Sequence[str], namespace: str | None
) -> "list[Standing]":
    """Those of `found` that are asked for; `Failure` when one name stands for two."""
    wanted = {str(naming.locate(cluster, text, namespace)): text for text in names}
    for reference in wanted:
        if all(one.claim != reference for one in found):
            raise Failure(f"no {reference} stands in voltran: `infraforge history {reference}` tells what became of it")
    if namespace and not names:
        found = [one for one in found if one.claim.split("/")[1] == namespace]
    chosen = [one for one in found if not wanted or one.claim in wanted]
    twice = sorted({one.claim for one in chosen if sum(other.claim == one.claim for other in chosen) > 1})
    if twice:
        raise Failure(
            f"{', '.join(twice)}: more than one cluster has a claim of that name: choose with --cluster-type", USAGE
        )
    return chosen


def _item(cluster: Cluster, one: "Standing", *, overwrite: bool) -> Item:
    kind, namespace, name = one.claim.split("/")
    record = getattr(one.entry, "record", None)
    generation = record.generation if record else 0
    try:
        reference = naming.locate(cluster, one.claim, None)
    except Failure as failure:
        reference = Reference(kind, kind.lower(), namespace, name, "")
        return Item(reference, one.entry.sha, generation, "refuse", problem=str(failure))
    if record is None or one.problem:
        return Item(reference, one.entry.sha, generation, "refuse", problem=one.problem)
    live = cluster.get(reference)
    if live is None:
        shown = Replacement(reference, None, record.spec, ())
        return Item(reference, one.entry.sha, generation, "create", shown)
    try:
        shown = Replacement.rehearsed(cluster, reference, live, record.spec)
    except Refused as error:
        action: Action = "refuse" if overwrite else "leave"
        return Item(reference, one.entry.sha, generation, action, problem=f"it is there and differs: {error}")
    action = "same" if not shown.changes else "overwrite" if overwrite else "leave"
    return Item(reference, one.entry.sha, generation, action, shown)


def _with_digests(clone: "Clone", revision: str, item: Item) -> Item:
    """What is created knows the digests that Git holds, so that no tag that has moved on changes what runs."""
    spec = item.replacement.spec if item.replacement else {}
    place = digests.folder(spec)
    if item.action != "create" or place is None:
        return item
    return replace(item, digests=tuple(digests.remembered(spec, clone.files(revision, [place]))))


def _missing_namespaces(cluster: Cluster, items: Sequence[Item]) -> list[str]:
    names = dict.fromkeys(one.reference.namespace or "" for one in items if one.action == "create")
    return [name for name in names if name and cluster.get(cluster.reference(_namespace(name))) is None]


def _namespace(name: str) -> Manifest:
    return Manifest({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, f"namespace {name}")


def _carried_out(cluster: Cluster, items: Sequence[Item], missing: Sequence[str]) -> Iterator[Item]:
    """One that is refused does not keep the others back."""
    failed: dict[str, str] = {}
    for name in missing:
        try:
            cluster.apply(_namespace(name))
        except Refused as error:
            failed[name] = f"namespace {name} could not be created: {error}"
    for one in items:
        if one.action not in _CHANGES or one.replacement is None:
            yield one
            continue
        try:
            if one.reference.namespace in failed:
                raise Refused(failed[one.reference.namespace])
            one.replacement.carry_out(cluster)
            if one.digests:  # at once: its function waits for the platform, or has to resolve the images first
                cluster.set_status(one.reference, {"applications": list(one.digests)})
        except Failure as error:
            if not isinstance(error, Refused) and one.action == "create":
                raise  # nobody answers any more
            yield replace(one, problem=str(error))
            continue
        yield replace(one, done=True)


def _show(items: Sequence[Item], missing: Sequence[str], source: str) -> None:
    stdout().print(Text(f"{counted(len(items), 'claim')} in {source}:", style="bold"), soft_wrap=True)
    for name in missing:
        stdout().print(Text(f"  {'create':<10} Namespace/{name}"), soft_wrap=True)
    for one in items:
        stdout().print(Text(f"  {printable(one.line)}"), soft_wrap=True)
        if one.action == "overwrite" and one.replacement:
            for change in one.replacement.changes:
                stdout().print(Text(f"    {printable(change.line)}", style="dim"), soft_wrap=True)


def _conclude(items: Sequence[Item], missing: Sequence[str], revision: str, output: Output) -> None:
    failed = [one for one in items if one.problem and (one.action in _CHANGES or one.action == "refuse")]
    if output is Output.JSON:
        print_json(_document(items, missing, revision))
    else:
        done = sum(one.done for one in items)
        if done:
            stdout().print(f"{counted(done, 'claim')} written: InfraForge takes over what is in Git.")
        elif not any(one.action in _CHANGES for one in items):
            stdout().print("There is nothing to write.")
    for one in failed:
        complain(f"{one.reference}: {one.problem}")
    if failed:
        raise typer.Exit(FAILED)


def _document(items: Sequence[Item], missing: Sequence[str], revision: str) -> Mapping[str, Any]:
    return {"commit": revision, "namespaces": list(missing), "claims": [one.document() for one in items]}
