"""What a transaction has read and made, in memory until its push."""

import re
from collections.abc import Iterable

from shared.errors import PushRejected

from .cache import Cache
from .objects import Kind, Stored, name_of

_NAME = re.compile(r"[0-9a-f]{40}")


class Store:
    """The objects a transaction has made and read, over those in the cache, over those of the remote."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.new: dict[str, Stored] = {}
        self.read_before: dict[str, Stored] = {}

    def read(self, sha: str, kind: Kind) -> bytes:
        """The content of an object. Raises GiteaUnavailable when it cannot be had."""
        self.require([sha])
        found = self.new.get(sha) or self.read_before[sha]
        if found.kind != kind:
            raise ValueError(f"{sha} is a {found.kind}, not a {kind}")
        return found.data

    def require(self, shas: list[str]) -> None:
        """Have objects at hand; those that the cache lacks are fetched together."""
        missing = self._lacking(shas)
        if missing:
            self._cache.mended(lambda: self._cache.fetch(missing))
            missing = self._lacking(missing)
        if missing:
            # Fetched and still not readable: damaged on disk, where Git believes that it has them.
            self._cache.discard()
            self._cache.mended(lambda: self._cache.fetch(missing))
            missing = self._lacking(missing)
        if missing:
            raise PushRejected(
                f"the object {missing[0]} is gone: the repository was rewritten meanwhile", retry_after=1
            )

    def sizes(self, shas: Iterable[str]) -> dict[str, int]:
        """Object → its bytes, for objects of the remote; those that the cache lacks are fetched together.

        None is read: whoever reads them knows by then how much that is.
        """
        wanted = list(dict.fromkeys(shas))
        missing = [sha for sha in wanted if self._cache.size(sha) is None]
        if missing:
            self._cache.mended(lambda: self._cache.fetch(missing))
        found = {sha: self._cache.size(sha) for sha in wanted}
        return {sha: size for sha, size in found.items() if size is not None}

    def commit(self, sha: str) -> bytes | None:
        """The content of any commit, with its upper folders at hand; None for what is no name of a commit.

        Raises PushRejected when the remote does not have it any more.
        """
        if not _NAME.fullmatch(sha) or set(sha) == {"0"}:
            return None
        if self._lacking([sha]):
            self._cache.mended(lambda: self._cache.fetch_commit(sha))
        self.require([sha])
        found = self.new.get(sha) or self.read_before[sha]
        return found.data if found.kind == "commit" else None

    def add(self, kind: Kind, data: bytes) -> str:
        """Keep an object in memory until the push."""
        sha = name_of(kind, data)
        self.new[sha] = Stored(kind, data)
        return sha

    def at_hand(self, sha: str) -> Stored | None:
        """An object that can be had without a request."""
        return self.new.get(sha) or self.read_before.get(sha) or self._cache.read(sha)

    def mark(self) -> int:
        """Where `new` stands now."""
        return len(self.new)

    def forget(self, mark: int) -> None:
        """Drop the new objects since `mark`."""
        for sha in list(self.new)[mark:]:
            del self.new[sha]

    def _lacking(self, shas: list[str]) -> list[str]:
        lacking = []
        for sha in dict.fromkeys(shas):
            if sha in self.new or sha in self.read_before:
                continue
            if found := self._cache.read(sha):
                self.read_before[sha] = found
            else:
                lacking.append(sha)
        return lacking
