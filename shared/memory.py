"""What one process remembers of the claims it finished with: a cache, which may be lost at any time.

Two questions are answered from it without any I/O. Was this very state of a claim dealt with already (the echo of our
own status write is such an event)? And is a claim settled: everything it wants was in Git, nothing it depends on has
changed since, and nobody touched its files?
"""

import threading
from collections import OrderedDict
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from shared.events import ClaimRef, Version

MAX_ENTRIES: Final = 50_000
"""About 110 MB, 2.2 kB for each settled claim; the claim that was longest not heard of is forgotten first."""


def version_of(document: Mapping[str, Any]) -> Version | None:
    """The state of a live object."""
    metadata = document["metadata"]
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    return Version(uid, version) if uid and version else None


@dataclass(frozen=True)
class Settled:
    """A claim that is in Git as it should be: what that follows from beside the claim, and where its files are."""

    inputs: Hashable
    roots: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    version: Version
    begun: float
    settled: Settled | None


class Memory:
    """Claim → the version it was finished with, and whether it is settled. Thread-safe.

    `epoch` counts the times that something was forgotten because Git had changed: what somebody found out before
    such a moment does not settle a claim after it.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[ClaimRef, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self.epoch = 0

    def is_finished(self, ref: ClaimRef, version: Version | None) -> bool:
        """Whether this process has finished with that very state of the claim."""
        with self._lock:
            entry = self._entries.get(ref)
        return version is not None and entry is not None and entry.version == version

    def is_younger(self, ref: ClaimRef, moment: float) -> bool:
        """Whether the look that this process finished with began after `moment` (of a monotonic clock)."""
        with self._lock:
            entry = self._entries.get(ref)
        return entry is not None and entry.begun > moment

    def is_settled(self, ref: ClaimRef, version: Version | None, inputs: Hashable) -> bool:
        """Whether the claim in that state, with these inputs, is known to be in Git as it should be."""
        with self._lock:
            entry = self._entries.get(ref)
        if version is None or inputs is None or entry is None or entry.settled is None:
            return False
        return entry.version == version and entry.settled.inputs == inputs

    def remember(
        self, ref: ClaimRef, version: Version, settled: Settled | None, *, epoch: int, begun: float = 0.0
    ) -> None:
        """Finished with that state of the claim, in a look that began at `begun`, in that `epoch`."""
        with self._lock:
            self._entries[ref] = _Entry(version, begun, settled if epoch == self.epoch else None)
            self._entries.move_to_end(ref)
            while len(self._entries) > MAX_ENTRIES:
                self._entries.popitem(last=False)

    def renew(self, ref: ClaimRef, old: Version | None, new: Version | None) -> None:
        """A write of ours, which changed nothing that this knows of, took the claim from one version to another."""
        with self._lock:
            entry = self._entries.get(ref)
            if entry is not None and new is not None and entry.version == old:
                self._entries[ref] = replace(entry, version=new)

    def forget(self, ref: ClaimRef) -> None:
        """Look at the claim again, whatever comes."""
        with self._lock:
            self._entries.pop(ref, None)

    def unsettle(self, paths: Collection[str] | None) -> None:
        """Something changed at these paths, or (None) anywhere: the claims with files there are to be looked at."""
        touched = None if paths is None else _with_parents(paths)
        with self._lock:
            self.epoch += 1
            for ref, entry in self._entries.items():
                if entry.settled and (touched is None or _meet(entry.settled.roots, touched, paths or ())):
                    self._entries[ref] = replace(entry, settled=None)


def _with_parents(paths: Collection[str]) -> frozenset[str]:
    found = set(paths)
    for path in paths:
        while "/" in path:
            path = path.rpartition("/")[0]  # noqa: PLW2901 - from the path to its parents
            found.add(path)
    return frozenset(found)


def _meet(roots: tuple[str, ...], touched: frozenset[str], paths: Collection[str]) -> bool:
    """Whether a touched path is one of the roots, lies below one, or holds one."""
    if any(root in touched for root in roots):
        return True
    holders = {root[:index] for root in roots for index in range(len(root)) if root[index] == "/"}
    return any(holder in paths for holder in holders)
