"""`infraforge up`, `down` and `status`."""

import os
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal, cast

import typer
from rich.table import Table

from cli import progress
from cli.exits import DEGRADED, NOT_RUNNING, USAGE, Failure
from cli.output import Output, complain, print_json, stderr, stdout
from cli.parameters import DataDirOption, OutputOption, open_line, running_sandbox, sandbox_at, server_address
from sandbox.supervisor.credentials import OF_ARGOCD, OF_FUNCTIONS
from sandbox.supervisor.description import describe
from sandbox.supervisor.errors import OptionsDiffer, SandboxError, TokenMissing
from sandbox.supervisor.options import RESYNC_INTERVAL, Options
from sandbox.supervisor.sandbox import Sandbox
from sandbox.supervisor.startup import Report
from shared.errors import InfraForgeError

_WATCH_INTERVAL = 0.5
_COLOURS = {"ready": "green", "external": "cyan", "stopped": "dim", "unresponsive": "yellow", "crashed": "bold red"}


def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when it is up; stop it with `down`.")] = False,
    data_dir: DataDirOption = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Use this real cluster: the CRDs are applied there, and the functions run here with your rights.",
        ),
    ] = None,
    gitea_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Use this real Gitea, with the token in INFRAFORGE_GITEA_TOKEN or a file."),
    ] = None,
    gitea_token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="The token for --gitea-url.")
    ] = None,
    argocd_token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="ArgoCD's read-only token for --gitea-url."),
    ] = None,
    registry: Annotated[str | None, typer.Option(metavar="URL", help="Ask this registry for images.")] = None,
    event_source: Annotated[
        Literal["sandbox", "external"],
        typer.Option(help="external: something of yours posts events (and pings) to broker.url."),
    ] = "sandbox",
    argocd: Annotated[
        Literal["sandbox", "external", "off"] | None,
        typer.Option(
            help="Who deploys what Git says: the stand-in (sandbox, the default), a real ArgoCD in the cluster "
            "(external, the default with --kubeconfig), or nobody (off).",
        ),
    ] = None,
    chart: Annotated[
        Literal["sandbox", "external"],
        typer.Option(
            help="Who installs the chart knative/ into the sandbox's cluster: the sandbox, or you with helm "
            "(external), which it waits for, saying with which values.",
        ),
    ] = "sandbox",
    audit_log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Let the sandbox's API server write a line for each request: who, what, and whether it was allowed.",
        ),
    ] = None,
    gitea_push_delay: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Let each push take as long as a real Gitea's, e.g. 500ms.")
    ] = None,
    resync_interval: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="How often a ping makes every function look at everything again, in case an event or a webhook was "
            "lost. Changes that are heard of do not wait for it.",
        ),
    ] = RESYNC_INTERVAL,
    output: OutputOption = Output.TEXT,
) -> None:
    """Start the sandbox, or mend one of which a part has ended. If it runs already, nothing changes.

    Without `--detach` it stays in the foreground until Ctrl-C, which stops everything. The state survives.

    Examples:

        infraforge up                                         # until Ctrl-C
        infraforge up --detach -o json > sandbox.json         # for a script: kubeconfig, URLs, token
        infraforge up --data-dir /tmp/second                  # another sandbox beside the first
        infraforge up --resync-interval 10                    # repair what no event told of within 10 s
        infraforge up --chart external                        # you run helm install, upgrade, test …
        infraforge up --kubeconfig ~/.kube/config             # a real cluster instead of the stand-in
        infraforge up --gitea-url https://gitea.example.com --gitea-token-file token
    """
    if kubeconfig and (chart == "external" or audit_log):
        raise typer.BadParameter("goes with the sandbox's own API server", param_hint="--kubeconfig")
    sandbox = sandbox_at(data_dir)
    options = Options(
        kubeconfig=str(kubeconfig.absolute()) if kubeconfig else None,
        gitea_url=server_address(gitea_url, "--gitea-url") if gitea_url is not None else None,
        registry=server_address(registry, "--registry") if registry is not None else None,
        event_source=event_source,
        gitea_push_delay=gitea_push_delay,
        resync_interval=resync_interval,
        argocd=argocd or ("external" if kubeconfig else "sandbox"),
        chart=chart,
        audit_log=str(audit_log.absolute()) if audit_log else None,
    )
    tokens = _tokens(gitea_url, gitea_token_file, argocd_token_file)
    with interruptible():
        with progress.components(output, "Starting the sandbox") as report:
            started = start(sandbox, options, report, tokens)
        try:
            _show(sandbox, output)
            if detach or not started:
                return
            if output is Output.TEXT:
                stderr().print("[dim]Ctrl-C stops it.[/]")
            _watch(sandbox)
        except KeyboardInterrupt:
            pass
        with progress.components(output, "Stopping the sandbox") as report:
            sandbox.down(report)


def start(sandbox: Sandbox, options: Options, report: Report, tokens: dict[str, str] | None = None) -> bool:
    """Bring the sandbox up and tell what went wrong, if anything, as a `Failure`; True when something was started."""
    try:
        return sandbox.up(options, report, tokens)
    except TokenMissing as error:
        raise Failure(
            f"{error} with the scopes write:organization, write:repository and read:user: "
            "put it into INFRAFORGE_GITEA_TOKEN, or into a file for --gitea-token-file",
            USAGE,
        ) from error
    except OptionsDiffer as error:
        raise Failure(str(error)) from error
    except (SandboxError, InfraForgeError) as error:
        raise Failure(f"the sandbox did not start: {error}") from error


