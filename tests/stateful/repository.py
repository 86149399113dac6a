"""The production code's transactions on a server in memory: only the cache on disk and the network are replaced."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import TypeVar

from shared.errors import PushRejected, TransientError
from shared.git import Author, Commit, Repository, RepositoryMissing, Transaction
from shared.git.cache import Cache
from shared.git.command import GitFailed
from shared.git.connection import Connection
from shared.git.objects import Stored, decode_tree, name_of, tree_of_commit
from tests.stateful.server import MAIN, Bare, links

DEPTH = 4
"""Levels of trees that come with a commit, as `shared.git.cache.FILTER` has it."""
_T = TypeVar("_T")


@dataclass
class Server:
    """The repositories of one organization."""

    repositories: dict[str, Bare] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    """Those that a stranger deleted."""
    lock: RLock = field(default_factory=RLock)

    def bare(self, name: str) -> Bare:
        """The repository, as a request finds it."""
        found = self.repositories.get(name)
        if found is None:
            raise RepositoryMissing(f"the repository {name} does not exist, or the token may not see it")
        return found


Hook = Callable[[str, str], None]
"""Told a verb (`fetch`, `push` or `pushed`) and a repository's name; it may raise."""


class MemoryConnection(Connection):
    """The requests of one process (or stranger, as `by` says) that need no cache."""

    def __init__(self, server: Server, name: str, by: str, hook: Hook) -> None:
        self._server = server
        self._name = name
        self._by = by
        self._hook = hook

    def references(self) -> dict[str, str]:
        self._hook("fetch", self._name)
        return dict(self._server.bare(self._name).refs)

    def push(self, updates: Mapping[str, tuple[str | None, str]], objects: Mapping[str, Stored]) -> None:
        self._hook("push", self._name)
        with self._server.lock:
            bare = self._server.bare(self._name)
            if any(bare.refs.get(name) != expected for name, (expected, _) in updates.items()):
                raise PushRejected(f"{self._name} moved on while the commit was prepared", retry_after=1)
            assert all(name_of(*stored) == sha for sha, stored in objects.items())
            if not _is_complete(bare, objects, [new for _, new in updates.values()]):
                raise PushRejected("missing necessary objects", retry_after=1)
            bare.objects |= objects
            for name, (_, new) in updates.items():
                if name == MAIN:
                    bare.move(new, self._by)
                else:
                    bare.refs[name] = new
        self._hook("pushed", self._name)


def _is_complete(bare: Bare, objects: Mapping[str, Stored], tips: list[str]) -> bool:
    """Whether the server has, or is sent, everything that the tips lead to."""
    queue, seen = list(tips), set()
    while queue:
        sha = queue.pop()
        if sha in bare.objects or sha in seen:
            continue
        if sha not in objects:
            return False
        seen.add(sha)
        queue += links(objects[sha])
    return True


class MemoryCache(Cache):
    """What one process keeps of a repository: objects, in a dictionary that may be lost at any time."""

    def __init__(self, server: Server, name: str, objects: dict[str, Stored], hook: Hook) -> None:
        self._server = server
        self._name = name
        self._objects = objects
        self._hook = hook
        self._head: str | None = None

    def prepare(self, head: str | None) -> None:
        if head is None or (self._head == head and self.read(head)):
            return
        self.fetch_commit(head)
        self._head = head

    def read(self, sha: str) -> Stored | None:
        return self._objects.get(sha)

    def fetch(self, shas: Iterable[str]) -> None:
        self._hook("fetch", self._name)
        for sha in shas:
            self._take(sha)

    def fetch_commit(self, sha: str) -> None:
        self._hook("fetch", self._name)
        level = [tree_of_commit(self._take(sha).data)]
        for _ in range(DEPTH):
            trees = [self._take(tree) for tree in level]
            level = [one.sha for tree in trees for one in decode_tree(tree.data).values() if one.is_folder]

    def history(self, sha: str, most: int) -> tuple[Commit, ...]:
        self._hook("fetch", self._name)
        chain = self._server.bare(self._name).history(sha)[:most]
        return tuple(Commit(one.sha, one.author[0], one.author[1], one.message.rstrip("\n")) for one in chain)

    def write(self, objects: Mapping[str, Stored]) -> None:
        for sha, stored in objects.items():
            assert name_of(*stored) == sha
            self._objects[sha] = stored

    def record(self, head: str) -> None:
        self._head = head

    def discard(self) -> None:
        self._objects.clear()
        self._head = None

    def mended(self, action: Callable[[], _T], again: Callable[[], _T] | None = None) -> _T:
        try:
            return action()
        except GitFailed:
            self.discard()
        return (again or action)()

    def close(self) -> None:
        return

    def _take(self, sha: str) -> Stored:
        found = self._server.bare(self._name).objects.get(sha)
        if found is None:
            raise PushRejected(f"{self._name} was rewritten meanwhile: an object of it is gone", retry_after=1)
        self._objects[sha] = found
        return found


class MemoryRepository(Repository):
    """A repository on such a server."""

    def __init__(
        self, connection: MemoryConnection, cache: MemoryCache, author: Author, clock: Callable[[], datetime]
    ) -> None:
        self._memory_connection = connection
        self._memory = cache
        self._who = author
        self._dates = clock
        self._turn = RLock()
        self._open = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._turn:
            if self._open:
                raise TransientError("the Git cache is busy", reason="CacheBusy")
            self._open = True
            try:
                references = self._memory_connection.references()
                self._memory.prepare(references.get(MAIN))
                yield Transaction(
                    self._memory_connection, self._memory, MAIN, references, author=self._who, clock=self._dates
                )
            finally:
                self._open = False
