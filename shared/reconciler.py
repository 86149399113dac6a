"""The way of every claim through a function: read live, converge, record. The kinds differ only in their handler."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final, Generic, Protocol, TypeVar

from shared.attempt import Attempt, Carried, Gone, Kind, Trace
from shared.claims import place
from shared.claims.meta import Claim
from shared.claims.status import MAX_HISTORY, ClaimStatus
from shared.conditions import READY, find
from shared.errors import Forbidden, InfraForgeError, KubeConflict, KubeUnavailable, TransientError
from shared.events import WAKE_UPS, ClaimRef, Event, combined
from shared.kube.client import Document, Kube, KubeNotFound
from shared.kube.recorder import Recorder
from shared.memory import Memory, version_of
from shared.steps import READ, RECORD, TELL
from shared.telemetry import CENSUS, Metrics
from shared.tracing import Tracing, carried, trace_id
from shared.turns import Turns
from shared.web import Reply

ClaimT = TypeVar("ClaimT", bound=Claim)
Inputs = Callable[[Document], Hashable]
"""What a claim's files follow from beside the claim itself; None when that cannot be said."""

ATTEMPTS: Final = 5
"""Lost races that one event survives before the Broker is asked to come back."""
TOGETHER: Final = 32
"""Claims that one resync converges at a time, so that they share pushes."""

log = logging.getLogger(__name__)


class Handler(Protocol[ClaimT]):
    """What a kind of claim adds to the way that all go."""

    def converge(self, attempt: Attempt[ClaimT]) -> None:
        """Make true what the claim asks for; what is raised becomes its status."""

    def survey(self, event: Event) -> Inputs | None:
        """Look once at what all claims share, before they are gone through; None when the event says nothing new."""

    def announce(self, attempt: Attempt[ClaimT]) -> Reply | None:
        """The reply of a claim that is converged, or gone, if there is something to tell the other functions."""


