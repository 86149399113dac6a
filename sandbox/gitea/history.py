"""Commits read from Git, with the files that each changed against its first parent."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.gitea.commit_writer import Signature
from sandbox.gitea.plumbing import Git

_FIELDS = ("%H", "%T", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B")
_FORMAT = "--format=%x1e" + "%x1f".join(_FIELDS)
_STATUS = {"A": "added", "D": "removed", "M": "modified", "T": "changed"}
_NUMSTAT = re.compile(rb"(\d+|-)\t(\d+|-)\t")


@dataclass
class Commit:
    """One commit; `files` maps each changed path to added, removed, modified or changed."""

    sha: str
    tree: str
    parents: list[str]
    author: Signature
    committer: Signature
    message: str
    files: dict[str, str] = field(default_factory=dict)
    additions: int = 0
    deletions: int = 0

    def paths(self, status: str) -> list[str]:
        """The paths with this status."""
        return [path for path, one in self.files.items() if one == status]


async def read_commits(git: Git, path: Path, *arguments: str, files: bool = True) -> list[Commit]:
    """What `git log` says for these arguments (revisions, limits, `--`, paths), newest first."""
    details = ["--raw", "--numstat", "--no-renames", "--no-abbrev", "-m", "--first-parent"] if files else []
    output = await git.run(path, "log", "-z", _FORMAT, *details, *arguments)
    commits: list[Commit] = []
    tokens = iter(output.split(b"\0"))
    for raw in tokens:
        token = raw.lstrip(b"\n")
        if token.startswith(b"\x1e"):
            commits.append(_parse(token[1:].decode(errors="replace")))
        elif token.startswith(b":"):
            status = token.rsplit(b" ", 1)[1][:1].decode()
            commits[-1].files[next(tokens).decode(errors="replace")] = _STATUS.get(status, "modified")
        elif numbers := _NUMSTAT.match(token):
            commits[-1].additions += int(numbers[1]) if numbers[1] != b"-" else 0
            commits[-1].deletions += int(numbers[2]) if numbers[2] != b"-" else 0
    return commits


def _parse(text: str) -> Commit:
    sha, tree, parents, name, email, date, committer, committer_email, committed, message = text.split("\x1f", 9)
    return Commit(
        sha,
        tree,
        parents.split(),
        Signature(name, email, _rfc3339(date)),
        Signature(committer, committer_email, _rfc3339(committed)),
        message.rstrip("\n") + "\n",
    )


def _rfc3339(date: str) -> str:
    return date.removesuffix("+00:00") + "Z" if date.endswith("+00:00") else date
