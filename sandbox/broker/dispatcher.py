"""From the ingress to the subscribers: fan-out, retries, replies and dead letters, within bounds.

Each matching trigger gets a task of its own, so there is no order among events, as with Knative's in-memory channel. A
task that waits for its next try holds no connection. Events live in memory only: those that are under way when the
process ends are lost, as in the real channel.
"""

import asyncio
import base64
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sandbox.broker.attempt import Header, Verdict, attempt
from sandbox.broker.config import BrokerConfig, Delivery, Trigger
from sandbox.broker.event import Event, MalformedEvent, validate
from sandbox.broker.load import Load, Overloaded
from sandbox.broker.slots import Connect, Slots

TTL: Final = "knativebrokerttl"
ARRIVAL: Final = "knativearrivaltime"
ERRORS: Final = ("knativeerrordest", "knativeerrorcode", "knativeerrordata")
FIRST_TTL: Final = 255
LONGEST_ERROR: Final = 768
"""Bytes of an answer whose base64 fits into knativeerrordata; Knative's dispatcher crashes on one more."""
NO_ROOM: Final = b"the broker holds as many events for this subscriber as it may"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """Why the last try failed: what becomes knativeerrorcode, knativeerrordest and knativeerrordata.

    None of them is set without a `destination`: a cluster's dispatcher reads them in the answer of the Broker's filter
    and says nothing where they are not in it, or it did not come in time.
    """

    code: int
    destination: str | None
    body: bytes


