"""What becomes of an event that was given up, and of a letter that shall be sent again."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from prometheus_client import Counter

from functions.deadletters import letter as letters
from functions.deadletters.arrival import Arrival
from functions.deadletters.broker import Broker, BrokerRefused
from functions.deadletters.notice import Notice
from functions.deadletters.store import ATTEMPTS, Store
from shared.claims.deadletter import REPLAY, ReplayState
from shared.errors import KubeConflict, KubeUnavailable, PermanentError, TransientError
from shared.events import ClaimRef, Event
from shared.kube.client import Document, KubeRefused

log = logging.getLogger(__name__)


class Handler:
    """Stateless: what is to be remembered is in the DeadLetters. Thread-safe."""

    def __init__(
        self,
        store: Store,
        notice: Notice,
        broker: Broker,
        *,
        counted: Counter,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._notice = notice
        self._broker = broker
        self._counted = counted
        self._now = now

    def react(self, event: Event) -> None:
        """Keep what was given up, or replay what shall be. Raises `TransientError` for what is not done."""
        if not isinstance(event, Arrival):
            raise TypeError("this function's endpoint parses arrivals")
        try:
            self._react(event)
        except KubeRefused as error:  # its message may quote the event
            raise KubeUnavailable("the Kubernetes API takes no such DeadLetter", reason=error.reason) from None
        except PermanentError as error:  # RBAC, or a kind that is not there: who keeps the event is the Broker
            raise KubeUnavailable(str(error), reason=error.reason, retry_after=30) from error

    def _react(self, event: Arrival) -> None:
        """What tells of no letter was given up, whether or not it says why: nothing else is sent here."""
        if not event.is_of_letter:
            self._keep(event)
        elif event.says_why:
            self._counted.labels("dropped").inc()
            log.error("dropped, since a letter about a letter would have no end: %s", event.title)
        elif event.claim is not None and not event.is_deletion:
            self._replay(event.claim)

    def _keep(self, arrival: Arrival) -> None:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        namespace = self._store.namespace
        letter = letters.document(arrival, namespace, now)
        is_new = self._store.keep(letter, letters.document(arrival, namespace, now, reduced=True))
        spec, name = letter["spec"], letter["metadata"]["name"]
        who = spec.get("trigger") or spec["destination"] or "a Broker that does not say more"
        log.warning("given up by %s with %s and kept as %s: %s", who, spec["code"] or "-", name, arrival.title)
        if arrival.claim is not None:
            self._notice.give(arrival.claim, letter, is_new=is_new)

    def _replay(self, ref: ClaimRef) -> None:
        """Send the letter's event to the Broker if that is asked for, and delete the letter when the Broker has it."""
        if ref.namespace != self._store.namespace:
            log.warning("%s is in a namespace where no letters are kept", ref)
            return
        letter = self._store.get(ref.name)
        if letter is None or not _is_asked_for(letter):
            return
        try:
            self._broker.send(*letters.event_of(letter))
        except TransientError as error:
            self._say(letter, "Failing", f"{error.reason}: {error}", withdraws=False)
            raise
        except (BrokerRefused, ValueError) as error:
            self._counted.labels("refused").inc()
            log.warning("%s cannot be sent again: %s", ref, error)
            self._say(letter, "Refused", str(error), withdraws=True)
            return
        self._counted.labels("replayed").inc()
        log.info("%s: sent again", ref)
        self._end(letter)

    def _end(self, letter: Document) -> None:
        """Delete the letter, unless its event was given up once more in the meantime."""
        sent: Document | None = letter
        for _ in range(ATTEMPTS):
            if sent is None or sent["spec"].get("givenUp") != letter["spec"].get("givenUp"):
                return
            try:
                self._store.delete(sent)
            except KubeConflict:
                sent = self._store.get(letter["metadata"]["name"])
            else:
                return
        raise KubeConflict(f"DeadLetter {letter['metadata']['name']} keeps changing")

    def _say(self, letter: Document, state: ReplayState, message: str, *, withdraws: bool) -> None:
        """Write that into the letter's status, unless it is there: a write comes back as an event."""
        status = letter.get("status") or {}
        if (status.get("replay"), status.get("message")) == (state, message) and not withdraws:
            return
        when = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        with suppress(KubeConflict):  # it changed: whoever hears of that looks again
            self._store.change(letter, withdraws=withdraws, status={"replay": state, "message": message, "time": when})


def _is_asked_for(letter: Document) -> bool:
    metadata = letter["metadata"]
    return REPLAY in (metadata.get("annotations") or {}) and not metadata.get("deletionTimestamp")