class Reconciler(Generic[ClaimT]):
    """Turns events into converged claims with true statuses. Thread-safe as far as its collaborators are."""

    def __init__(
        self,
        kind: Kind[ClaimT],
        kube: Kube,
        handler: Handler[ClaimT],
        *,
        memory: Memory,
        metrics: Metrics,
        pause: Callable[[float], None],
        trace: Trace = lambda _: None,
        tracing: Tracing | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kind = kind
        self._kube = kube
        self._handler = handler
        self._memory = memory
        self._metrics = metrics
        self._pause = pause
        self._trace = trace
        self._tracing = tracing or Tracing()
        self._now = now
        self._clock = clock
        self._turns = Turns()
        self._carried: dict[ClaimRef, Carried] = {}
        self._recorder = Recorder(kube, kind.name)

    def react(self, event: Event) -> Reply | None:
        """Converge what the event speaks of; None when there is nothing to say.

        Raises `TransientError` when another try can succeed: the status says so already.
        """
        if event.claim is None:
            return self._resync(event) if event.type in WAKE_UPS or event.delivery is not None else None
        if event.claim.kind != self._kind.name or self._memory.is_finished(event.claim, event.version):
            return None
        reply = self.reconcile(event.claim, event)
        if event.is_deletion and event.environment is not None:
            return self._wake_successors(event, event.environment) or reply
        return reply

    def reconcile(self, ref: ClaimRef, event: Event) -> Reply | None:
        """Converge one claim, starting over as often as somebody else was faster (at most `ATTEMPTS` times)."""
        arrived = self._clock()
        with self._turns.of(ref):
            if self._memory.is_finished(ref, event.version):
                return None  # while we waited for our turn
            if event.claim is not None and self._memory.is_younger(ref, arrived):
                return None  # somebody looked at the claim after this event was sent
            for attempt in range(1, ATTEMPTS):
                try:
                    return self._look(ref, event, last=False)
                except KubeConflict as error:
                    log.info("%s: starting over: %s", ref, error)
                    self._pause(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret
            return self._look(ref, event, last=True)

    def _resync(self, event: Event) -> Reply | None:
        """Converge every claim that is not known to be settled; one that fails does not keep the others.

        An event that names an environment is for the claims there.
        """
        inputs = self._handler.survey(event)
        if inputs is None:
            return None
        looked, census = [], Counter[tuple[str, str]]()
        for ref, document in self._listed_in(event.environment):  # to its end: a list expires after some minutes
            settled = self._memory.is_settled(ref, version_of(document), inputs(document))
            looked.append((ref, place(document), settled))
            census.update(_standing(document))
        if event.environment is None:
            self._metrics.census(self._kind.name, census)
        rivals = Counter(where for _, where, _ in looked)  # whose an environment is may change with the others
        unsettled = [ref for ref, where, settled in looked if not settled or rivals[where] > 1]
        return self._all(unsettled, event)

    def _wake_successors(self, event: Event, environment: tuple[str, str]) -> Reply | None:
        """A claim is gone: another one of its environment may have waited for that."""
        return self._all([ref for ref, _ in self._listed_in(environment)], event)

    def _listed_in(self, environment: tuple[str, str] | None) -> Iterator[tuple[ClaimRef, Document]]:
        """The claims of one environment; of all for None."""
        fields = {"spec.clusterType": environment[0], "spec.environment": environment[1]} if environment else None
        for document in self._kube.list(self._kind.resource, fields=fields):
            if environment in (None, place(document)):
                metadata = document["metadata"]
                yield ClaimRef(self._kind.name, metadata["namespace"], metadata["name"]), document

    def _all(self, refs: Iterable[ClaimRef], event: Event) -> Reply | None:
        """Converge these claims, some at a time; raises what one of them raised, a fault of ours first."""
        failures: list[Exception] = []

        def one(ref: ClaimRef) -> Reply | None:
            try:
                return self.reconcile(ref, event.wake_up)
            except Exception as error:  # noqa: BLE001 - raised below, after the others
                failures.append(error)
                return None

        with ThreadPoolExecutor(TOGETHER) as pool:
            reply = combined([answer for answer in pool.map(carried(one), refs) if answer is not None])
        if failures:
            ours = (error for error in failures if not isinstance(error, TransientError))
            raise next(ours, failures[0])
        return reply

    def attempt(self, ref: ClaimRef, event: Event) -> Attempt[ClaimT]:
        """A try at a claim, which takes up what earlier ones left."""
        return Attempt(
            self._kind,
            self._kube,
            ref,
            event.id,
            recorder=self._recorder,
            now=self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            carried=self._carried.get(ref),
            trace=self._trace,
            trace_id=trace_id(event.traceparent),
        )

    def turn(self, ref: ClaimRef) -> AbstractContextManager[None]:
        """Wait until nobody else in this process works on the claim."""
        return self._turns.of(ref)

    def _look(self, ref: ClaimRef, event: Event, *, last: bool) -> Reply | None:
        with self._metrics.look(self._kind.name), self._tracing.claim(str(ref)):
            return self._once(ref, event, last=last)

    def _once(self, ref: ClaimRef, event: Event, *, last: bool) -> Reply | None:
        attempt = self.attempt(ref, event)
        epoch, begun = self._memory.epoch, self._clock()
        failure: InfraForgeError | None = None
        try:
            attempt.begin(READ)
            attempt.reread()
            if event.claim is not None and self._memory.is_finished(ref, version_of(attempt.live)):
                return None  # an event of an older state, and the present one was dealt with
            self._carried[ref] = attempt.carried
            self._handler.converge(attempt)
        except Gone:
            self._forget(ref)
            return None
        except InfraForgeError as error:
            if attempt.document is None:
                raise _unread(error) from error
            if isinstance(error, KubeConflict) and not last:
                raise
            attempt.report.fail(error)
            failure = error
        return self._conclude(attempt, failure, epoch, begun)

    def _conclude(
        self, attempt: Attempt[ClaimT], failure: InfraForgeError | None, epoch: int, begun: float
    ) -> Reply | None:
        """Record what the try came to; raises a failure that another try may get over."""
        ref = attempt.ref
        if attempt.let_go:
            self._forget(ref)
            return self._handler.announce(attempt)
        document = self._record(attempt)
        attempt.carried.notes.clear()
        if isinstance(failure, TransientError):
            self._memory.forget(ref)
            raise failure
        version = version_of(document)
        if version is not None:
            self._memory.remember(ref, version, None if failure else attempt.settled, epoch=epoch, begun=begun)
        if failure:
            return None
        self._carried.pop(ref, None)
        return self._handler.announce(attempt)

    def _forget(self, ref: ClaimRef) -> None:
        self._memory.forget(ref)
        self._carried.pop(ref, None)

    def _record(self, attempt: Attempt[ClaimT]) -> Document:
        """Write the status, last of all, and only if it says something new; returns the claim as it is then."""
        document, notes = attempt.live, attempt.carried.notes
        if notes:
            attempt.report.set(history=[*notes, *attempt.report.recorded.history][:MAX_HISTORY])
        generation = document["metadata"].get("generation")
        status = attempt.report.status(generation=generation if isinstance(generation, int) else 0, now=attempt.now)
        written = status.model_dump(mode="json", exclude_none=True)
        recorded = document.get("status")
        recorded = recorded if isinstance(recorded, dict) else {}
        if written == recorded:
            return document
        dropped = dict.fromkeys(recorded.keys() - written.keys())  # null removes a field in a merge patch
        attempt.begin(RECORD)
        try:
            document = self._kube.patch_status(self._kind.resource, document, dropped | written)
        except KubeNotFound:
            return document  # deleted meanwhile: nobody is left to tell
        self._metrics.status_writes.inc()
        for note in notes:
            attempt.tell(note.reason, note.message, normal=False)
        self._tell(attempt, attempt.report.recorded, status)
        return document

    def _tell(self, attempt: Attempt[ClaimT], before: ClaimStatus, after: ClaimStatus) -> None:
        """Tell `kubectl describe` what changed for a reader: readiness, its reason, or the commit."""
        old, new = find(before.conditions, READY), find(after.conditions, READY)
        if new is None or (
            old is not None and (old.status, old.reason) == (new.status, new.reason) and before.commit == after.commit
        ):
            return
        attempt.begin(TELL)
        log.info("%s: %s: %s", attempt.ref, new.reason, new.message)
        attempt.tell(new.reason, new.message, normal=new.status == "True")


def _standing(document: Document) -> Iterator[tuple[str, str]]:
    """Condition and status of those that claims are counted by; what a status does not say is Unknown."""
    status = document.get("status")
    recorded = status.get("conditions") if isinstance(status, dict) else None
    listed = recorded if isinstance(recorded, list) else []
    found = {str(one.get("type")): one.get("status") for one in listed if isinstance(one, dict)}
    for condition in CENSUS:
        said = found.get(condition)
        yield condition, said if isinstance(said, str) else "Unknown"


def _unread(error: InfraForgeError) -> InfraForgeError:
    """The error for a claim that cannot even be read: there is no status to say it in, so the Broker comes back."""
    if isinstance(error, Forbidden | KubeNotFound):
        return KubeUnavailable(str(error), reason=error.reason, retry_after=30)
    return error
