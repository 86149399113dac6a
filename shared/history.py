"""Which commit a claim or a row may name as its last one.

A status normally remembers. It does not after a crash between push and status write, or when a claim was re-created:
then Gitea is asked what last changed the paths.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CHECKSUM_DIGITS: Final = 16


@dataclass(frozen=True)
class PastCommit:
    """A commit on the default branch; `when` is RFC 3339 in UTC, so that it sorts.

    `author` is `name <mail>`; `claim` (`Kind/namespace/name`) and `generation` are what the message's trailers say.
    """

    sha: str
    when: str
    author: str = ""
    claim: str | None = None
    generation: int = 0


@dataclass(frozen=True)
class Remembered:
    """What a status recorded about some files: their checksum and the last commit that changed them."""

    checksum: str | None
    commit: str | None


def checksum(files: Mapping[str, bytes]) -> str:
    """A short hash of paths and contents, the same for the same files in any order."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:CHECKSUM_DIGITS]


def last_commit(
    new: str | None,
    current: str,
    remembered: Remembered,
    paths: Sequence[str],
    ask: Callable[[str], PastCommit | None],
) -> str | None:
    """The commit that last changed the files whose checksum is `current`.

    `new` is the commit just made, if it changed them. What is remembered counts only for the same content; failing
    that, `ask` is asked for each of `paths`, and the latest answer is taken.
    """
    if new is not None:
        return new
    if remembered.commit is not None and remembered.checksum == current:
        return remembered.commit
    found = [past for past in map(ask, paths) if past is not None]
    return max(found, key=lambda past: past.when).sha if found else None
