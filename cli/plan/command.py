"""The command itself."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from cli.exits import FAILED, OK, USAGE, Failure
from cli.output import print_json, stdout
from cli.parameters import (
    ContextOption,
    DataDirOption,
    KubeconfigOption,
    cluster_of,
    running_sandbox,
    server_address,
)
from cli.plan.document import document
from cli.plan.markdown import markdown
from cli.plan.report import Report
from cli.plan.text import show
from sandbox.supervisor.components import MIRRORED, Blueprint

if TYPE_CHECKING:
    from cli.plan.surroundings import Gitea

CHANGES: Final = 2
"""The exit code that says: something would change."""
EXPLAINED: Final = "Exit codes: 0 nothing would change; 2 something would; 1 something is wrong, wrong usage included."

TOKEN: Final = "INFRAFORGE_GITEA_TOKEN"  # noqa: S105 - the name of a variable
_USAGE_ERROR: Final = typer.BadParameter.__mro__[1]  # of the click that typer brings along, or of the one it uses


class Format(StrEnum):
    """Who reads the plan."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class Command(TyperCommand):
    """Wrong usage is an error like any other: 2 means that something would change."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """As every command, but for the exit code."""
        with _plain_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """As every command, but for the exit code."""
        with _plain_errors():
            return super().invoke(ctx)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except Failure as failure:
        raise Failure(str(failure), FAILED) from failure
    except Exception as error:
        if isinstance(error, _USAGE_ERROR):
            error.exit_code = FAILED  # type: ignore[attr-defined]  # as every error of click's
        raise


def plan(
    *,
    filename: Annotated[
        list[str],
        typer.Option("--filename", "-f", metavar="PATH", help="A file, a directory with all below it, or - for stdin."),
    ],
    voltran: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="A clone of voltran. Unless a cluster is named too (--kubeconfig, --context, --data-dir), none is "
            "asked.",
        ),
    ] = None,
    charts: Annotated[
        Path | None,
        typer.Option(metavar="DIR", exists=True, file_okay=False, help="With --voltran: a clone of charts."),
    ] = None,
    platform_charts: Annotated[
        Path | None,
        typer.Option(metavar="DIR", exists=True, file_okay=False, help="With --voltran: a clone of platform-charts."),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", metavar="NAMESPACE", help="The namespace of claims that name none."),
    ] = None,
    gitea_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help=f"Read from this Gitea, with the token in {TOKEN} or a file."),
    ] = None,
    gitea_token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="The token for Gitea.")
    ] = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="For people (text), programs (json) or a pull request (markdown).")
    ] = Format.TEXT,
    full: Annotated[
        bool,
        typer.Option("--full", help="In text: show objects that come or go as a whole, and not their names alone."),
    ] = False,
) -> None:
    """Show what claims would change, and change nothing: neither in the cluster nor in Git.

    The functions' own code decides, as if the claims were applied: the files in voltran, the objects that Helm renders
    from them, the images, what would be removed, and everything that is wrong, of all claims at once. Claims that need
    each other are planned in that order. What a removal has to be confirmed for is said. Secrets are not shown.

    The JSON document has `format` (1), `exitCode`, `against`, `errors`, `notes` and `claims`, each with `files`,
    `objects`, `images`, `prunes`, `confirmation`, `errors` and `notes`. Fields may be added, and keep their meaning.

    Examples:

        infraforge plan -f claim.yaml
        infraforge plan -f deployments/ --output markdown > plan.md
        infraforge plan -f claim.yaml --kubeconfig ~/.kube/config --context prod --gitea-url https://gitea.example.com
        git clone https://gitea.example.com/platform/voltran && infraforge plan -f claim.yaml --voltran voltran
        infraforge plan -f claim.yaml -o json | jq '.claims[].files[].path'
    """
    from cli.plan.planning import plan as planned  # noqa: PLC0415 - the handlers cost what others need not pay
    from cli.plan.surroundings import Folders, Sites  # noqa: PLC0415 - it brings httpx and pydantic

    if voltran is None and (charts or platform_charts):
        raise Failure("--charts and --platform-charts go with --voltran", USAGE)
    is_offline = voltran is not None and kubeconfig is None and context is None and data_dir is None
    cluster = None if is_offline else cluster_of(kubeconfig, data_dir, context)

    where = _Where(gitea_url, gitea_token_file, kubeconfig, context, data_dir)
    logging.getLogger("shared").addHandler(logging.NullHandler())  # what the functions would log is in the report
    sites = Sites(where.gitea, Folders(voltran, charts, platform_charts), where.mirrors)
    report = planned(filename, cluster, sites, namespace)
    code = exit_code(report)
    _show(report, output, code, full=full)
    raise typer.Exit(code)


def exit_code(report: Report) -> int:
    """0, 1 or 2, as `EXPLAINED` says."""
    return FAILED if report.is_wrong else CHANGES if report.changes else OK


@dataclass(frozen=True)
class _Where:
    """What the options say of Gitea and the cluster."""

    gitea_url: str | None
    token_file: Path | None
    kubeconfig: Path | None
    context: str | None
    data_dir: Path | None

    def gitea(self, named: str | None) -> "Gitea":
        """The Gitea to read from: the one that an option names, the sandbox's, or the one that claims name."""
        from cli.plan.surroundings import Gitea  # noqa: PLC0415 - in a module that `--help` need not wait for

        token = self._token()
        if self.gitea_url is not None:
            return Gitea(server_address(self.gitea_url, "--gitea-url"), token or _needs_token())
        blueprint = self._blueprint()
        if blueprint is not None:
            return Gitea(blueprint.gitea, blueprint.credentials.gitea_token or "")
        if named is None:
            raise Failure("nothing says where Gitea is: name it with --gitea-url, or give a clone with --voltran")
        return Gitea(named, token or _needs_token())

    @property
    def mirrors(self) -> Mapping[str, str]:
        """Where the sandbox has the registry of its example images and charts."""
        blueprint = self._blueprint()
        return {MIRRORED: blueprint.registry} if blueprint is not None else {}

    def _token(self) -> str:
        return (self.token_file.read_text(encoding="utf-8") if self.token_file else os.environ.get(TOKEN, "")).strip()

    def _blueprint(self) -> Blueprint | None:
        """The running sandbox's, where it is its cluster that the plan is for."""
        try:
            blueprint = running_sandbox(self.data_dir).blueprint
        except Failure:
            return None
        if self.context is None and self.kubeconfig is None:
            return blueprint
        is_its = self.kubeconfig is not None and self.kubeconfig.absolute() == blueprint.kubeconfig.absolute()
        return blueprint if is_its else None


def _needs_token() -> str:
    raise Failure(
        f"Gitea needs a token that may read voltran and the charts: put it into {TOKEN}, or into a file for "
        "--gitea-token-file; or give a clone with --voltran"
    )


def _show(report: Report, output: Format, code: int, *, full: bool) -> None:
    if output is Format.JSON:
        print_json(document(report, code))
    elif output is Format.MARKDOWN:
        typer.echo(markdown(report), nl=False)
    else:
        show(report, stdout(), full=full)