def down(
    *,
    data_dir: DataDirOption = None,
    purge: Annotated[bool, typer.Option("--purge", help="Forget its state too: repositories, claims, tokens.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Stop the sandbox. Its state stays, and `up` opens it again; stopping a stopped one is no error.

    It also ends what a killed `infraforge up` has left behind.

    Examples:

        infraforge down
        infraforge down --purge            # start over
    """
    sandbox = sandbox_at(data_dir)
    with progress.components(output, "Stopping the sandbox") as report:
        stopped = sandbox.down(report)
    if purge:
        sandbox.directory.delete()
    if output is Output.JSON:
        print_json({"dataDir": str(sandbox.directory.root), "stopped": stopped, "purged": purge})
    elif not stopped:
        stderr().print("Nothing was running.")


def status(
    *,
    export: Annotated[
        bool, typer.Option("--export", help="Print only the line that tells kubectl where to go.")
    ] = False,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what runs and where: exit code 0 when all of it serves, 3 when nothing runs, 4 in between.

    Examples:

        infraforge status
        infraforge status -o json | jq -r .kubeconfig
        infraforge status > /dev/null || infraforge up --detach
        eval "$(infraforge status --export)" && kubectl get infraforge -A
    """
    if export:
        typer.echo(_export(running_sandbox(data_dir).blueprint.kubeconfig))
        return
    code = _show(sandbox_at(data_dir), output)
    raise typer.Exit(code)


def _show(sandbox: Sandbox, output: Output) -> int:
    described = describe(sandbox)
    if output is Output.JSON:
        print_json(described)
    else:
        _print(sandbox, described)
    return {"running": 0, "stopped": NOT_RUNNING}.get(described["state"], DEGRADED)


def _print(sandbox: Sandbox, described: dict[str, Any]) -> None:
    console = stdout()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("COMPONENT", "STATE", "URL", "PID"):
        table.add_column(column, no_wrap=True)
    for one in described["components"]:
        state = one["state"]
        table.add_row(one["name"], f"[{_COLOURS[state]}]{state}[/]", one["url"] or "", str(one["pid"] or ""))
    console.print(table)
    if described["state"] == "stopped":
        console.print(f"\nThe sandbox is stopped; open it with: [bold]{open_line(sandbox)}[/]", soft_wrap=True)
        return
    console.print("\n" + _export(described["kubeconfig"]), soft_wrap=True, markup=False)
    if described["gitea"]["user"]:
        console.print(_clone(sandbox, described["gitea"]), soft_wrap=True, markup=False)
    crashed = [one["name"] for one in described["components"] if one["state"] == "crashed"]
    if crashed:
        console.print(
            f"[red]{', '.join(crashed)} ended by itself[/]: see `infraforge logs {crashed[0]}`; "
            "`infraforge up` starts it again",
            soft_wrap=True,
        )


def _clone(sandbox: Sandbox, gitea: dict[str, Any]) -> str:
    """The line that clones voltran as the person at this machine; Git asks for the password, which no list shows."""
    url = gitea["url"].replace("://", f"://{gitea['user']}@", 1)
    password = shlex.quote(str(sandbox.blueprint.credentials.admin_password_file))
    return f"git clone {url}/{gitea['organization']}/voltran.git   # the password is in {password}"


def _export(kubeconfig: Path | str) -> str:
    return f"export KUBECONFIG={shlex.quote(str(kubeconfig))}"


def _tokens(gitea_url: str | None, gitea_file: Path | None, argocd_file: Path | None) -> dict[str, str]:
    """The tokens for a real Gitea; none for the sandbox's own, which gives them itself."""
    if not gitea_url:
        if gitea_file or argocd_file:
            raise typer.BadParameter("a token file goes with --gitea-url", param_hint="--gitea-token-file")
        return {}
    found = {
        OF_FUNCTIONS: _secret(gitea_file, "INFRAFORGE_GITEA_TOKEN"),
        OF_ARGOCD: _secret(argocd_file, "INFRAFORGE_ARGOCD_TOKEN"),
    }
    return {name: value for name, value in found.items() if value}


def _secret(file: Path | None, variable: str) -> str:
    return (file.read_text(encoding="utf-8") if file else os.environ.get(variable, "")).strip()


def _watch(sandbox: Sandbox) -> None:
    """Return when somebody else stops the sandbox; say so when a component ends by itself."""
    told: set[tuple[str, int]] = set()
    while not sandbox.stopped():
        for name, pid in sandbox.crashed():
            if (name, pid) not in told:
                told.add((name, pid))
                words = sandbox.last_words(name, 5)
                complain(
                    f"{name} ended by itself; `infraforge up` in another terminal starts it again\n{words}".rstrip()
                )
        time.sleep(_WATCH_INTERVAL)  # detached processes are no children: nothing tells us that one ended


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end us as Ctrl-C does, and Ctrl-C even where a shell has it ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, cast("signal.Handlers", handler))