@dataclass
class Dispatcher:
    """Delivers accepted events. `url` is the broker's own address, which dead letters name.

    `current` gives the configuration that holds now; an event that is under way keeps the one it was taken with.
    """

    current: Callable[[], BrokerConfig]
    connect: Connect
    url: str
    load: Load
    _slots: dict[tuple[str, str], Slots] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, event: Event, headers: Iterable[Header] = ()) -> None:
        """Take `event` over, as the ingress does: stamp it and start its deliveries.

        Raises `MalformedEvent` (400) for an invalid event or one that replies to replies without end, and `Overloaded`
        (503) if no subscriber that it is for has room, both before anything was taken. If one has room and another
        does not, the one gets it and the other's is a dead letter: a subscriber that hangs holds up no one else.
        """
        validate(event)
        event = event.with_attributes(**{TTL: str(_next_ttl(event)), ARRIVAL: _now()})
        config = self.current()
        wanted: dict[str, list[Trigger]] = {}
        for trigger in config.triggers:
            if trigger.wants(event.attributes):
                wanted.setdefault(trigger.subscriber.uri, []).append(trigger)
        full = {uri for uri, triggers in wanted.items() if not self.load.has_room(uri, event, len(triggers))}
        if wanted and len(full) == len(wanted):
            raise Overloaded
        for uri, triggers in wanted.items():
            for trigger in triggers:
                delivery = _Delivery(config, trigger, event, tuple(headers))
                if uri in full:
                    self._start(delivery, None, self._bury(delivery, Failure(503, self.url, NO_ROOM)))
                else:
                    self._start(delivery, uri, self._deliver(delivery))

    async def settle(self) -> None:
        """Wait until nothing is under way any more, replies included."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Stop every delivery where it stands."""
        if self._tasks:
            log.warning("stopping with %d deliveries under way: they are lost, as in Knative", len(self._tasks))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for slots in self._slots.values():
            await slots.close()

    def _start(self, delivery: "_Delivery", counted: str | None, work: Coroutine[None, None, None]) -> None:
        """Begin a task, counted among what is under way to a subscriber, if to any."""
        if counted is not None:
            self.load.begin(counted, delivery.event)
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def finished(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if counted is not None:
                self.load.end(counted, delivery.event)
            if not task.cancelled() and (fault := task.exception()):
                log.error("trigger %s: a fault of the broker's own", delivery.trigger.name, exc_info=fault)

        task.add_done_callback(finished)

    async def _deliver(self, delivery: "_Delivery") -> None:
        event = delivery.event.without(TTL)
        beside = (*delivery.headers, (b"Prefer", b"reply"))
        verdict, tries = await self._try(delivery, delivery.trigger.subscriber.uri, event, beside)
        failure = None if verdict.delivered else self._failure(delivery, verdict, tries)
        if verdict.reply is not None:
            failure = await self._reply(delivery, verdict)
        if failure is not None:
            await self._bury(delivery, failure)

    async def _try(
        self, delivery: "_Delivery", uri: str, event: Event, headers: tuple[Header, ...]
    ) -> tuple[Verdict, int]:
        terms, key = delivery.terms, (delivery.trigger.name, uri)  # a subscriber that hangs does not hold its sink up
        if key not in self._slots:
            self._slots[key] = Slots(self.load.bounds.concurrency, self.connect)
        slots = self._slots[key]
        for tries in range(terms.retry + 1):
            async with slots.taken() as client:
                # Written only now, and anew for each try: what waits is large enough as it is.
                wire = [*event.headers(), *headers, (b"Kn-Namespace", delivery.config.namespace.encode())]
                verdict = await attempt(client, uri, wire, event.data, limit=terms.limit())
            if not verdict.retried or tries == terms.retry:
                break
            await asyncio.sleep(terms.pause(tries))  # the back-off that the trigger asks for
        return verdict, tries + 1

    async def _reply(self, delivery: "_Delivery", verdict: Verdict) -> Failure | None:
        """Put a subscriber's reply back into the broker, with the TTL of what it replies to; says what went wrong."""
        if verdict.reply is None:
            return None
        reply = verdict.reply.with_attributes(**{TTL: delivery.event.attributes.get(TTL, str(FIRST_TTL))})
        for tries in range(delivery.terms.retry + 1):
            try:
                self.accept(reply, verdict.reply_headers)
            except MalformedEvent as error:
                log.warning("a reply was refused by the broker: %s", error)
                return Failure(400, self.url, b"")
            except Overloaded:
                await asyncio.sleep(delivery.terms.pause(tries))  # the subscriber's own back-off
            else:
                return None
        return Failure(503, self.url, b"")

    def _failure(self, delivery: "_Delivery", verdict: Verdict, tries: int) -> Failure:
        trigger = delivery.trigger
        destination = trigger.subscriber.uri if verdict.by_subscriber else None
        log.warning("trigger %s: given up after %d tries, last status %d", trigger.name, tries, verdict.code)
        if len(verdict.body) > LONGEST_ERROR:
            log.error(
                "trigger %s: %s answered %d with a body of %d bytes. THE IN-MEMORY CHANNEL OF A REAL KNATIVE CRASHES "
                "ON MORE THAN %d (index out of range [1024]) and loses every event in flight: keep error bodies short",
                *(trigger.name, destination, verdict.code, len(verdict.body), LONGEST_ERROR),
            )
        return Failure(verdict.code, destination, verdict.body[:LONGEST_ERROR])

    async def _bury(self, delivery: "_Delivery", failure: Failure) -> None:
        """Hand a dead letter to the sink that the delivery names, with the delivery's retries; else it is lost."""
        name, event, sink = delivery.trigger.name, delivery.event, delivery.terms.dead_letter_sink
        if sink is None:
            log.error("trigger %s: event %s is lost: no dead-letter sink", name, event.attributes.get("id"))
            return
        letter = dead_letter(event, failure)
        verdict, _ = await self._try(delivery, sink.uri, letter, delivery.headers)
        if not verdict.delivered:
            lost = event.attributes.get("id")
            log.error("trigger %s: event %s is lost: the dead-letter sink answered %d", name, lost, verdict.code)


@dataclass(frozen=True)
class _Delivery:
    """An event on its way to one trigger's subscriber, and what held when it set out."""

    config: BrokerConfig
    trigger: Trigger
    event: Event
    headers: tuple[Header, ...]

    @property
    def terms(self) -> Delivery:
        return self.config.delivery_of(self.trigger)


def dead_letter(event: Event, failure: Failure) -> Event:
    """`event` as Knative's dispatcher hands it to a dead letter sink (kncloudevents/attributes/knative_error.go)."""
    if failure.destination is None:
        return event
    destination, code, data = ERRORS
    encoded = base64.b64encode(failure.body).decode()
    return event.with_attributes(**{destination: failure.destination, code: str(failure.code), data: encoded})


def _next_ttl(event: Event) -> int:
    """The TTL after this pass through the ingress: 255 at first, one less each time an event's reply comes back."""
    try:
        ttl = int(event.attributes[TTL]) - 1
    except (KeyError, ValueError):
        return FIRST_TTL
    if ttl <= 0:
        raise MalformedEvent("its knativebrokerttl is used up: events reply to each other without end")
    return ttl


def _now() -> str:
    nanoseconds = time.time_ns()
    seconds = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
    return f"{seconds:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 10**9:09d}Z"
