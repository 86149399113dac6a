"""Options that several commands share."""

import shlex
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cli.cluster import Cluster
from cli.exits import NOT_RUNNING, USAGE, Failure
from cli.output import Output
from sandbox.supervisor.directory import DataDirectory, default_root
from sandbox.supervisor.sandbox import Sandbox

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Where the sandbox keeps its state; each directory is a sandbox of its own. "
        "[default: infraforge in the user's state directory, ~/.local/state]",
        show_default=False,
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Print for people (text) or programs (json).")]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option("--kubeconfig", metavar="FILE", help="Speak to this cluster instead of the sandbox's."),
]
ContextOption = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="NAME",
        help="Speak to this context of the kubeconfig; without --kubeconfig, of the one that kubectl reads.",
    ),
]

NamespaceOption = Annotated[
    str | None,
    typer.Option("--namespace", "-n", metavar="NAMESPACE", help="The claim's namespace, where its name has none."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def cluster_of(kubeconfig: Path | None, data_dir: Path | None, context: str | None = None) -> Cluster:
    """The cluster that a command speaks to: the one named, or the running sandbox's."""
    if kubeconfig is None and context is None:
        try:
            kubeconfig = running_sandbox(data_dir).blueprint.kubeconfig
        except Failure as failure:
            raise Failure(f"{failure}, or name a cluster with --kubeconfig", failure.code) from failure
    return Cluster.of(kubeconfig, context)


def server_address(url: str, option: str) -> str:
    """The URL without its last slash; one with a credential in it is refused, because it is written down."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise typer.BadParameter("it must be http(s)://HOST[:PORT][/PATH], without credentials", param_hint=option)
    return url.rstrip("/")


def consent(question: str, *, yes: bool) -> None:
    """Return when the person agrees; `Failure` when they do not, or when nobody can be asked and --yes is missing."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(f"{question} Nobody can be asked here: add --yes", USAGE)
    if not typer.confirm(question, err=True):
        raise Failure("nothing was changed")


def sandbox_at(data_dir: Path | None) -> Sandbox:
    """The sandbox of a directory, running or not."""
    return Sandbox(DataDirectory((data_dir or default_root()).expanduser().absolute()))


def running_sandbox(data_dir: Path | None) -> Sandbox:
    """The sandbox of a directory; `Failure` with NOT_RUNNING when it is not up."""
    sandbox = sandbox_at(data_dir)
    if not sandbox.directory.exists or sandbox.stopped():
        raise Failure(
            f"no sandbox runs in {sandbox.directory.root}: start one with `{open_line(sandbox)} --detach`", NOT_RUNNING
        )
    return sandbox


def open_line(sandbox: Sandbox) -> str:
    """The command line that opens this sandbox (again), with the options it had."""
    root = sandbox.directory.root
    place = [] if root == default_root().absolute() else ["--data-dir", str(root)]
    return shlex.join(["infraforge", "up", *place, *sandbox.blueprint.options.arguments()])
