"""`infraforge rollback`: a claim as one of its commits recorded it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from cli import naming
from cli.cluster import Reference
from cli.exits import USAGE, Failure
from cli.history.source import GiteaTokenFileOption, GiteaUrlOption, Source, VoltranOption, organization_of
from cli.output import Output, print_json, stdout
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
from shared.wording import listed

if TYPE_CHECKING:
    from cli.clone import Clone
    from shared.git.message import Record

IMMUTABLE: Final = ("clusterType", "environment", "gitea")
MAX_NAMED: Final = 5
_SHORT: Final = 8


def rollback(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help=naming.FORMS)],
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="COMMIT", help="One of its commits in voltran; the first digits will do.")
    ],
    namespace: NamespaceOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    voltran: VoltranOption = None,
    gitea_url: GiteaUrlOption = None,
    gitea_token_file: GiteaTokenFileOption = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Make a claim say again what it said when one of its commits was made.

    The claim changes through the API server, with all of its rules, and InfraForge writes what follows to Git in a new
    commit: claim and Git agree, and nothing is taken out of history. It shows what would change and asks. A claim that
    is gone is created again. A value that was not recorded, because it looks like a credential, cannot come back: then
    nothing is changed.

    Examples:

        infraforge history appclaim/dev/dev-apps                       # its commits
        infraforge rollback appclaim/dev/dev-apps --to 1a2b3c4d
        infraforge rollback appclaim/dev/dev-apps --to 1a2b3c4d --yes --context prod --voltran ./voltran
    """
    cluster = cluster_of(kubeconfig, data_dir, context)
    reference = naming.locate(cluster, claim, namespace)
    live = cluster.get(reference)
    source = Source(voltran, gitea_url, gitea_token_file, data_dir, kubeconfig is None and context is None)
    with source.open(organization_of(live)) as clone:
        sha, record = _recorded(clone, reference, to)
    _check(reference, live, record, sha)
    replacement = Replacement.rehearsed(cluster, reference, live, record.spec)
    if output is Output.TEXT:
        said = f"{reference} as of {sha[:_SHORT]}, generation {record.generation}"
        stdout().print(Text(said if live else f"{said}, created again", style="bold"), soft_wrap=True)
        replacement.show()
    is_needed = bool(replacement.changes) or live is None
    if is_needed and not dry_run:
        if output is Output.JSON and not yes:
            print_json(_entry(replacement, sha, record, applied=False))
            raise Failure("nothing was changed: add --yes", USAGE)
        consent("Apply this?", yes=yes)
        after = replacement.carry_out(cluster)
    if output is Output.JSON:
        print_json(_entry(replacement, sha, record, applied=is_needed and not dry_run))
    elif not is_needed:
        stdout().print("It says that already: nothing to change.")
    elif not dry_run:
        generation = after["metadata"].get("generation")
        stdout().print(
            Text(f"Applied as generation {generation}; `infraforge why {reference}` says how far it is."),
            soft_wrap=True,
        )


def _recorded(clone: "Clone", reference: Reference, to: str) -> "tuple[str, Record]":
    """The full hash of the commit, and what it recorded of the claim."""
    from cli.history.commits import Unreadable, entry_of  # noqa: PLC0415 - pydantic's models cost what others need not pay

    sha = clone.resolve(to) if to != "main" else None
    mend = f"`infraforge history {reference}` lists its commits"
    if sha is None:
        raise Failure(f"voltran has no commit {to}: {mend}")
    entry = entry_of(clone, sha)
    if entry is None:
        raise Failure(f"{sha[:_SHORT]} is no commit of InfraForge's, and records no claim: {mend}")
    if isinstance(entry, Unreadable):
        raise Failure(f"the record in {sha[:_SHORT]} cannot be read: {entry.problem}: name another one; {mend}")
    record = entry.record
    whose = f"{record.kind}/{record.namespace}/{record.name}"
    if whose != str(reference):
        raise Failure(f"{sha[:_SHORT]} is a commit of {whose}, and not of {reference}: {mend}")
    return sha, record


def _check(reference: Reference, live: Mapping[str, Any] | None, record: "Record", sha: str) -> None:
    """`Failure` for what cannot be gone back to."""
    if record.omitted:
        raise Failure(
            f"{sha[:_SHORT]} does not hold all of the claim: {listed(record.omitted, MAX_NAMED)} was not recorded, "
            "because it looks like a credential; nothing was changed: take the rest from `infraforge history -o json`"
        )
    if live is None:
        return
    if "deletionTimestamp" in live["metadata"]:
        raise Failure(f"{reference} is being deleted: wait until it is gone, and roll back then to create it again")
    for field in IMMUTABLE:
        then, now = record.spec.get(field), (live.get("spec") or {}).get(field)
        if then != now:
            raise Failure(
                f"{sha[:_SHORT]} is of another claim of that name: its {field} was {then}, and is {now}, and can never "
                "change"
            )


def _entry(replacement: Replacement, sha: str, record: "Record", *, applied: bool) -> dict[str, Any]:
    reference = replacement.reference
    return {
        "kind": reference.kind,
        "namespace": reference.namespace,
        "name": reference.name,
        "commit": sha,
        "generation": record.generation,
        "exists": replacement.live is not None,
        "changes": [change.document() for change in replacement.changes],
        "applied": applied,
    }
