"""A remote repository, seen through a bare cache."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from .cache import Cache
from .command import Command
from .connection import Connection
from .lock import Lock
from .objects import Author
from .transaction import Transaction


@dataclass(frozen=True)
class Remote:
    """Where to connect: a smart HTTP address without credentials, and the branch that is written.

    `authorities` is a file with those that its certificate is checked against; None: the public ones.
    Raises ValueError for any other address: Git would run a command for some of them.
    """

    url: str
    branch: str = "main"
    authorities: Path | None = None

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("the address of a repository begins with http:// or https://")
        if "@" in self.url.partition("://")[2].partition("/")[0]:
            raise ValueError("the address of a repository carries no credentials: give the token by itself")


def _now() -> datetime:
    return datetime.now(UTC)


class Repository:
    """One remote repository, seen through a bare cache in `directory`; thread-safe: one transaction at a time.

    Several processes may use the same directory. It is made and replaced as a whole, and beside it a file
    `<directory>.lock` is made, so its parent must be writable and it is no mount point itself. `timeout` is in seconds,
    for the wait for the lock and for every single request or Git command; `clock` dates the commits.
    """

    def __init__(
        self,
        directory: Path,
        remote: Remote,
        *,
        token: Callable[[], SecretStr],
        author: Author,
        timeout: float = 30,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        directory = directory.absolute()
        self._lock = Lock(directory.with_name(f"{directory.name}.lock"), timeout)
        command = Command(remote.url, token, timeout, remote.authorities)
        self._connection = Connection(remote.url, token, timeout, authorities=remote.authorities)
        self._cache = Cache(directory, remote.url, remote.branch, command)
        self._reference = f"refs/heads/{remote.branch}"
        self._author = author
        self._clock = clock

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Hold the lock, and see the remote as it is now.

        Costs one request when nobody pushed since the last transaction. Raises Forbidden, RepositoryMissing,
        GiteaUnavailable, and TransientError with the reason CacheBusy or CacheUnavailable.
        """
        with self._lock.held():
            try:
                references = self._connection.references()
                self._cache.prepare(references.get(self._reference))
                yield Transaction(
                    self._connection, self._cache, self._reference, references, author=self._author, clock=self._clock
                )
            finally:
                self._cache.close()
