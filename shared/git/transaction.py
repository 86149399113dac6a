"""One look at a repository and what is written onto it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from shared.errors import PushRejected

from .cache import Cache
from .objects import Author, Entry, Kind, Stored, decode_tree, encode_commit, name_of, tree_of_commit
from .paths import Edits, plan, segments
from .trees import apply, differing


class Transaction:
    """The repository as it was when the transaction began, and the commits prepared on it.

    New objects stay in memory until the push, so a cache that is lost meanwhile costs nothing but a fetch. Every method
    that reads may fetch, and raises what `Repository.transaction` raises.
    """

    def __init__(
        self,
        cache: Cache,
        reference: str,
        references: Mapping[str, str],
        author: Author,
        clock: Callable[[], datetime],
    ) -> None:
        self._reference = reference
        self._references = dict(references)
        self._new_tags: dict[str, str] = {}
        self._objects = _Objects(cache)
        self._cache = cache
        self._author = author
        self._clock = clock
        self._tip = self.head
        self._known = {self._tip} if self._tip else set()

    @property
    def head(self) -> str | None:
        """The remote's branch (40 hex digits); None when it has none."""
        return self._references.get(self._reference)

    @property
    def tip(self) -> str | None:
        """The newest commit here: `head`, or the last one prepared on it."""
        return self._tip

    def read(self, path: str) -> bytes | None:
        """The content of the file at `path` in the tip; None without such a file. Raises ValueError for a bad path."""
        entry = self._entry(segments(path))
        if entry is None or not entry.is_file:
            return None
        return self._objects.read(entry.sha, "blob")

    def names(self, folder: str = "") -> tuple[str, ...]:
        """The sorted names in a folder of the tip (the root for ""); () when there is no such folder.

        A name that is not UTF-8 is left out. Raises ValueError for a bad path.
        """
        tree = self._tree()
        if folder:
            entry = self._entry(segments(folder))
            tree = entry.sha if entry and entry.is_folder else None
        names = decode_tree(self._objects.read(tree, "tree")) if tree else ()
        return tuple(sorted(name.decode() for name in names if _is_text(name)))

    def changed(self, edits: Edits) -> frozenset[str]:
        """The paths of `edits` that the tip does not have as they say. Raises ValueError as `commit` does."""
        mark = self._objects.mark()
        paths = frozenset(differing(self._objects, self._tree(), plan(edits)))
        self._objects.forget(mark)
        return paths

    def commit(self, edits: Edits, message: str) -> str | None:
        """Prepare a commit on the tip and return its name; None when `edits` change nothing.

        An edit of a folder replaces its whole content; folders that become empty go. All files are plain (mode 644).
        Raises ValueError for a bad path, edits that overlap, or a message with a NUL.
        """
        steps = plan(edits)
        mark = self._objects.mark()
        before = self._tree()
        after = apply(self._objects, before, steps) or self._objects.add("tree", b"")
        if after == before or (before is None and not self._objects.read(after, "tree")):
            self._objects.forget(mark)
            return None
        text = message if message.endswith("\n") else message + "\n"
        content = encode_commit(after, self._tip, self._author, self._clock(), text)
        self._tip = self._objects.add("commit", content)
        self._known.add(self._tip)
        return self._tip

    def tags(self) -> dict[str, str]:
        """Tag → commit, those prepared here among them."""
        prefix = "refs/tags/"
        there = {name.removeprefix(prefix): sha for name, sha in self._references.items() if name.startswith(prefix)}
        return there | self._new_tags

    def create_tag(self, name: str, sha: str) -> None:
        """Have the next push create a (lightweight) tag.

        `sha` is the head or a commit prepared here. A tag never moves: ValueError when it exists elsewhere; nothing to
        do when it exists there.
        """
        segments(name)
        if set(name) & set(" ~^:?*[") or ".." in name or "@{" in name or name.startswith("-"):
            raise ValueError(f"{name!r} is no name for a tag")
        if any(part.startswith(".") or part.endswith((".", ".lock")) for part in name.split("/")):
            raise ValueError(f"{name!r} is no name for a tag")
        if sha not in self._known:
            raise ValueError(f"the tag {name} would name a commit that is not of this transaction")
        existing = self.tags().get(name)
        if existing not in {None, sha}:
            raise ValueError(f"the tag {name} exists and names another commit")
        if existing is None:
            self._new_tags[name] = sha

    def push(self) -> None:
        """Send the prepared commits and tags, all or none, onto exactly `head`; without any, do nothing.

        Raises PushRejected when the branch is no longer at `head` or a tag was made meanwhile: begin again with a new
        transaction. Forbidden, RepositoryMissing, GiteaUnavailable and TransientError are as in `refusals`. After
        GiteaUnavailable the push may have happened; the next transaction sees which.
        """
        updates: dict[str, tuple[str | None, str]] = {
            f"refs/tags/{name}": (None, sha) for name, sha in self._new_tags.items()
        }
        if self._tip and self._tip != self.head:
            updates[self._reference] = (self.head, self._tip)
        if not updates:
            return
        self._cache.mended(lambda: self._send(updates), lambda: self._send_restored(updates))
        self._references |= {name: sha for name, (_, sha) in updates.items()}
        self._objects.new.clear()
        self._new_tags.clear()
        if self._tip:
            self._cache.mended(lambda: self._cache.record(str(self._tip)))

    def _send(self, updates: Mapping[str, tuple[str | None, str]]) -> None:
        self._cache.write(self._objects.new)
        self._cache.push(updates)

    def _send_restored(self, updates: Mapping[str, tuple[str | None, str]]) -> None:
        """Bring a fresh cache to where this transaction stands, and push."""
        self._cache.prepare(self.head)
        self._cache.write(self._objects.read_before)
        self._send(updates)

    def _tree(self) -> str | None:
        return tree_of_commit(self._objects.read(self._tip, "commit")) if self._tip else None

    def _entry(self, path: tuple[str, ...]) -> Entry | None:
        tree = self._tree()
        entry = None
        for name in path:
            if tree is None:
                return None
            entry = decode_tree(self._objects.read(tree, "tree")).get(name.encode())
            tree = entry.sha if entry and entry.is_folder else None
        return entry


class _Objects:
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

    def add(self, kind: Kind, data: bytes) -> str:
        """Keep an object in memory until the push."""
        sha = name_of(kind, data)
        if sha not in self.read_before:
            self.new[sha] = Stored(kind, data)
        return sha

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


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
