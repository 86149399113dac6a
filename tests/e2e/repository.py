"""A repository in the sandbox's Gitea, looked at where it lies, so that no request of ours is in Gitea's log."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FORM = "%H%x1f%P%x1f%an <%ae>%x1f%B%x1f%(trailers:key=Claim,valueonly)%x1f%(trailers:key=Claim-Generation,valueonly)"


@dataclass(frozen=True)
class Commit:
    """A commit of `main`; `claim` (`Kind/namespace/name`) and `generation` are its trailers, empty in a stranger's."""

    sha: str
    parents: tuple[str, ...]
    author: str
    message: str
    claim: str
    generation: str


@dataclass(frozen=True)
class Bare:
    """A bare repository, and the log of the Gitea that serves it."""

    path: Path
    gitea_log: Path

    @classmethod
    def voltran(cls, described: Any) -> "Bare":
        """The one that everything ends in."""
        folder = Path(described["dataDir"]) / "gitea" / "repositories" / described["gitea"]["organization"]
        log = next(Path(one["log"]) for one in described["components"] if one["name"] == "gitea")
        return cls(folder / "voltran.git", log)

    def head(self) -> str:
        """The commit that `main` stands on; empty when there is none."""
        return self._git("rev-parse", "--verify", "--quiet", "refs/heads/main").strip() if self.path.exists() else ""

    def tree(self, revision: str = "main") -> dict[str, str]:
        """Path → mode, type and hash of every file (`git ls-tree -r`)."""
        lines = self._git("ls-tree", "-r", revision).splitlines()
        return {path: what for what, _, path in (line.partition("\t") for line in lines)}

    def file(self, path: str, revision: str = "main") -> str:
        """A file's text."""
        return self._git("show", f"{revision}:{path}")

    def changed(self, before: str, after: str) -> set[str]:
        """The paths that differ between two commits."""
        return set(self._git("diff", "--name-only", "--no-renames", before, after).splitlines())

    def log(self, revisions: str = "main") -> list[Commit]:
        """Commits, the newest first."""
        records = self._git("log", f"--format={_FORM}%x1e", revisions).split("\x1e\n")
        return [_commit(record.split("\x1f")) for record in records if record.strip()]

    def pushes(self) -> int:
        """How many pushes Gitea's log knows of, refused ones too."""
        return self.requests("/git-receive-pack ")

    def requests(self, ending: str = "") -> int:
        """How many of Git's requests to this repository Gitea's log knows of, of any or of one kind."""
        sought = f" /{self.path.parent.name}/{self.path.name}{ending}"
        return self.gitea_log.read_text(encoding="utf-8", errors="replace").count(sought)

    def _git(self, *arguments: str) -> str:
        done = run_git("-C", str(self.path), *arguments)
        return done.stdout if done.returncode == 0 else ""


def run_git(*arguments: str, env: "dict[str, str] | None" = None) -> "subprocess.CompletedProcess[str]":
    """Git without this machine's configuration."""
    plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run(
        ["git", *arguments],
        env=os.environ | plain | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _commit(fields: Sequence[str]) -> Commit:
    sha, parents, author, message, claim, generation = (one.strip() for one in fields)
    return Commit(sha, tuple(parents.split()), author, message, claim, generation)
