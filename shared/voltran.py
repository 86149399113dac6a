"""Writing claims' files to `voltran`: a commit each, shared pushes, and noticing what others push."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

from shared.attempt import Attempt, Trace
from shared.changes import Change, Plan, Written, subject
from shared.drift import Drift, explain
from shared.errors import Forbidden
from shared.events import Delivery
from shared.git import Record, Repository, RepositoryMissing, Transaction, Writer, compose
from shared.git.message import claim_of
from shared.gitea import Gitea
from shared.managed_fields import last_manager
from shared.memory import Memory
from shared.provenance import REPOSITORY, Provenance
from shared.telemetry import Metrics
from shared.tracing import Tracing

BRANCH: Final = "main"
MAX_AHEAD: Final = 2000
"""Commits that the branch may have gained between two looks; more are taken for another history."""


class Voltran:
    """The `voltran` repository of each organization, and what this process knows of its state. Thread-safe.

    `seen` is the head at which everything that `memory` holds for settled was as it should be, but for what is `apart`:
    scopes that were dealt with at a later head, which may be as they were at `seen` again without being as they should.
    Our own push onto `seen` moves it on, and `survey` compares it with the head there is. When that is of another
    history than `seen` or the head that was met `last`, `provenance` is told.
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
        tracing: Tracing | None = None,
    ) -> None:
        self._repository = repository
        self.provenance = Provenance(gitea, gitea_url)
        self._metrics = metrics
        self._memory = memory
        self._pause = pause
        self._together = together
        self._trace = trace
        self._tracing = tracing or Tracing()
        self._seen: dict[str, str | None] = {}
        self._last: dict[str, str | None] = {}
        self._apart: dict[str, frozenset[str]] = {}
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
            self._tracing.commit(written.commit)
        if written.drift:
            attempt.note(written.drift.entry(written.commit, attempt.now))
        return self.provenance.recall(attempt, written)

    def survey(self, organization: str) -> None:
        """Look whether the head has moved, and have the claims looked at whose files others touched."""
        try:
            with self._repository(organization).transaction() as git:
                seen, apart = self._seen.get(organization), self._apart.pop(organization, frozenset())
                if git.head is None or git.head != seen or apart:
                    if self._is_rewritten(organization, git):
                        self.provenance.rewritten(organization)
                        touched = None
                    else:
                        touched = git.touched(seen)
                    self._memory.unsettle(None if touched is None else touched | apart)
                    self._seen[organization] = self._last[organization] = git.head
        except (RepositoryMissing, Forbidden):  # a token that is refused, too: it is nobody's fault here
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

    def _commit(self, organization: str, git: Transaction, attempt: Attempt[Any], plan: Plan) -> Written:
        change = plan.change
        touched = git.changed(change.edits)
        if not touched:
            return Written(change, head=git.head)
        drift = self._drift(organization, attempt, change, touched)
        metadata, manager = attempt.claim.metadata, last_manager(attempt.live)
        record = Record(
            subject=subject(plan.place, change, touched, drift),
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
            trace_id=attempt.trace_id,
        )
        commit = git.commit(change.edits, compose(record))
        return Written(change, commit, touched, drift, commit)

    def _drift(self, organization: str, attempt: Attempt[Any], change: Change, touched: frozenset[str]) -> Drift | None:
        """Who else changed our files: they differ, and the claim says that they once were as they shall be now."""
        status = attempt.claim.status
        if status.checksum is None:
            return None
        intact = status.checksum == change.checksum
        ask = self.provenance.asked(organization)
        theirs = touched - {*change.removed, *change.joint} if intact else frozenset()
        joint = {path for path in touched.intersection(change.joint) if (past := ask(path)) and past.claim is None}
        paths = touched.intersection(change.strays) | theirs | joint
        if not paths:
            return None
        return explain(paths, ask, str(attempt.ref), status.observedGeneration or 0)

    def _make_writer(self, organization: str) -> Writer:
        def pushed(before: str | None, after: str) -> None:
            self._metrics.pushes.inc()
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
