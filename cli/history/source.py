"""Where `voltran` is read: a clone on disk, a Gitea that is named, or the sandbox's."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.clone import Clone
from cli.exits import USAGE, Failure
from cli.parameters import running_sandbox, server_address
from cli.voltran import address

VoltranOption = Annotated[
    Path | None,
    typer.Option(
        "--voltran", metavar="DIR", exists=True, file_okay=False, help="Read this clone of voltran instead of Gitea's."
    ),
]
GiteaUrlOption = Annotated[
    str | None,
    typer.Option(
        "--gitea-url",
        metavar="URL",
        help="Read voltran from this Gitea, with the token in INFRAFORGE_GITEA_TOKEN or a file.",
    ),
]
GiteaTokenFileOption = Annotated[
    Path | None,
    typer.Option("--gitea-token-file", metavar="FILE", exists=True, dir_okay=False, help="The token for --gitea-url."),
]

ORGANIZATION: Final = "platform"
_IN_URL: Final = re.compile(r"/([^/]+)/voltran/commit/[0-9a-f]+$")


@dataclass(frozen=True)
class Source:
    """What a command line says about it; `is_sandbox` tells that the cluster is the sandbox's, so that its Gitea is."""

    folder: Path | None
    url: str | None
    token_file: Path | None
    data_dir: Path | None
    is_sandbox: bool

    @property
    def is_known(self) -> bool:
        """Whether there is any place to look."""
        return self.folder is not None or self.url is not None or self.is_sandbox

    @contextmanager
    def open(self, organization: str | None = None) -> Iterator[Clone]:
        """A clone to read from while the block runs; `Failure` when there is none to be had."""
        if self.token_file is not None and self.url is None:
            raise Failure("--gitea-token-file goes with --gitea-url", USAGE)
        if self.folder is not None and self.url is not None:
            raise Failure("--voltran and --gitea-url name two places: leave one of them out", USAGE)
        if self.folder is not None:
            yield opened(self.folder)
            return
        url, token = self._gitea(organization)
        with Clone.of(url, token) as clone:
            if clone is None:
                raise Failure(f"{url} cannot be cloned: see whether Gitea runs, and whether the token may read it")
            yield clone

    def _gitea(self, organization: str | None) -> tuple[str, str]:
        if self.url is None:
            if not self.is_sandbox:
                raise Failure(
                    "where is voltran? Name a clone with --voltran, or its Gitea with --gitea-url and a token", USAGE
                )
            blueprint = running_sandbox(self.data_dir).blueprint
            found = organization or blueprint.options.organization
            return address(blueprint.gitea, found), blueprint.credentials.gitea_token or ""
        file = self.token_file
        token = (file.read_text(encoding="utf-8") if file else os.environ.get("INFRAFORGE_GITEA_TOKEN", "")).strip()
        if not token:
            raise Failure(
                "--gitea-url needs a token that may read voltran: put it into INFRAFORGE_GITEA_TOKEN, or into a file "
                "for --gitea-token-file",
                USAGE,
            )
        return address(server_address(self.url, "--gitea-url"), organization or ORGANIZATION), token


class OnDisk(Clone):
    """Somebody's own clone: it is read, and nothing is fetched into it."""

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes | None:
        """As a clone of ours."""
        return None if arguments[:1] == ("fetch",) else super().run(*arguments, stdin=stdin)


def opened(folder: Path) -> Clone:
    """The clone in a directory, bare or not; `Failure` when it is none."""
    clone = OnDisk(str(folder), "")
    if clone.run("rev-parse", "--git-dir") is None:
        raise Failure(f"{folder} is no Git repository that may be read: clone voltran there")
    if clone.run("rev-parse", "--is-shallow-repository") == b"true\n":
        raise Failure(f"{folder} holds only a part of the history: complete it with `git fetch --unshallow`")
    return clone


def organization_of(document: Mapping[str, Any] | None) -> str | None:
    """The organization that a claim's status names; None when it names none yet."""
    url = str((((document or {}).get("status") or {}).get("commit") or {}).get("url") or "")
    found = _IN_URL.search(url)
    return found[1] if found else None
