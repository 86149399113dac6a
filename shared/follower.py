"""ArgoCD's events become the claims' condition `Deployed`; nothing else of a claim is touched on this way.

An event is only a hint to look: the claim, its Applications and their set are read live. When they say what the status
says already, nothing is written, no Git is asked and nothing annotated.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Generic, Protocol, TypeVar

from shared.attempt import Attempt, Gone, Kind
from shared.claims.meta import Claim
from shared.claims.status import ClaimStatus
from shared.conditions import DEPLOYED, find
from shared.deploying import REMOVING, Snapshot
from shared.deploying.tracking import PASSING
from shared.errors import InfraForgeError, KubeConflict, PermanentError, Waiting
from shared.events import ClaimRef, DeploymentRef, Event
from shared.kube.client import Document, Kube, KubeNotFound
from shared.memory import Memory, version_of
from shared.reconciler import ATTEMPTS, Reconciler
from shared.telemetry import Metrics
from shared.web import Reply

ClaimT = TypeVar("ClaimT", bound=Claim)
ClaimT_contra = TypeVar("ClaimT_contra", bound=Claim, contravariant=True)
REMEMBERED: Final = 10_000

log = logging.getLogger(__name__)


class Deploys(Protocol[ClaimT_contra]):
    """What a kind of claim knows of its deployment."""

    def concerned(self, ref: DeploymentRef) -> Mapping[str, str] | None:
        """The fields of the claims that an object of ArgoCD's may concern, `spec.…` → value; None for no claim."""

    def deployed(self, claim: ClaimT_contra, now: str, at: Snapshot | None = None) -> ClaimStatus | None:
        """The claim's status with what ArgoCD makes of it, now or as seen in `at`; None when there is none to say.

        `now` (RFC 3339) dates what changes.
        """

    def snapshot(self) -> Snapshot | None:
        """ArgoCD's objects, read at once; None when there is no ArgoCD."""


class Follower(Generic[ClaimT]):
    """Follows ArgoCD. Thread-safe."""

    def __init__(
        self,
        kind: Kind[ClaimT],
        kube: Kube,
        handler: Deploys[ClaimT],
        reconciler: Reconciler[ClaimT],
        *,
        memory: Memory,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kind = kind
        self._kube = kube
        self._handler = handler
        self._reconciler = reconciler
        self._memory = memory
        self._metrics = metrics
        self._clock = clock
        self._begun: OrderedDict[ClaimRef, float] = OrderedDict()
        self._lock = threading.Lock()

    def react(self, event: Event) -> Reply | None:
        """Bring up to date what is said of the claims that an object of ArgoCD's concerns."""
        ref = event.deployment
        fields = None if ref is None else self._handler.concerned(ref)
        if fields is None:
            return None
        arrived, reply = self._clock(), None
        for claim in list(self._concerned(fields)):
            reply = self._follow(claim, event, arrived) or reply
        return reply

    def resync(self, event: Event) -> None:
        """Find what no event told of."""
        at = self._handler.snapshot()
        if at is None:
            return
        differing = [_ref(self._kind, one) for one in self._kube.list(self._kind.resource) if self._differs(one, at)]
        for claim in differing:
            self._follow(claim, event, self._clock())

    def _concerned(self, fields: Mapping[str, str]) -> Iterator[ClaimRef]:
        for document in self._kube.list(self._kind.resource, fields=fields):
            spec = document.get("spec") or {}
            if all(spec.get(name.removeprefix("spec.")) == value for name, value in fields.items()):
                yield _ref(self._kind, document)

    def _differs(self, document: Document, at: Snapshot) -> bool:
        try:
            claim = self._kind.parse(document)
            status = self._handler.deployed(claim, "", at)
        except InfraForgeError:
            return False  # its own status says so
        return status is not None and status != self._kind.recorded_status(document)

    def _follow(self, ref: ClaimRef, event: Event, arrived: float) -> Reply | None:
        with self._reconciler.turn(ref):
            if not self._begin(ref, arrived):
                return None  # somebody looked after this event was sent
            has_to_remove = self._insist(ref, event)
        return self._reconciler.reconcile(ref, event.wake_up) if has_to_remove else None

    def _begin(self, ref: ClaimRef, arrived: float) -> bool:
        """Whether nobody has begun to look at the claim since that moment; somebody has now."""
        with self._lock:
            if self._begun.get(ref, float("-inf")) > arrived:
                return False
            self._begun[ref] = self._clock()
            self._begun.move_to_end(ref)
            while len(self._begun) > REMEMBERED:
                self._begun.popitem(last=False)
            return True

    def _insist(self, ref: ClaimRef, event: Event) -> bool:
        for _ in range(1, ATTEMPTS):
            with suppress(KubeConflict):
                return self._once(self._reconciler.attempt(ref, event))
        return self._once(self._reconciler.attempt(ref, event))

    def _once(self, attempt: Attempt[ClaimT]) -> bool:
        """Whether the claim waits for ArgoCD to let go of something, and has to see to it."""
        try:
            claim = attempt.reread()
            if claim.metadata.deletionTimestamp is not None:
                return True
            before, after = attempt.report.recorded, self._handler.deployed(claim, attempt.now)
        except (Gone, PermanentError, Waiting):
            return False  # the claim's own way says so
        if after is None:
            return False
        new = find(after.conditions, DEPLOYED)
        is_removing = new is not None and new.reason == REMOVING
        if after == before:
            return is_removing
        written: dict[str, Any] = after.model_dump(mode="json", exclude_none=True)
        try:
            document = self._kube.patch_status(self._kind.resource, attempt.live, written)
        except KubeNotFound:
            return False  # deleted meanwhile
        self._metrics.status_writes.inc()
        self._memory.renew(attempt.ref, version_of(attempt.live), version_of(document))
        old = find(before.conditions, DEPLOYED)
        is_other = new is not None and (old is None or (old.status, old.reason) != (new.status, new.reason))
        if new is not None and is_other and new.reason not in PASSING:  # what is under way is no event of its own
            log.info("%s: %s: %s", attempt.ref, new.reason, new.message)
            attempt.tell(new.reason, new.message, normal=new.status == "True")
        return is_removing


def _ref(kind: Kind[Any], document: Document) -> ClaimRef:
    metadata = document["metadata"]
    return ClaimRef(kind.name, metadata["namespace"], metadata["name"])
