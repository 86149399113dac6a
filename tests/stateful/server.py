"""A Git server in memory: real objects, moved by compare-and-swap, without a process or a socket.

What is stored is what Git stores, byte for byte; `export` writes it as a repository that `git fsck` reads.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from shared.git.message import Record, parse
from shared.git.objects import Kind, Stored, decode_tree, name_of, tree_of_commit

MAIN = "refs/heads/main"
_HEADERS = re.compile(r"(tree|parent|author|committer) (.*)")
_PERSON = re.compile(r"(.*) <(.*)> (\d+) [+-]\d{4}")


@dataclass(frozen=True)
class Revision:
    """A commit as its bytes say."""

    sha: str
    data: bytes

    @cached_property
    def tree(self) -> str:
        return tree_of_commit(self.data)

    @cached_property
    def parents(self) -> tuple[str, ...]:
        return tuple(value for name, value in self._headers if name == "parent")

    @cached_property
    def author(self) -> tuple[str, str, int]:
        """Name, mail and seconds since 1970."""
        line = next(value for name, value in self._headers if name == "author")
        match = _PERSON.fullmatch(line)
        assert match is not None
        return match[1], match[2], int(match[3])

    @cached_property
    def message(self) -> str:
        return self.data.decode().partition("\n\n")[2]

    @cached_property
    def record(self) -> Record | None:
        """What it says of the claim that it is of."""
        return parse(self.message)

    @cached_property
    def claim(self) -> str | None:
        """`Kind/namespace/name`."""
        return f"{self.record.kind}/{self.record.namespace}/{self.record.name}" if self.record else None

    @cached_property
    def _headers(self) -> list[tuple[str, str]]:
        head = self.data.decode().partition("\n\n")[0]
        return [(match[1], match[2]) for line in head.split("\n") if (match := _HEADERS.fullmatch(line))]


@dataclass(frozen=True)
class Move:
    """A branch that moved. `by` is `functions`, or the stranger who did it."""

    by: str
    before: str | None
    after: str | None


@dataclass
class Bare:
    """One repository on the server."""

    objects: dict[str, Stored] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    """Of `main`, also after the branch was deleted."""

    @property
    def head(self) -> str | None:
        """Where `main` stands."""
        return self.refs.get(MAIN)

    is_rewritten: bool = False
    """Whether a stranger took something out of the history."""

    def move(self, sha: str | None, by: str) -> None:
        """Put `main` somewhere, forced if need be."""
        self.moves.append(Move(by, self.head, sha))
        if self.head is not None and (sha is None or self.head not in {one.sha for one in self.history(sha)}):
            self.is_rewritten = True
        if sha is None:
            self.refs.pop(MAIN, None)
        else:
            self.refs[MAIN] = sha

    def put(self, kind: Kind, data: bytes) -> str:
        """Store an object, and return its name."""
        sha = name_of(kind, data)
        self.objects[sha] = Stored(kind, data)
        return sha

    def revision(self, sha: str) -> Revision:
        return Revision(sha, self.objects[sha].data)

    def history(self, sha: str | None = None) -> list[Revision]:
        """From `sha` (the head) back to the root, first parents only."""
        found, at = [], sha or self.head
        while at is not None:
            one = self.revision(at)
            found.append(one)
            at = one.parents[0] if one.parents else None
        return found

    def files(self, sha: str | None = None) -> dict[str, str]:
        """Path → blob of everything in a commit (the head)."""
        at = sha or self.head
        return dict(self._walk(self.revision(at).tree, "")) if at else {}

    def content(self, blob: str) -> bytes:
        return self.objects[blob].data

    def entry(self, sha: str, path: str) -> str | None:
        """The object at a path in a commit."""
        at: str | None = self.revision(sha).tree
        for name in path.split("/"):
            stored = self.objects[at] if at else None
            entry = decode_tree(stored.data).get(name.encode()) if stored and stored.kind == "tree" else None
            at = entry.sha if entry else None
        return at

    def last_change(self, path: str) -> Revision | None:
        """What `git log -1 -- path` shows."""
        chain = self.history()
        olders: list[Revision | None] = [*chain[1:], None]
        for one, older in zip(chain, olders, strict=bool(chain)):
            if self.entry(one.sha, path) != (self.entry(older.sha, path) if older else None):
                return one
        return None

    def prune(self) -> None:
        """Garbage collection: what no reference leads to is gone."""
        kept: dict[str, Stored] = {}
        queue = list(self.refs.values())
        while queue:
            sha = queue.pop()
            if sha not in kept:
                kept[sha] = self.objects[sha]
                queue += links(kept[sha])
        self.objects = kept

    def export(self, directory: Path) -> None:
        """Write everything as loose objects and references of a bare repository that is there."""
        for sha, stored in self.objects.items():
            place = directory / "objects" / sha[:2] / sha[2:]
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(zlib.compress(b"%s %d\0%s" % (stored.kind.encode(), len(stored.data), stored.data), 1))
        for name, sha in self.refs.items():
            place = directory / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{sha}\n")

    def _walk(self, tree: str, prefix: str) -> Iterator[tuple[str, str]]:
        for name, entry in decode_tree(self.objects[tree].data).items():
            path = prefix + name.decode()
            if entry.is_folder:
                yield from self._walk(entry.sha, f"{path}/")
            else:
                yield path, entry.sha


def links(stored: Stored) -> list[str]:
    """The objects that an object names."""
    if stored.kind == "tree":
        return [entry.sha for entry in decode_tree(stored.data).values()]
    if stored.kind == "commit":
        one = Revision(name_of(stored.kind, stored.data), stored.data)
        return [one.tree, *one.parents]
    return []
