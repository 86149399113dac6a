"""`infraforge why`: what keeps a claim from being deployed."""

import os
import shlex
import textwrap
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from cli import naming
from cli.exits import Failure
from cli.output import Output, print_json, printable, stdout
from cli.parameters import (
    ContextOption,
    DataDirOption,
    KubeconfigOption,
    NamespaceOption,
    OutputOption,
    cluster_of,
    running_sandbox,
)
from cli.why.chain import Chain, chain
from cli.why.facts import ROWS, Facts, Station
from cli.why.gather import Gather
from cli.why.links import Link, State, items, part, text
from sandbox.supervisor.components import BROKER, FUNCTIONS, SOURCE

NOT_WELL: Final = 2
EXPLAINED: Final = (
    "Exit codes: 0 all of it is well, as far as it can be seen; 2 something is not, or not yet; 1 something failed, "
    "wrong usage included."
)
_MARKS: Final[dict[State, tuple[str, str]]] = {
    "ok": ("✔", "green"),
    "waiting": ("…", "yellow"),
    "wrong": ("✖", "red"),
    "unknown": ("?", "dim"),
}
_STEPS: Final = {
    "claim": "claim",
    "event": "event",
    "platform": "platform",
    "valid": "valid",
    "commit": "commit",
    "row": "row",
    "argocd": "ArgoCD",
    "root": "root app",
    "set": "set",
    "application": "application",
    "object": "object",
}
_WIDTH: Final = 13
_HEAD, _TAIL = 50, 110


def why(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help=naming.FORMS)],
    application: Annotated[
        str | None,
        typer.Argument(metavar="[APPLICATION]", help="Only this application or service of it.", show_default=False),
    ] = None,
    *,
    namespace: NamespaceOption = None,
    argocd_namespace: Annotated[
        str, typer.Option("--argocd-namespace", metavar="NAMESPACE", help="Where ArgoCD looks for its objects.")
    ] = "argocd",
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Say why a claim, or one application of it, is not up: the first thing that is not well, in its own words.

    It follows the claim from its generation through the event, the commit, ArgoCD's root Application, ApplicationSet
    and Application to the objects that were rendered and their pods, and ends at the first that is not well, with the
    command that shows more. Nothing is changed, and no Secret is read.

    Examples:

        infraforge why appclaim/dev/dev-apps
        infraforge why appclaim/dev/dev-apps user-service
        infraforge why platclaim/dev-platform -n dev postgres --context prod
        infraforge why appclaim/dev/dev-apps -o json
    """
    cluster = cluster_of(kubeconfig, data_dir, context)
    reference, document = naming.find(cluster, claim, namespace)
    is_sandbox = kubeconfig is None and context is None
    path = _sandbox_path(data_dir, reference.kind) if is_sandbox else ()
    facts = Gather(cluster, argocd_namespace, path).facts(reference, document, application)
    if application is not None and not facts.rows:
        field = ROWS.get(reference.kind, "rows")
        names = ", ".join(text(one, "name") for one in items(part(document, "spec"), field)) or "none"
        raise Failure(f"{reference} has no {application} among its {field}: it has {names}")
    found = chain(facts)
    flags = _flags(kubeconfig, context, data_dir)
    if output is Output.JSON:
        print_json(_document(facts, found, flags))
    else:
        _show(found, flags)
    if found.first is not None:
        raise typer.Exit(NOT_WELL)


def _sandbox_path(data_dir: Path | None, kind: str) -> tuple[Station, ...]:
    """The components that an event passes, in their order."""
    sandbox = running_sandbox(data_dir)
    states = {one.name: one for one in sandbox.states()}
    function = {"ApplicationClaim": "application", "PlatformClaim": "platform"}.get(kind, "bootstrap")
    found = []
    for name in (SOURCE, BROKER, function):
        one = states.get(name)
        if one is None or (name == function and name not in FUNCTIONS):
            continue
        is_well = one.state in ("ready", "external")
        found.append(Station(f"the sandbox's {name}", is_well, f"it is {one.state}", f"infraforge logs {name}"))
    return tuple(found)


def _flags(kubeconfig: Path | None, context: str | None, data_dir: Path | None) -> dict[str, list[str]]:
    """What a printed command needs to speak to the same cluster, by its first word."""
    ours = [*_option("--kubeconfig", kubeconfig), *_option("--context", context), *_option("--data-dir", data_dir)]
    kubectl = [*_option("--kubeconfig", kubeconfig), *_option("--context", context)]
    if not kubectl:
        own = running_sandbox(data_dir).blueprint.kubeconfig
        kubectl = [] if os.environ.get("KUBECONFIG") == str(own) else ["--kubeconfig", str(own)]
    return {"kubectl": kubectl, "infraforge": ours}


def _option(name: str, value: object) -> list[str]:
    return [] if value is None else [name, str(value)]


def _command(look: str, flags: dict[str, list[str]]) -> str:
    """`look` with the flags at its end, ready to be pasted."""
    return " ".join([look, *(shlex.quote(one) for one in flags.get(look.partition(" ")[0], ()))])


def _show(found: Chain, flags: dict[str, list[str]]) -> None:
    lines = list(found.shared)
    for branch in found.branches:
        # one line for a row that is well among others, all of its links otherwise
        lines += branch.links if branch.first or len(found.branches) == 1 else branch.links[-1:]
    for link in dict.fromkeys(lines):  # rows may share an Application
        _print(link)
    first = found.first
    stdout().print()
    if first is None:
        blind = any(link.state == "unknown" for link in found.shared)
        stdout().print("All is well, as far as it can be seen from here." if blind else "All is well.")
        return
    said = "Not well" if first.state == "wrong" else "On its way"
    stdout().print(Text(f"{said}: {first.subject}", style="bold"), soft_wrap=True)
    stdout().print(Text(textwrap.indent(printable(first.message.rstrip()), "  ")), soft_wrap=True)
    for detail in first.details:
        stdout().print(Text(f"  {printable(detail)}", style="dim"), soft_wrap=True)
    if first.look:
        stdout().print(Text(f"  look closer: {_command(first.look, flags)}", style="cyan"), soft_wrap=True)
    others = [one.row for one in found.branches if one.first not in (None, first)]
    if others:
        stdout().print(Text(f"  not well either: {', '.join(others)}", style="dim"), soft_wrap=True)


def _print(link: Link) -> None:
    mark, colour = _MARKS[link.state]
    line = Text.assemble((mark, colour), f" {_STEPS[link.step]:<{_WIDTH}}", (link.subject, "bold"))
    line.append(f"  {_brief(link.message)}" if link.message else "", style="" if not link.is_well else "dim")
    stdout().print(line, soft_wrap=True)


def _brief(message: str) -> str:
    """On one line; of a long message its beginning and, more telling, its end."""
    line = printable(" ".join(message.split()))
    return line if len(line) <= _HEAD + _TAIL else f"{line[:_HEAD]} … {line[-_TAIL:]}"


def _document(facts: Facts, found: Chain, flags: dict[str, list[str]]) -> dict[str, Any]:
    def shown(link: Link | None) -> dict[str, Any] | None:
        if link is None:
            return None
        return link.document() | {"look": _command(link.look, flags) if link.look else None}

    reference = facts.reference
    return {
        "kind": reference.kind,
        "namespace": reference.namespace,
        "name": reference.name,
        "generation": facts.generation,
        "well": found.first is None,
        "first": shown(found.first),
        "links": [shown(link) for link in found.shared],
        "rows": [{"name": one.row, "links": [shown(link) for link in one.links]} for one in found.branches],
    }
