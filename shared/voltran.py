"""Writing claims' files to `voltran`: a commit each, shared pushes, and what a status may say about it afterwards."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.attempt import Attempt, Trace
from shared.claims.status import ApplicationRow, Commit, NamespaceRow, ServiceRow
from shared.drift import Drift, explain
from shared.events import ClaimRef, Delivery
from shared.git import Record, Repository, RepositoryMissing, Transaction, Writer, compose
from shared.git.message import claim_of
from shared.gitea import Gitea
from shared.history import PastCommit, Remembered, checksum, last_commit
from shared.managed_fields import last_manager
from shared.memory import Memory
from shared.telemetry import Metrics

REPOSITORY: Final = "voltran"
BRANCH: Final = "main"
KEEP: Final = ".gitkeep"
"""Keeps an empty folder in Git; the bootstrap function's, in everybody's folders."""

MAX_AHEAD: Final = 2000
"""Commits that the branch may have gained between two looks; more are taken for another history."""

MAX_ASKED: Final = 60
"""Folders of rows whose last commits Gitea is asked for, to find the claim's."""

MAX_UNRECORDED: Final = 1000
"""Claims of which a process remembers the commit that it made last, in case that their statuses are not written."""

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


class Voltran:
    """The `voltran` repository of each organization, and what this process knows of its state. Thread-safe.

    `seen` is the head at which everything that `memory` holds for settled was as it should be, but for what is `apart`:
    scopes that were dealt with at a later head, which may be as they were at `seen` again without being as they should.
    Our own push onto `seen` moves it on, and `survey` compares it with the head there is. When that is of another
    history than `seen` or the head that was met `last`, what statuses remember of commits counts no more: Gitea is
    asked once for each claim.
    """

    def __init__(
        self,
        repository: Callable[[str], Repository],
        gitea: Gitea,
        *,
        gitea_url: str,
        metrics: Metrics,
        memory: Memory,
        pause: Callable[[float], None],
        together: int,
        trace: Trace = lambda _: None,
    ) -> None:
        self._repository = repository
        self._gitea = gitea
        self._gitea_url = gitea_url
        self._metrics = metrics
        self._memory = memory
        self._pause = pause
        self._together = together
        self._trace = trace
        self._seen: dict[str, str | None] = {}
        self._last: dict[str, str | None] = {}
        self._apart: dict[str, frozenset[str]] = {}
        self._asked_since_rewriting: dict[str, set[ClaimRef]] = {}
        self._unrecorded: dict[ClaimRef, tuple[tuple[str | None, str], str, frozenset[str]]] = {}
        self._writer = functools.cache(self._make_writer)

    def write(
        self, organization: str, attempt: Attempt[Any], plan: Callable[[Transaction], Plan], scope: Sequence[str]
    ) -> Written:
        """Bring what `plan` wants to Gitea in one commit, or find that all of it is there.

        `plan` is called with the head as it is then, as often as somebody else was faster, and reads the claim again
        each time. `scope` are the paths it looks at.
        """

        def job(git: Transaction) -> Written:
            self._stand_on(organization, git.head, scope)
            return self._commit(organization, git, attempt, plan(git))

        written = self._writer(organization).write(job, scope)
        if written.commit:
            self._metrics.commits.inc()
        if written.drift:
            attempt.note(written.drift.entry(written.commit, attempt.now))
        return self._with_unrecorded(attempt, written)

    def _with_unrecorded(self, attempt: Attempt[Any], written: Written) -> Written:
        """`written`, or the commit before that did the same when its status could not be written."""
        named = attempt.claim.status.commit.sha if attempt.claim.status.commit else None
        state = named, written.change.checksum
        made = self._unrecorded.pop(attempt.ref, None)
        if not written.commit and made is not None and made[0] == state:
            written = replace(written, commit=made[1], touched=made[2])
        if written.commit:
            self._unrecorded[attempt.ref] = state, written.commit, written.touched
            for oldest in list(self._unrecorded)[:-MAX_UNRECORDED]:
                self._unrecorded.pop(oldest, None)
        return written

    def survey(self, organization: str) -> None:
        """Look whether the head has moved, and have the claims looked at whose files others touched."""
        try:
            with self._repository(organization).transaction() as git:
                seen, apart = self._seen.get(organization), self._apart.pop(organization, frozenset())
                if git.head is None or git.head != seen or apart:
                    if self._is_rewritten(organization, git):
                        self._asked_since_rewriting[organization] = set()
                        touched = None
                    else:
                        touched = git.touched(seen)
                    self._memory.unsettle(None if touched is None else touched | apart)
                    self._seen[organization] = self._last[organization] = git.head
        except RepositoryMissing:
            self._memory.unsettle(None)  # who looks at a claim will say so

    def _stand_on(self, organization: str, head: str | None, scope: Sequence[str]) -> None:
        """A claim is dealt with at this head."""
        if self._seen.setdefault(organization, head) != head:
            self._apart[organization] = self._apart.get(organization, frozenset()).union(scope)
        self._last[organization] = head

    def _is_rewritten(self, organization: str, git: Transaction) -> bool:
        """Whether a head that was met is not of the branch's history any more."""
        met = {self._seen.get(organization), self._last.get(organization)} - {None, git.head}
        return any(git.head is None or git.commits(one, MAX_AHEAD) is None for one in met if one is not None)

    def is_news(self, organization: str, delivery: Delivery) -> bool:
        """Whether a delivery of Gitea's tells of something that was not done by the functions.

        Commits of claims are taken at their word here, so that the functions do not chase each other; the next resync
        looks at what they really hold.
        """
        if delivery.repository.casefold() != f"{organization}/{REPOSITORY}".casefold():
            return False
        if delivery.action == "created" or delivery.ref not in {"", BRANCH, f"refs/heads/{BRANCH}"}:
            return False
        if delivery.after and self._writer(organization).pushed(delivery.before, delivery.after):
            return False
        complete = 0 < delivery.total == len(delivery.messages)
        return not (complete and all(claim_of(message)[0] for message in delivery.messages))

    def wrote(self, organization: str, attempt: Attempt[Any], path: str) -> bool:
        """Whether the last commit that changed `path` was the claim's own."""
        past = self._asked(organization)(path)
        return past is not None and past.claim == str(attempt.ref)

    def row(
        self,
        organization: str,
        written: Written,
        attempt: Attempt[Any],
        folder: str,
        recorded: ApplicationRow | NamespaceRow | ServiceRow | None,
    ) -> dict[str, str | None]:
        """What a row says of its files: `path`, `checksum`, and the last `commit` that changed them."""
        current = checksum(written.change.folders[folder])
        known = recorded is not None and self._trusts(organization, attempt)
        remembered = Remembered(recorded.checksum, recorded.commit) if recorded and known else Remembered(None, None)
        new = written.commit if folder in written.touched else None
        commit = last_commit(new, current, remembered, [folder], self._asked(organization))
        return {"path": folder, "checksum": current, "commit": commit}

    def commit(self, organization: str, written: Written, attempt: Attempt[Any], scope: Sequence[str]) -> Commit | None:
        """The claim's own commit, and its address for people; `scope` is where to look when nobody remembers it."""
        status, current = attempt.claim.status, written.change.checksum
        known = status.commit is not None and self._trusts(organization, attempt)
        remembered = Remembered(status.checksum, status.commit.sha if status.commit and known else None)
        ask, others_paths = self._asked(organization), list[str]()

        def own(path: str) -> PastCommit | None:
            past = ask(path)
            if past is None or past.claim in {None, str(attempt.ref)}:
                return past
            others_paths.append(path)  # in a folder that claims share, the last word may be another's
            return None

        sha = last_commit(written.commit, current, remembered, scope, own)
        if others_paths:
            closer = [*scope, *list(written.change.folders)[:MAX_ASKED]]
            sha = last_commit(written.commit, current, Remembered(None, None), closer, own)
        self._asked_since_rewriting.get(organization, set()).add(attempt.ref)
        return Commit(sha=sha, url=f"{self._gitea_url}/{organization}/{REPOSITORY}/commit/{sha}") if sha else None

    def _commit(self, organization: str, git: Transaction, attempt: Attempt[Any], plan: Plan) -> Written:
        change = plan.change
        touched = git.changed(change.edits)
        if not touched:
            return Written(change, head=git.head)
        drift = self._drift(organization, attempt, change, touched)
        metadata, manager = attempt.claim.metadata, last_manager(attempt.live)
        record = Record(
            subject=_subject(plan.place, change, touched, drift),
            kind=attempt.claim.kind,
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            generation=metadata.generation,
            event_id=attempt.event_id,
            spec=plan.spec,
            body=f"Drift: {drift.message}" if drift else "",
            manager=manager.name if manager else "",
            changed=manager.time if manager else "",
            deleted=metadata.deletionTimestamp is not None,
            omitted=plan.omitted,
        )
        commit = git.commit(change.edits, compose(record))
        return Written(change, commit, touched, drift, commit)

    def _drift(self, organization: str, attempt: Attempt[Any], change: Change, touched: frozenset[str]) -> Drift | None:
        """Who else changed our files: they differ, and the claim says that they once were as they shall be now."""
        status = attempt.claim.status
        if status.checksum is None:
            return None
        intact = status.checksum == change.checksum
        ask = self._asked(organization)
        theirs = touched - {*change.removed, *change.joint} if intact else frozenset()
        joint = {path for path in touched.intersection(change.joint) if (past := ask(path)) and past.claim is None}
        paths = touched.intersection(change.strays) | theirs | joint
        if not paths:
            return None
        return explain(paths, ask, str(attempt.ref), status.observedGeneration or 0)

    def _trusts(self, organization: str, attempt: Attempt[Any]) -> bool:
        """Whether the commits that a status remembers are still those of the branch, as far as this process knows."""
        asked = self._asked_since_rewriting.get(organization)
        return _is_fresh(attempt) and (asked is None or attempt.ref in asked)

    def _asked(self, organization: str) -> Callable[[str], PastCommit | None]:
        return lambda path: self._gitea.last_commit(organization, REPOSITORY, path)

    def _make_writer(self, organization: str) -> Writer:
        def pushed(before: str | None, after: str) -> None:
            if self._seen.get(organization) == before:
                self._seen[organization] = after
            self._last[organization] = after

        return Writer(
            self._repository(organization),
            most=self._together,
            pause=self._pause,
            on_step=self._trace,
            on_push=pushed,
        )


