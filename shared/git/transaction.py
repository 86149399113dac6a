"""One look at a repository and what is written onto it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from shared.errors import PushRejected, TransientError

from .cache import Cache
from .comparison import compare
from .connection import Connection
from .folders import Contents, Limits, read_folders
from .history import Commit
from .objects import Author, Entry, Stored, decode_tree, encode_commit, tree_of_commit
from .paths import Edits, any_segments, plan, segments, to_bytes, to_text
from .store import Store
from .trees import additions, apply, differing, read_paths

MAX_TOUCHED = 20_000
"""Paths that `touched` tells of at most."""

_FEW = 16
"""Commits to look through before as many as are allowed."""


@dataclass(frozen=True)
class Mark:
    """A state of a transaction, to go back to."""

    head: str | None
    objects: int
    tags: Mapping[str, str]
    commits: tuple[Commit, ...]
    tip: str | None


class Transaction:
    """The repository as it was when the transaction began, and the commits prepared on it.

    New objects stay in memory until the push, so a cache that is lost meanwhile costs nothing but a fetch. Every method
    that reads may fetch, and raises what `Repository.transaction` raises.
    """

    def __init__(
        self,
        connection: Connection,
        cache: Cache,
        reference: str,
        references: Mapping[str, str],
        *,
        author: Author,
        clock: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._reference = reference
        self._references = dict(references)
        self._new_tags: dict[str, str] = {}
        self._objects = Store(cache)
        self._cache = cache
        self._author = author
        self._clock = clock
        self._begin = self.head
        self._commits: tuple[Commit, ...] = ()
        self._tip = self.head

    @property
    def head(self) -> str | None:
        """The remote's branch (40 hex digits); None when it has none."""
        return self._references.get(self._reference)

    @property
    def tip(self) -> str | None:
        """The newest commit here: `head`, or the last one prepared on it."""
        return self._tip

    @property
    def is_prepared(self) -> bool:
        """Whether there is anything to push."""
        return self._tip != self.head or bool(self._new_tags)

    def read(self, path: str) -> bytes | None:
        """The content of the file at `path` in the tip; None without such a file. Raises ValueError for a bad path."""
        entry = self._entry(segments(path), self._tree())
        if entry is None or not entry.is_file:
            return None
        return self._objects.read(entry.sha, "blob")

    def names(self, folder: str = "", commit: str | None = None) -> tuple[str, ...]:
        """The sorted names in a folder of the tip, or of `commit`; () when there is no such folder; the root for "".

        They are whatever a stranger has put there; half a surrogate pair stands for a byte that is not of UTF-8. Raises
        ValueError for an empty name in `folder`.
        """
        tree = self._tree_of(commit) if commit else self._tree()
        if folder:
            entry = self._entry(any_segments(folder), tree)
            tree = entry.sha if entry and entry.is_folder else None
        names = decode_tree(self._objects.read(tree, "tree")) if tree else ()
        return tuple(sorted(map(to_text, names)))

    def folders(self, commit: str, paths: Sequence[str], limits: Limits) -> dict[str, Contents]:
        """Those of `paths` that are folders in the tree of any commit of the remote, with everything in them.

        Costs a request a level of folders and one for all files. Raises ValueError for a bad path and for what is no
        commit; PushRejected when the remote has no such commit.
        """
        return read_folders(self._objects, self._tree_of(commit), paths, limits)

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
        self._commits = (Commit(self._tip, self._author.name, self._author.email, message.rstrip("\n")), *self._commits)
        return self._tip

    def mark(self) -> Mark:
        """Where the transaction stands, for `rollback`."""
        return Mark(self.head, self._objects.mark(), dict(self._new_tags), self._commits, self._tip)

    def rollback(self, mark: Mark) -> None:
        """Undo the commits and tags prepared since `mark`. Raises ValueError when they are pushed."""
        if mark.head != self.head:
            raise ValueError("what is pushed cannot be undone")
        self._objects.forget(mark.objects)
        self._new_tags = dict(mark.tags)
        self._commits = mark.commits
        self._tip = mark.tip

    def look_ahead(self, paths: Sequence[str]) -> None:
        """Have the folders on the way to `paths` (the root for "") and at them at hand: a request a level at most.

        Raises ValueError for an empty name in one.
        """
        read_paths(self._objects, self._tree(), [any_segments(path) if path else () for path in paths])

    def touched(self, since: str | None) -> frozenset[str] | None:
        """The paths that differ between the commit `since` and the tip; None means anything may.

        A folder that only one side has is told by its own path. None when `since` is None or cannot be had any more,
        and for more than `MAX_TOUCHED` paths. Costs no request for what was the head of this cache before, down to
        the environments; below, one request a level.
        """
        if since is None:
            return None
        try:
            commit = self._objects.commit(since)
            return compare(self._objects, tree_of_commit(commit), self._tree(), MAX_TOUCHED) if commit else None
        except PushRejected:
            return None

    def commits(self, since: str, most: int = 200) -> tuple[Commit, ...] | None:
        """The first-parent chain from the tip back to `since`, without it, newest first.

        None when `since` is not among the `most` commits before it: it is older, or history was rewritten. Costs one or
        two requests, for commits alone.
        """
        for depth in (0, min(_FEW, most + 1), most + 1):
            before = self._cache.history(self._begin, depth) if self._begin and depth else ()
            chain = (*self._commits, *before)
            names = [commit.sha for commit in chain] + ([] if before else [self._begin])
            if since in names:
                reached = names.index(since)
                return chain[:reached] if reached <= most else None
            if self._begin is None or (depth and len(before) < depth):
                return None
        return None

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
        if sha not in (self._begin, *(commit.sha for commit in self._commits)):
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
        unsent = self._unsent()
        self._connection.push(updates, unsent)
        with suppress(TransientError):  # pushed it is; without this the next transaction fetches
            self._cache.mended(lambda: self._keep(unsent), lambda: None)
        self._references |= {name: sha for name, (_, sha) in updates.items()}
        self._objects.new.clear()
        self._new_tags.clear()

    def _unsent(self) -> dict[str, Stored]:
        """What the prepared commits hold that the head does not."""
        found: dict[str, Stored] = {}
        before = tree_of_commit(self._objects.read(self.head, "commit")) if self.head else None
        for commit in reversed(list(takewhile(lambda commit: commit.sha != self.head, self._commits))):
            content = self._objects.read(commit.sha, "commit")
            found[commit.sha] = Stored("commit", content)
            tree = tree_of_commit(content)
            found |= additions(self._objects, tree, before)
            before = tree
        return found

    def _keep(self, objects: Mapping[str, Stored]) -> None:
        self._cache.write(objects)
        if self._tip:
            self._cache.record(self._tip)

    def _tree(self) -> str | None:
        return tree_of_commit(self._objects.read(self._tip, "commit")) if self._tip else None

    def _tree_of(self, commit: str) -> str:
        """The tree of any commit of the remote."""
        content = self._objects.commit(commit)
        if content is None:
            raise ValueError(f"{commit[:60]!r} is no commit")
        return tree_of_commit(content)

    def _entry(self, path: tuple[str, ...], tree: str | None) -> Entry | None:
        entry = None
        for name in path:
            if tree is None:
                return None
            entry = decode_tree(self._objects.read(tree, "tree")).get(to_bytes(name))
            tree = entry.sha if entry and entry.is_folder else None
        return entry
