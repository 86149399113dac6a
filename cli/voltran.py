"""The repository that everything ends in, read as anybody would: with `git clone`."""

import base64
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.text import Text
from rich.tree import Tree

REPOSITORY: Final = "voltran"
_TIMEOUT: Final = 60


@dataclass(frozen=True)
class Commit:
    """A commit of voltran's main branch."""

    sha: str
    subject: str


@dataclass(frozen=True)
class Voltran:
    """The repository at one moment: its commits, newest first, and its files in order. Empty when there is none."""

    commits: tuple[Commit, ...] = ()
    files: tuple[str, ...] = ()

    @classmethod
    def read(cls, gitea: str, organization: str, token: str) -> "Voltran":
        """Clone it from `gitea`; the token travels in a header that no process list shows."""
        with tempfile.TemporaryDirectory() as folder:
            if _git(["clone", "--quiet", "--bare", f"{gitea}/{organization}/{REPOSITORY}.git", folder], token) is None:
                return cls()
            log = _git(["-C", folder, "log", "--format=%H %s", "HEAD"], token)
            listed = _git(["-C", folder, "ls-tree", "-r", "-z", "--name-only", "HEAD"], token)
        commits = [line.partition(" ") for line in (log or "").splitlines()]
        files = (name for name in (listed or "").split("\0") if name)
        return cls(tuple(Commit(sha, subject) for sha, _, subject in commits), tuple(files))

    def tree(self) -> Tree:
        """The files, drawn."""
        root = Tree(Text(f"{REPOSITORY}/", style="bold"), guide_style="dim")
        folders = {Path(): root}
        for file in self.files:
            path = Path(file)
            for folder in reversed(path.parents[:-1]):
                if folder not in folders:
                    folders[folder] = folders[folder.parent].add(Text(f"{folder.name}/", style="blue"))
            folders[path.parent].add(Text(path.name))
        return root


def _git(arguments: list[str], token: str) -> str | None:
    """What git printed, or None when it failed."""
    header = base64.b64encode(f"token:{token}".encode()).decode()
    environment = os.environ | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {header}",
        "NO_PROXY": "*",
    }
    done = subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    return done.stdout if done.returncode == 0 else None
