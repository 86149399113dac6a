"""`infraforge demo`: the example claims, the whole way."""

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli import board, progress
from cli.apply import apply_all, claims_of
from cli.claims import ClaimView, wait
from cli.cluster import Cluster
from cli.exits import FAILED
from cli.manifests import read
from cli.output import Output, complain, print_json, stderr, stdout
from cli.parameters import DataDirOption, OutputOption, open_line, sandbox_at
from cli.sandbox import interruptible, start
from cli.voltran import Voltran
from sandbox.supervisor.components import PACKAGES, Blueprint
from sandbox.supervisor.options import Options
from sandbox.supervisor.sandbox import Sandbox

DEPLOYMENTS: Final = PACKAGES / "deployments"


def demo(
    *,
    filename: Annotated[
        list[str] | None,
        typer.Option(
            "--filename", "-f", metavar="PATH", help="Claims of yours. [default: deployments/]", show_default=False
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long the claims may take.")] = 120,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the sandbox running afterwards.")] = False,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Start the sandbox, apply the example claims, watch them be deployed, show the result, and stop again.

    A sandbox that runs already is used and left running. Exit code 0 only if every claim became Ready and Deployed.

    Examples:

        infraforge demo
        infraforge demo --keep -f my-claims/
    """
    began = time.monotonic()
    sandbox = sandbox_at(data_dir)
    with interruptible():
        started = False
        try:
            with progress.components(output, "Starting the sandbox") as report:
                # With the options it has: the demo fits into any sandbox that the user has set up.
                started = start(sandbox, _options(sandbox), report)
            ready = _show(sandbox, filename or [str(DEPLOYMENTS)], timeout, output, began)
        finally:
            if started and not keep:
                sandbox.down(lambda _name, _event: None)
    if output is Output.TEXT:
        _farewell(sandbox, stopped=started and not keep, began=began)
    if not ready:
        raise typer.Exit(FAILED)


def _options(sandbox: Sandbox) -> Options:
    return sandbox.blueprint.options


def _show(sandbox: Sandbox, filenames: list[str], timeout: float, output: Output, began: float) -> bool:
    blueprint = sandbox.blueprint
    before = _voltran(blueprint)
    up = time.monotonic()
    cluster = Cluster.of(blueprint.kubeconfig)
    watch = Stopwatch()
    applied, refused = apply_all(cluster, read(filenames))
    references = [one.reference for one in claims_of(applied)]
    with board.claims(output) as show:
        views = wait(cluster, references, timeout, watch.before(show), deployed=True)
    seconds = {"up": up - began, "ready": time.monotonic() - up}
    after = _voltran(blueprint)
    known = {commit.sha for commit in before.commits}
    new = [commit for commit in after.commits if commit.sha not in known]
    for message in refused:
        complain(message)
    if output is Output.JSON:
        print_json(_document(sandbox, views, after, len(new), seconds) | {"deployedAfter": watch.document()})
    else:
        _print(stdout(), views, after, len(new), watch)
    return bool(views) and not refused and all(view.ready and view.deployed for view in views)


class Stopwatch:
    """When each row was first seen to be deployed, in seconds from the moment before the claims were applied."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seconds: dict[tuple[str, str], float] = {}

    def before(self, show: board.Show) -> board.Show:
        """`show`, with a look at the watch before each."""

        def look(views: list[ClaimView]) -> None:
            for view in views:
                for row in view.rows:
                    if (row.get("deployed") or {}).get("status") == "True":
                        self._seconds.setdefault((str(view.reference), row["name"]), time.monotonic() - self._began)
            show(views)

        return look

    def seconds(self, view: ClaimView, row: str) -> float | None:
        """None for a row that was not."""
        return self._seconds.get((str(view.reference), row))

    def document(self) -> dict[str, dict[str, float]]:
        """Claim → row → seconds, for programs."""
        found: dict[str, dict[str, float]] = {}
        for (claim, row), seconds in self._seconds.items():
            found.setdefault(claim, {})[row] = round(seconds, 2)
        return found


def _voltran(blueprint: Blueprint) -> Voltran:
    return Voltran.read(blueprint.gitea, blueprint.options.organization, blueprint.credentials.gitea_token or "")


def _document(
    sandbox: Sandbox, views: list[ClaimView], voltran: Voltran, new: int, seconds: dict[str, float]
) -> dict[str, Any]:
    return {
        "ready": bool(views) and all(view.ready and view.deployed for view in views),
        "claims": [view.document() for view in views],
        "voltran": {
            "head": voltran.commits[0].sha if voltran.commits else None,
            "commits": len(voltran.commits),
            "newCommits": new,
            "files": list(voltran.files),
        },
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "open": open_line(sandbox),
    }


def _print(console: Console, views: list[ClaimView], voltran: Voltran, new: int, watch: Stopwatch) -> None:
    for view in views:
        console.print()
        console.print(_title(view), soft_wrap=True)
        console.print(Padding(_conditions(view), (0, 0, 0, 2), expand=False))
        console.print(Padding(_rows(view, watch), (0, 0, 0, 4), expand=False))
    console.print()
    if voltran.files:
        console.print(voltran.tree())
        console.print()
    console.print(f"[bold]{len(voltran.commits)} commits in voltran[/], {new or 'none'} of them new:")
    for commit in voltran.commits[:8]:
        console.print(Text.assemble("  ", (commit.sha[:8], "yellow"), " ", commit.subject), soft_wrap=True)


def _title(view: ClaimView) -> Text:
    name = f"{view.reference.kind} {view.reference.namespace}/{view.reference.name}"
    commit = (f"  commit {view.commit}", "yellow") if view.commit else ("  no commit", "dim")
    return Text.assemble(board.mark(view), " ", (name, "bold"), commit)


def _conditions(view: ClaimView) -> Table:
    grid = Table.grid(padding=(0, 2))
    colours = {"True": "green", "False": "red", "Unknown": "yellow"}
    for one in view.conditions:
        # Reconciling and Stalled are good news when they are False
        colour = (
            "dim" if one.type in ("Reconciling", "Stalled") and one.status == "False" else colours.get(one.status, "")
        )
        grid.add_row(one.type, Text(one.status, style=colour), Text(one.reason), Text(one.message, style="dim"))
    return grid


def _rows(view: ClaimView, watch: Stopwatch) -> Table:
    """The rows of a claim: name, state, what it runs or where it is, commit, and how long it took to be deployed."""
    grid = Table.grid(padding=(0, 2))
    for row in view.rows:
        digest = (row.get("digest") or "").removeprefix("sha256:")[:12]
        what = row.get("image") or row.get("path") or row.get("url") or ""
        commit = row.get("commit") or ""
        seconds = watch.seconds(view, str(row.get("name")))
        grid.add_row(
            Text(str(row.get("name", ""))),
            Text(row.get("state") or ""),
            Text(f"{what} @{digest}" if digest else str(what), style="dim"),
            Text((commit.get("sha", "") if isinstance(commit, dict) else commit)[:8], style="yellow"),
            Text(f"deployed after {seconds:.1f} s" if seconds is not None else "", style="green"),
        )
    return grid


def _farewell(sandbox: Sandbox, *, stopped: bool, began: float) -> None:
    stderr().print(f"\n[dim]{time.monotonic() - began:.1f} s in all[/]")
    if stopped:
        stdout().print(
            f"The sandbox is stopped; open the same one again with:\n\n    [bold]{_runnable(open_line(sandbox))}[/]",
            soft_wrap=True,
        )
    else:
        stdout().print("The sandbox still runs: see `infraforge status`.")


def _runnable(line: str) -> str:
    """The line with a path to the command in it, where the command is not on the PATH."""
    command = Path(".venv/bin/infraforge")
    return line.replace("infraforge", str(command), 1) if command.exists() else line
