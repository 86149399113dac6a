"""A bare repository that only saves fetching: it may be deleted, damaged or half written at any time.

It holds the newest commit and the folders down to environments (`--depth=1 --filter=tree:4`: a few hundred small
objects however many applications there are). Whatever else is asked for is fetched by name. Git is told about the
filter for fetches only: to everything else this is a plain shallow repository, so it never goes looking for what is
missing.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import git
from git.compat import safe_decode
from gitdb.base import IStream  # type: ignore[import-untyped] # gitdb has no types
from gitdb.db import LooseObjectDB  # type: ignore[import-untyped] # nor does this part of it have any

from shared.errors import TransientError

from .command import Command, GitFailed, environment
from .history import FORMAT as LOG_FORMAT
from .history import Commit, parse_log
from .objects import Stored, name_of
from .refusals import CACHE_UNAVAILABLE, cache_unavailable, unclassified

FORMAT = 1
"""Raised when an older cache cannot be read any more."""

FILTER = "tree:4"
"""Down to `environments/<type>/<environment>` and `appsets/<type>/<set>`, without what is in their entries."""

MAX_PACKS = 64
"""Fetches after which the cache is made anew: each leaves a pack, and Git looks through all of them."""

MAX_LOOSE = 4096
"""Objects of our own commits, estimated as Git does, after which the cache is made anew."""

_HEAD = "refs/cache/head"
_ASIDE = ".old-"
"""In the names of folders that nobody needs any more once their maker is gone."""
_AT_ONCE = 5000
"""Objects that one command line names at most."""

_T = TypeVar("_T")


class Cache:
    """The bare repository in `directory`, for one branch of one remote. Not thread-safe: its owner holds a lock."""

    def __init__(self, directory: Path, url: str, branch: str, command: Command) -> None:
        self._directory = directory
        self._url = url
        self._branch = branch
        self._command = command
        self._reader: git.Git | None = None
        self._filters = True

    def prepare(self, head: str | None) -> None:
        """Have a healthy repository with the commit `head` and what `FILTER` lets through; fetch it if need be."""
        self.close()
        if not self._is_usable():
            self.discard()
        if head is None:
            return
        if self._recorded() == head:
            if self.read(head):
                return
            self.discard()
        self.mended(lambda: self._fetch_newest(f"+{head}:{_HEAD}"))

    def read(self, sha: str) -> Stored | None:
        """The object, or None when it is missing or damaged."""
        try:
            _, kind, _, data = self._opened().get_object_data(sha)
        except (ValueError, OSError) as error:
            if "missing" not in str(error):  # that it says so itself leaves it ready for the next question
                self.close()
            return None
        text = safe_decode(kind)  # bytes, whatever its signature says
        return Stored(text, data) if text and name_of(text, data) == sha else None

    def size(self, sha: str) -> int | None:
        """The bytes of an object, which is not read for it; None when it is missing or damaged."""
        try:
            return int(self._opened().get_object_header(sha)[2])
        except (ValueError, OSError) as error:
            if "missing" not in str(error):
                self.close()
            return None

    def fetch(self, shas: Iterable[str]) -> None:
        """Fetch these trees and blobs themselves, without what they refer to."""
        wanted = list(dict.fromkeys(shas))
        for start in range(0, len(wanted), _AT_ONCE):
            # Telling what we have would make the server leave out what it believes to be part of it.
            arguments = ["--filter=tree:0", "origin", *wanted[start : start + _AT_ONCE]]
            self._fetch(arguments, self._directory, {"fetch.negotiationAlgorithm": "noop"})

    def fetch_commit(self, sha: str) -> None:
        """Fetch a commit, and as much of its tree as of the head's, beside the head.

        Raises PushRejected when the remote does not have it any more.
        """
        self._fetch_newest(sha)

    def history(self, sha: str, most: int) -> tuple[Commit, ...]:
        """The first-parent chain from the commit `sha` back, newest first: at most `most`.

        Commits alone are fetched, into a repository of their own: the cache stays as shallow as it is.
        """
        return self._guarded(lambda: self._history(sha, most))

    def _history(self, sha: str, most: int) -> tuple[Commit, ...]:
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{self._directory.name}{_ASIDE}"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=self._directory.parent, ignore_cleanup_errors=True) as name:
            aside = Path(name)
            self._command.run(["init", "--quiet", "--bare", "--template="], aside)
            self._filtered("tree:0", [f"--depth={most}", "origin", sha], aside)
            log = ["log", "-z", "--first-parent", f"--max-count={most}", f"--format=tformat:{LOG_FORMAT}", sha]
            return parse_log(self._command.run(log, aside).stdout)

    def write(self, objects: Mapping[str, Stored]) -> None:
        """Store objects of our own; those of unchanged files are usually here from an earlier commit."""
        database = LooseObjectDB(str(self._directory / "objects"))
        for sha, stored in objects.items():
            if not database.has_object(bytes.fromhex(sha)):
                database.store(IStream(stored.kind, len(stored.data), BytesIO(stored.data)))

    def record(self, head: str) -> None:
        """Remember that the remote's branch is at `head`, which is here: the next fetch starts from it."""
        reference = self._directory / _HEAD
        reference.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._directory / "head.new"  # among the references it would be one
        temporary.write_text(f"{head}\n", encoding="ascii")
        temporary.replace(reference)

    def discard(self) -> None:
        """Throw everything away and begin with an empty repository."""
        self._guarded(self._discard)

    def mended(self, action: Callable[[], _T], again: Callable[[], _T] | None = None) -> _T:
        """Do `action`; if it fails in a way that a damaged cache explains, do it or `again` with a fresh one."""
        try:
            return action()
        except (GitFailed, OSError):
            self.discard()
        except TransientError as error:
            if error.reason != CACHE_UNAVAILABLE:
                raise
            self.discard()  # what fills the disk may be the cache itself
        return self._guarded(again or action)

    def close(self) -> None:
        """End the process that reads objects."""
        if self._reader is not None:
            self._reader.clear_cache()
            self._reader = None

    def _opened(self) -> git.Git:
        """The process that reads objects."""
        if self._reader is None:
            self._reader = git.Git(str(self._directory))
            self._reader.update_environment(**environment(self._directory, {}))
        return self._reader

    def _guarded(self, action: Callable[[], _T]) -> _T:
        """Do `action`, with what nobody expects as one of our errors."""
        try:
            return action()
        except GitFailed as error:
            raise unclassified(str(error), self._url) from error
        except OSError as error:
            raise cache_unavailable(self._directory, error) from error

    def _fetch_newest(self, target: str) -> None:
        # By its name, which saves the listing of references and cannot become another one meanwhile.
        self._filtered(FILTER, ["--depth=1", "origin", target], self._directory)

    def _filtered(self, limit: str, arguments: list[str], directory: Path) -> None:
        """Fetch without what `limit` names, or everything from a server that allows no filters."""
        try:
            self._fetch([f"--filter={limit}" if self._filters else "--no-filter", *arguments], directory)
        except GitFailed as error:
            if not self._filters or "filter" not in str(error):
                raise
            self._filters = False  # everything of the newest commit, once
            self._fetch(["--no-filter", *arguments], directory)

    def _fetch(self, arguments: list[str], directory: Path, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        promise = {
            "remote.origin.promisor": "true",
            "remote.origin.partialclonefilter": FILTER,
            "protocol.version": "2",
        }
        command = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", *arguments]
        self._command.run(command, directory, {**promise, **settings})

    def _recorded(self) -> str | None:
        try:
            return (self._directory / _HEAD).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None

    def _is_usable(self) -> bool:
        """Whether this is our cache of that remote, and not yet to be made anew for its size."""
        try:
            if (self._directory / "infraforge").read_text(encoding="utf-8") != self._mark():
                return False
            if not (self._directory / "HEAD").is_file() or not (self._directory / "refs").is_dir():
                return False
            objects = self._directory / "objects"
            folders = len(os.listdir(objects))  # noqa: PTH208 - only the number is wanted
            packs = sum(name.endswith(".pack") or name.startswith("tmp_") for name in _listed(objects / "pack"))
            # One of 256 folders stands for all, as in Git's own garbage collection; killed writers leave files above.
            return packs <= MAX_PACKS and len(_listed(objects / "17")) * 256 <= MAX_LOOSE and folders <= MAX_LOOSE
        except (OSError, ValueError):
            return False

    def _mark(self) -> str:
        return f"format {FORMAT}\n{self._url}\n{self._branch}\n"

    def _discard(self) -> None:
        self.close()
        parent, name = self._directory.parent, self._directory.name
        parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self._directory.rename(Path(tempfile.mkdtemp(prefix=f".{name}{_ASIDE}", dir=parent)) / "cache")
        self._sweep()  # before the new one is made: it may be what fills the disk
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}{_ASIDE}", dir=parent))
        try:
            self._command.run(["init", "--quiet", "--bare", "--template="], fresh)
            (fresh / "infraforge").write_text(self._mark(), encoding="utf-8")
            fresh.rename(self._directory)
        finally:
            self._sweep()

    def _sweep(self) -> None:
        """Delete what is set aside, also by those who were killed in the middle."""
        parent, prefix = self._directory.parent, f".{self._directory.name}{_ASIDE}"
        for left in _listed(parent):
            if left.startswith(prefix):
                shutil.rmtree(parent / left, ignore_errors=True)


def _listed(folder: Path) -> list[str]:
    """Names in a folder; none when it is missing."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names only
    except FileNotFoundError:
        return []
