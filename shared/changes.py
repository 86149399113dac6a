"""What a claim wants in `voltran`, and what became of it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.drift import Drift
from shared.git import Transaction
from shared.history import checksum

KEEP: Final = ".gitkeep"
"""Keeps an empty folder in Git; the bootstrap function's, in everybody's folders."""

Folders = Mapping[str, Mapping[str, bytes]]


@dataclass(frozen=True)
class Change:
    """What a claim wants in Git: folders with exactly this content, single files, and paths that shall go.

    `removed` was the claim's until now, `strays` never anybody's. `joint` are files that another claim writes as well:
    they may change without a change of this one, so that they are no part of its checksum.
    """

    folders: Folders = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()
    joint: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def edits(self) -> dict[str, bytes | Mapping[str, bytes] | None]:
        """As a Git transaction takes it."""
        return {**self.folders, **self.files, **self.joint, **dict.fromkeys((*self.removed, *self.strays))}

    @functools.cached_property
    def checksum(self) -> str:
        """One hash of everything that shall be there because of this claim alone."""
        inside = {f"{folder}/{name}": data for folder, files in self.folders.items() for name, data in files.items()}
        return checksum(inside | dict(self.files))


@dataclass(frozen=True)
class Plan:
    """A change and how its commit presents it: `place` leads the subject, `spec` is the claim's, fit to be read.

    `omitted` are the paths that `spec` lacks for that.
    """

    place: str
    change: Change
    spec: Mapping[str, Any]
    omitted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """A change that is in Git at `head`: `commit` and `touched` are set when it took a commit to get there."""

    change: Change
    commit: str | None = None
    touched: frozenset[str] = field(default_factory=frozenset)
    drift: Drift | None = None
    head: str | None = None


def others(git: Transaction, folder: str, known: set[str]) -> tuple[str, ...]:
    """The names in `folder` that nobody in `known` stands for."""
    return tuple(name for name in git.names(folder) if name not in known and name != KEEP)


def subject(place: str, change: Change, touched: frozenset[str], drift: Drift | None) -> str:
    """E.g. `dev: write user-service, dev-appset.yaml; remove old-service`."""
    gone = touched.intersection((*change.removed, *change.strays))
    restored = touched.intersection(drift.paths) - gone if drift else frozenset()
    groups = (("restore", restored), ("write", touched - gone - restored), ("remove", gone))
    parts = [f"{verb} {', '.join(names)}" for verb, paths in groups if (names := _names(paths))]
    return f"{place}: {'; '.join(parts) or 'lay out folders'}"


def _names(paths: frozenset[str]) -> list[str]:
    return sorted({path.rpartition("/")[2] for path in paths} - {KEEP})
