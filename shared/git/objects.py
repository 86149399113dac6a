"""Git's objects as bytes: names (SHA-1 of header and content), trees and commits.

Names in trees stay bytes, since a repository may hold names that are no UTF-8 and must keep them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

Kind = Literal["blob", "tree", "commit"]

FILE = 0o100644
FOLDER = 0o40000


class Stored(NamedTuple):
    """An object's kind and content."""

    kind: str
    data: bytes


class Entry(NamedTuple):
    """One line of a tree."""

    mode: int
    sha: str

    @property
    def is_folder(self) -> bool:
        """Whether it names another tree."""
        return self.mode == FOLDER

    @property
    def is_file(self) -> bool:
        """Whether it names a regular file: no folder, symbolic link or submodule."""
        return self.mode & 0o170000 == FILE & 0o170000


@dataclass(frozen=True)
class Author:
    """Who signs the commits. Neither part may hold `<`, `>` or a line break."""

    name: str
    email: str

    def __post_init__(self) -> None:
        for part in (self.name, self.email):
            if not part or part != part.strip() or set(part) & set("<>\n\r\0"):
                raise ValueError(f"an author's name and email are one line without < and >, not {part!r}")

    def at(self, moment: datetime) -> str:
        """The line of a commit; `moment` knows its zone."""
        offset = moment.strftime("%z")[:5]
        if not offset:
            raise ValueError("a commit's date needs a time zone")
        return f"{self.name} <{self.email}> {int(moment.timestamp())} {offset}"


def name_of(kind: str, data: bytes) -> str:
    """The 40 hex digits that name an object."""
    # Git's addresses, not a signature.
    return hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(data), data), usedforsecurity=False).hexdigest()


def decode_tree(data: bytes) -> dict[bytes, Entry]:
    """Name → entry. Raises ValueError for bytes that are no tree."""
    entries = {}
    position = 0
    while position < len(data):
        blank = data.index(b" ", position)
        end = data.index(b"\0", blank)
        sha = data[end + 1 : end + 21]
        if len(sha) != 20:  # noqa: PLR2004 - bytes of a SHA-1
            raise ValueError("the tree is cut off")
        entries[data[blank + 1 : end]] = Entry(int(data[position:blank], 8), sha.hex())
        position = end + 21
    return entries


def encode_tree(entries: Mapping[bytes, Entry]) -> bytes:
    """The tree's content, in Git's order: a folder sorts as if its name ended with `/`."""
    ordered = sorted(entries.items(), key=lambda item: item[0] + b"/" if item[1].is_folder else item[0])
    return b"".join(b"%o %s\0%s" % (entry.mode, name, bytes.fromhex(entry.sha)) for name, entry in ordered)


def tree_of_commit(data: bytes) -> str:
    """The name of a commit's tree. Raises ValueError for bytes that are no commit."""
    line = data.partition(b"\n")[0].decode("ascii")
    word, _, sha = line.partition(" ")
    if word != "tree":
        raise ValueError("the commit names no tree")
    return sha


def encode_commit(tree: str, parent: str | None, author: Author, moment: datetime, message: str) -> bytes:
    """The commit's content. `message` ends with a newline and holds no NUL."""
    if "\0" in message:
        raise ValueError("a commit message cannot hold a NUL")
    who = author.at(moment)
    lines = [f"tree {tree}", *([f"parent {parent}"] if parent else []), f"author {who}", f"committer {who}", "", ""]
    return "\n".join(lines).encode() + message.encode()
