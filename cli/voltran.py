"""The repository that everything ends in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.text import Text
from rich.tree import Tree

from cli.clone import Clone

REPOSITORY: Final = "voltran"


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
        """Clone it from `gitea`."""
        with Clone.of(address(gitea, organization), token) as clone:
            if clone is None:
                return cls()
            log = (clone.run("log", "--format=%H %s", "HEAD") or b"").decode(errors="replace")
            listed = (clone.run("ls-tree", "-r", "-z", "--name-only", "HEAD") or b"").decode(errors="replace")
        commits = [line.partition(" ") for line in log.splitlines()]
        files = (name for name in listed.split("\0") if name)
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


def address(gitea: str, organization: str) -> str:
    """Where it is cloned from."""
    return f"{gitea}/{organization}/{REPOSITORY}.git"
