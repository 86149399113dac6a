"""The history of `voltran`, read where the server keeps it."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shared.git.message import Record, parse

MAIN: Final = "refs/heads/main"
_ZERO: Final = "0" * 40


@dataclass(frozen=True)
class Commit:
    """A commit of main: its tree, its parents, the claim that it says it is of, and the paths that it changed."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    record: Record | None
    paths: frozenset[str]

    @property
    def claim(self) -> str | None:
        """`Kind/namespace/name`."""
        return f"{self.record.kind}/{self.record.namespace}/{self.record.name}" if self.record else None


@dataclass
class Ledger:
    """A bare repository that writes down every move of its branches, and what of it was read so far."""

    directory: Path
    commits: dict[str, Commit] = field(default_factory=dict)
    """Those of main, the oldest first."""

    def watch(self) -> None:
        """Have every move of a branch written down from now on."""
        self._git("config", "core.logAllRefUpdates", "always")

    def head(self) -> str | None:
        """Where main stands."""
        done = subprocess.run(
            ["git", "-C", str(self.directory), "rev-parse", "--verify", "--quiet", MAIN],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() or None

    def read(self) -> None:
        """Read what is new; everything again when main was moved back."""
        head = self.head()
        last = next(reversed(self.commits), None)
        if head is None or head == last:
            return
        if last is not None and not self.descends(head, last):
            self.commits, last = {}, None
        span = f"{last}..{head}" if last else head
        text = self._git("log", "--reverse", "--format=%x01%H%x00%T%x00%P%x00%B%x02", "--name-only", span)
        for entry in text.split("\x01")[1:]:
            fields, _, names = entry.partition("\x02")
            sha, tree, parents, message = fields.split("\0")
            paths = frozenset(name for name in names.split("\n") if name)
            self.commits[sha] = Commit(sha, tree, tuple(parents.split()), parse(message), paths)

    def descends(self, later: str, earlier: str) -> bool:
        """Whether `earlier` is in the history of `later`."""
        done = subprocess.run(
            ["git", "-C", str(self.directory), "merge-base", "--is-ancestor", earlier, later],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def heads(self) -> list[str]:
        """Every commit that main ever stood at, while it was watched, in order."""
        log = self.directory / "logs" / MAIN
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        return [line.split(" ", 2)[1] for line in lines if line.split(" ", 2)[1] != _ZERO]

    def files(self, commit: str | None = None) -> dict[str, str]:
        """Path → blob of everything in main, or in another commit."""
        listed = self._git("ls-tree", "-r", "-z", commit or MAIN)
        pairs = (line.split("\t", 1) for line in listed.split("\0") if line)
        return {path: about.split(" ")[2] for about, path in pairs}

    def after(self, sha: str | None) -> list[Commit]:
        """The commits of main that came after that one."""
        known = list(self.commits)
        start = known.index(sha) + 1 if sha in self.commits else 0
        return [self.commits[one] for one in known[start:]]

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.directory), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, errors="replace").stdout

    def objects(self, names: Sequence[str]) -> list[str]:
        """The object of each name such as `commit:path`, or `missing`."""
        done = subprocess.run(
            ["git", "-C", str(self.directory), "cat-file", "--batch-check=%(objectname)"],
            input="".join(f"{name}\n" for name in names),
            capture_output=True,
            text=True,
            check=True,
        )
        return [line.rpartition(" ")[2] for line in done.stdout.splitlines()]