def _is_fresh(attempt: Attempt[Any]) -> bool:
    """Whether the status may be trusted about commits: it knows of all generations but, at most, the present one.

    Otherwise the files may have been changed and changed back, by commits whose statuses were never written.
    """
    observed: int = attempt.claim.status.observedGeneration or 0
    generation: int = attempt.claim.metadata.generation
    return observed >= generation - 1


def others(git: Transaction, folder: str, known: set[str]) -> tuple[str, ...]:
    """The names in `folder` that nobody in `known` stands for."""
    return tuple(name for name in git.names(folder) if name not in known and name != KEEP)


def _subject(place: str, change: Change, touched: frozenset[str], drift: Drift | None) -> str:
    """E.g. `dev: write user-service, dev-appset.yaml; remove old-service`."""
    gone = touched.intersection((*change.removed, *change.strays))
    restored = touched.intersection(drift.paths) - gone if drift else frozenset()
    groups = (("restore", restored), ("write", touched - gone - restored), ("remove", gone))
    parts = [f"{verb} {', '.join(names)}" for verb, paths in groups if (names := _names(paths))]
    return f"{place}: {'; '.join(parts) or 'lay out folders'}"


def _names(paths: frozenset[str]) -> list[str]:
    return sorted({path.rpartition("/")[2] for path in paths} - {KEEP})
