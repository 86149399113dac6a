"""The way of every claim through a function: read live, converge, record. The kinds differ only in `converge`."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import ValidationError

from shared.claims import parse
from shared.claims.meta import Claim
from shared.claims.status import ClaimStatus
from shared.conditions import READY, VALID, find
from shared.errors import InfraForgeError, KubeConflict, PushRejected, TransientError
from shared.events import WAKE_UPS, ClaimRef, Event
from shared.kube.client import Document, Kube, KubeNotFound, Resource
from shared.kube.recorder import Recorder
from shared.report import Report
from shared.telemetry import Metrics
from shared.web import Reply

ClaimT = TypeVar("ClaimT", bound=Claim)

ATTEMPTS: Final = 5
"""Lost races that one event survives before the Broker is asked to come back."""

log = logging.getLogger(__name__)


class _Gone(Exception):
    """There is nothing left to converge."""


@dataclass(frozen=True)
class Kind(Generic[ClaimT]):
    """A kind of claim: its model, where the API serves it, and the steps its status speaks of."""

    model: type[ClaimT]
    resource: Resource
    steps: tuple[str, ...]

    @property
    def name(self) -> str:
        """The kind as events and owners name it."""
        return self.model.__name__

    def parse(self, document: Document) -> ClaimT:
        """The claim in a document of this kind; raises `InvalidClaim`."""
        return cast("ClaimT", parse(self.name, document))

    def recorded_status(self, document: Document) -> ClaimStatus:
        """The status that a live object carries; an empty one when there is none, or none that can be read."""
        model: type[ClaimStatus] = self.model.model_fields["status"].annotation  # type: ignore[assignment]  # by definition
        try:
            return model.model_validate(document.get("status") or {})
        except ValidationError:
            return model()


class Attempt(Generic[ClaimT]):
    """One try at one claim. `claim` is the claim as it was last read, `report` what has been found out about it."""

    claim: ClaimT
    report: "Report[Any]"

    def __init__(self, read: Callable[[], Document | None], kind: Kind[ClaimT], event_id: str) -> None:
        self._read = read
        self._kind = kind
        self.event_id = event_id
        self.document: Document | None = None

    @property
    def spec(self) -> dict[str, Any]:
        """The claim's spec as the API server gave it."""
        return dict((self.document or {}).get("spec") or {})

    def reread(self) -> ClaimT:
        """Read the live claim (again), and start the report over from what it records.

        Called once more when the head of Git is known: whoever reads the claim later than the head writes at least
        what the head's writer knew (ARCHITECTURE: the order that makes it safe).
        """
        self.document = None
        document = self._read()
        if document is None:
            raise _Gone
        self.document = document
        recorded = self._kind.recorded_status(document)
        self.report = Report(recorded, self._kind.steps)
        self.report.enter(VALID)
        self.claim = self._kind.parse(document | {"status": recorded.model_dump(exclude_none=True)})
        return self.claim


class Reconciler(Generic[ClaimT]):
    """Turns events into converged claims with true statuses.

    `converge` does a kind's work on one `Attempt`; what it raises becomes the status. `announce` may make the reply
    of a converged claim. Thread-safe as far as its collaborators are.
    """

    def __init__(
        self,
        kind: Kind[ClaimT],
        kube: Kube,
        converge: Callable[[Attempt[ClaimT]], None],
        *,
        metrics: Metrics,
        announce: Callable[[Attempt[ClaimT]], Reply | None] = lambda _: None,
        pause: Callable[[float], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kind = kind
        self._kube = kube
        self._converge = converge
        self._metrics = metrics
        self._announce = announce
        self._pause = pause
        self._now = now
        self._recorder = Recorder(kube, kind.name)

    def react(self, event: Event) -> Reply | None:
        """Converge what the event speaks of; None when there is nothing to say.

        Raises `TransientError` when another try can succeed: the status says so already.
        """
        if event.claim is not None:
            return self.reconcile(event.claim, event.id) if event.claim.kind == self._kind.name else None
        if event.type in WAKE_UPS:
            return self._resync(event)
        return None

    def reconcile(self, ref: ClaimRef, event_id: str) -> Reply | None:
        """Converge one claim, starting over as often as somebody else was faster (at most `ATTEMPTS` times)."""
        for attempt in range(1, ATTEMPTS):
            try:
                return self._once(ref, event_id, last=False)
            except (KubeConflict, PushRejected) as error:
                log.info("%s: starting over: %s", ref, error)
                self._pause(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret
        return self._once(ref, event_id, last=True)

    def _resync(self, event: Event) -> Reply | None:
        """Converge every claim of the kind; one that fails does not keep the others from their turn."""
        failures: list[Exception] = []
        reply: Reply | None = None
        for document in self._kube.list(self._kind.resource):
            metadata = document["metadata"]
            ref = ClaimRef(self._kind.name, metadata["namespace"], metadata["name"])
            try:
                reply = self.reconcile(ref, event.id) or reply
            except Exception as error:  # noqa: BLE001 - raised below, after the others
                failures.append(error)
        if failures:
            ours = (error for error in failures if not isinstance(error, TransientError))
            raise next(ours, failures[0])
        return reply

    def _once(self, ref: ClaimRef, event_id: str, *, last: bool) -> Reply | None:
        def read() -> Document | None:
            return self._kube.get(self._kind.resource, ref.namespace, ref.name)

        attempt = Attempt(read, self._kind, event_id)
        failure: InfraForgeError | None = None
        try:
            attempt.reread()
            self._converge(attempt)
        except _Gone:
            return None
        except InfraForgeError as error:
            if attempt.document is None or (isinstance(error, KubeConflict | PushRejected) and not last):
                raise
            attempt.report.fail(error)
            failure = error
        self._record(ref, attempt)
        if isinstance(failure, TransientError):
            raise failure
        return None if failure else self._announce(attempt)

    def _record(self, ref: ClaimRef, attempt: Attempt[ClaimT]) -> None:
        """Write the status, last of all, and only if it says something new."""
        document = attempt.document
        if document is None:
            raise AssertionError("a claim that was never read has no status")
        now = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        status = attempt.report.status(generation=document["metadata"].get("generation", 0), now=now)
        written = status.model_dump(mode="json", exclude_none=True)
        recorded = document.get("status") or {}
        if written == recorded:
            return
        dropped = dict.fromkeys(recorded.keys() - written.keys())  # null removes a field in a merge patch
        try:
            self._kube.patch_status(self._kind.resource, document, dropped | written)
        except KubeNotFound:
            return  # deleted meanwhile: nobody is left to tell
        self._metrics.status_writes.inc()
        self._tell(ref, document, attempt.report.recorded, status)

    def _tell(self, ref: ClaimRef, document: Document, before: ClaimStatus, after: ClaimStatus) -> None:
        """Tell `kubectl describe` what changed for a reader: readiness, its reason, or the commit."""
        old, new = find(before.conditions, READY), find(after.conditions, READY)
        if new is None or (
            old is not None and (old.status, old.reason) == (new.status, new.reason) and before.commit == after.commit
        ):
            return
        log.info("%s: %s: %s", ref, new.reason, new.message)
        self._recorder.record(document, normal=new.status == "True", reason=new.reason, message=new.message)
