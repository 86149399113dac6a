"""`infraforge history`: what became of a claim, commit by commit."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from cli import naming
from cli.cluster import Reference
from cli.exits import USAGE, Failure
from cli.history.source import GiteaTokenFileOption, GiteaUrlOption, Source, VoltranOption, organization_of
from cli.output import Output, print_json, printable, stdout
from cli.parameters import (
    ContextOption,
    DataDirOption,
    KubeconfigOption,
    NamespaceOption,
    OutputOption,
    cluster_of,
)
from shared.wording import counted

SHORT: Final = 8


@dataclass(frozen=True)
class Subject:
    """The claim whose history it is: `document` is what lives of it, `environment` where it has its files."""

    name: str
    document: dict[str, Any] | None = None

    @property
    def place(self) -> tuple[Any, Any] | None:
        """Cluster type and environment; None for a claim that is gone, or that belongs to none."""
        spec = (self.document or {}).get("spec") or {}
        found = spec.get("clusterType"), spec.get("environment")
        return found if all(found) else None


def history(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help=naming.FORMS)],
    *,
    namespace: NamespaceOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many commits.")] = 20,
    voltran: VoltranOption = None,
    gitea_url: GiteaUrlOption = None,
    gitea_token_file: GiteaTokenFileOption = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show a claim's commits, the newest first: generation, who changed it, and what changed.

    Every commit of InfraForge's holds the spec that it carries out; this compares each with the one before. Drift that
    was put right is shown as such. A claim that is gone has a history too, and with --voltran it needs no cluster.

    Examples:

        infraforge history appclaim/dev/dev-apps
        infraforge history appclaim/dev-apps -n dev --context prod --gitea-url https://gitea.example.com
        infraforge history ApplicationClaim/dev/dev-apps --voltran ./voltran -o json
    """
    from cli.history.commits import entries  # noqa: PLC0415 - pydantic's models cost what others need not pay
    from cli.history.story import told  # noqa: PLC0415 - it tells of records, which are models of pydantic's

    is_sandbox = kubeconfig is None and context is None
    source = Source(voltran, gitea_url, gitea_token_file, data_dir, is_sandbox)
    if voltran is not None and is_sandbox:
        subject = Subject(_offline(claim, namespace))
    else:
        cluster = cluster_of(kubeconfig, data_dir, context)
        reference = naming.locate(cluster, claim, namespace)
        subject = Subject(str(reference), cluster.get(reference))
    with source.open(organization_of(subject.document)) as clone:
        found = list(entries(clone, subject.name))
    chapters = told([one for one in found if _belongs(subject, one)])
    if not chapters:
        raise Failure(f"{subject.name}: no commit in voltran carries it out")
    shown = chapters[:limit]
    if output is Output.JSON:
        kind, *place = subject.name.split("/")
        print_json(
            {"kind": kind, "namespace": place[0], "name": place[-1], "commits": [one.document() for one in shown]}
        )
        return
    left = f", the newest {limit}" if len(chapters) > limit else ", the newest first"
    stdout().print(
        Text(f"{subject.name}: {counted(len(chapters), 'commit')} in voltran{left}", style="bold"), soft_wrap=True
    )
    for one in shown:
        _print(one)


def _belongs(subject: Subject, entry: Any) -> bool:
    """Another cluster's claim may have the same name; its files are elsewhere, and where they are never changes."""
    record = getattr(entry, "record", None)
    if subject.place is None or record is None:
        return True
    return (record.spec.get("clusterType"), record.spec.get("environment")) == subject.place


def _offline(text: str, namespace: str | None) -> str:
    """The claim's name as trailers have it, without asking a cluster what kinds there are."""
    from shared.claims.crd import KINDS  # noqa: PLC0415 - every claim's model is built for it, and only here

    given, namespace, name = naming.parts(text, namespace)
    if namespace is None:
        raise Failure(f'"{text}" names no namespace, and no cluster is asked for one: add -n NAMESPACE', USAGE)
    wanted = given.lower()
    for kind in KINDS:
        if wanted in {kind.name.lower(), kind.plural, *kind.short_names}:
            return str(Reference(kind.name, "", namespace, name, ""))
    raise Failure(f'there is no kind of claim "{given}": there are {", ".join(kind.name for kind in KINDS)}', USAGE)


def _print(chapter: Any) -> None:
    entry = chapter.entry
    record = getattr(entry, "record", None)
    head = Text.assemble((entry.sha[:SHORT], "yellow"), f"  {_when(entry.when)}")
    if record is not None:
        head.append(f"  generation {record.generation}")
        head.append(f"  {printable(chapter.manager)}" if chapter.manager else "", style="cyan")
        head.append(f"  {printable(record.subject)}", style="dim")
    stdout().print()
    stdout().print(head, soft_wrap=True)
    for line in chapter.lines:
        stdout().print(Text(f"  {printable(line)}"), soft_wrap=True)


def _when(text: str) -> str:
    """In the reader's own time."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"
