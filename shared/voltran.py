"""Writing a claim's files to `voltran`: one commit, and what the status may say about it afterwards."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from shared.claims.status import ApplicationRow, Commit, ServiceRow
from shared.git import Record, Repository, Transaction, compose
from shared.gitea import Gitea
from shared.history import PastCommit, Remembered, checksum, last_commit
from shared.reconciler import Attempt
from shared.telemetry import Metrics

REPOSITORY: Final = "voltran"
KEEP: Final = ".gitkeep"
"""Keeps an empty folder in Git; the bootstrap function's, in everybody's folders."""

Folders = Mapping[str, Mapping[str, bytes]]


@dataclass(frozen=True)
class Change:
    """What a claim wants in Git: folders with exactly this content, single files, and folders that shall go."""

    folders: Folders
    files: Mapping[str, bytes]
    removed: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    """Paths that only this claim writes below: where to look for its last commit when nobody remembers it."""

    @property
    def edits(self) -> dict[str, bytes | Mapping[str, bytes] | None]:
        """As a Git transaction takes it."""
        return {**self.folders, **self.files, **dict.fromkeys(self.removed)}

    @property
    def checksum(self) -> str:
        """One hash of everything that shall be there."""
        inside = {f"{folder}/{name}": data for folder, files in self.folders.items() for name, data in files.items()}
        return checksum(inside | dict(self.files))


@dataclass(frozen=True)
class Written:
    """A change that is in Git: `commit` and `touched` are set when it took a commit to get there."""

    change: Change
    commit: str | None = None
    touched: frozenset[str] = field(default_factory=frozenset)


class Voltran:
    """The `voltran` repository of each organization, and Gitea's memory of who changed what in it."""

    def __init__(
        self, repository: Callable[[str], Repository], gitea: Gitea, *, gitea_url: str, metrics: Metrics
    ) -> None:
        self._repository = repository
        self._gitea = gitea
        self._gitea_url = gitea_url
        self._metrics = metrics

    @contextmanager
    def writing(self, organization: str) -> Iterator[Transaction]:
        """A transaction on the head as it is now; nobody else in this process writes meanwhile."""
        with self._repository(organization).transaction() as git:
            yield git

    def write(self, git: Transaction, attempt: Attempt[Any], place: str, change: Change) -> Written:
        """Bring `change` to Gitea in one commit, or find that all of it is there."""
        touched = git.changed(change.edits)
        if not touched:
            return Written(change)
        claim = attempt.claim
        record = Record(
            subject=_subject(place, change, touched),
            kind=claim.kind,
            namespace=claim.metadata.namespace,
            name=claim.metadata.name,
            uid=claim.metadata.uid,
            generation=claim.metadata.generation,
            event_id=attempt.event_id,
            spec=attempt.spec,
        )
        commit = git.commit(change.edits, compose(record))
        git.push()
        self._metrics.commits.inc()
        return Written(change, commit, touched)

    def row(
        self, organization: str, written: Written, folder: str, recorded: ApplicationRow | ServiceRow | None
    ) -> dict[str, str | None]:
        """What a row says of its files: `path`, `checksum`, and the last `commit` that changed them."""
        current = checksum(written.change.folders[folder])
        remembered = Remembered(recorded.checksum, recorded.commit) if recorded else Remembered(None, None)
        new = written.commit if folder in written.touched else None
        commit = last_commit(new, current, remembered, [folder], self._asked(organization))
        return {"path": folder, "checksum": current, "commit": commit}

    def commit(self, organization: str, written: Written, attempt: Attempt[Any]) -> Commit | None:
        """The claim's own commit, and its address for people."""
        status, current = attempt.claim.status, written.change.checksum
        remembered = Remembered(status.checksum, status.commit.sha if status.commit else None)
        sha = last_commit(written.commit, current, remembered, written.change.scope, self._asked(organization))
        return Commit(sha=sha, url=f"{self._gitea_url}/{organization}/{REPOSITORY}/commit/{sha}") if sha else None

    def _asked(self, organization: str) -> Callable[[str], PastCommit | None]:
        return lambda path: self._gitea.last_commit(organization, REPOSITORY, path)


def others(git: Transaction, folder: str, known: set[str]) -> tuple[str, ...]:
    """The sub-folders of `folder` that nobody in `known` stands for, as paths."""
    return tuple(f"{folder}/{name}" for name in git.names(folder) if name not in known and name != KEEP)


def _subject(place: str, change: Change, touched: frozenset[str]) -> str:
    """E.g. `dev: write user-service, dev-appset.yaml; remove old-service`."""
    removed = sorted(path.rpartition("/")[2] for path in touched if path in change.removed)
    written = sorted({path.rpartition("/")[2] for path in touched if path not in change.removed} - {KEEP})
    parts = [f"{verb} {', '.join(names)}" for verb, names in (("write", written), ("remove", removed)) if names]
    return f"{place}: {'; '.join(parts) or 'lay out folders'}"
