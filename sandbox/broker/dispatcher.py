"""From the ingress to the subscribers: fan-out, retries, replies and dead letters, within bounds.

Each matching trigger gets a task of its own, so there is no order among events, as with Knative's in-memory channel. A
task that waits for its next try holds no connection. Events live in memory only: those that are under way when the
process ends are lost, as in the real channel.
"""

import asyncio
import base64
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sandbox.broker.attempt import Header, Verdict, attempt
from sandbox.broker.config import BrokerConfig, Delivery, Trigger
from sandbox.broker.event import Event, MalformedEvent, validate
from sandbox.broker.letters import Failure, Letters
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


@dataclass
class Dispatcher:
    """Delivers accepted events. `url` is the broker's own address, which dead letters name."""

    config: BrokerConfig
    letters: Letters
    connect: Connect
    url: str
    load: Load
    _slots: dict[str, Slots] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, event: Event, headers: Iterable[Header] = ()) -> None:
        """Take `event` over, as the ingress does: stamp it and start its deliveries.

        Raises `MalformedEvent` (400) for an invalid event or one that replies to replies without end, and `Overloaded`
        (503) if no subscriber that it is for has room, both before anything was taken. If one has room and another
        does not, the one gets it and the other's is a dead letter: a subscriber that hangs holds up no one else.
        """
        validate(event)
        event = event.with_attributes(**{TTL: str(_next_ttl(event)), ARRIVAL: _now()})
        wanted: dict[str, list[Trigger]] = {}
        for trigger in self.config.triggers:
            if trigger.filter.passes(event.attributes):
                wanted.setdefault(trigger.subscriber.uri, []).append(trigger)
        full = {uri for uri, triggers in wanted.items() if not self.load.has_room(uri, event, len(triggers))}
        if wanted and len(full) == len(wanted):
            raise Overloaded
        for uri, triggers in wanted.items():
            for trigger in triggers:
                if uri in full:
                    self.letters.add(trigger.name, event, Failure(503, self.url, NO_ROOM, 0))
                else:
                    self._start(trigger, event, tuple(headers), letter=None)

    def replay(self, identity: int) -> asyncio.Task[None] | None:
        """Deliver a dead letter to its own trigger once more; None if it is not there or is being replayed.

        Raises `LookupError` if that trigger is no longer configured, and `Overloaded`.
        """
        letter = self.letters.get(identity)
        if letter is None:
            return None
        trigger = next((each for each in self.config.triggers if each.name == letter.trigger), None)
        if trigger is None:
            raise LookupError(f"the trigger {letter.trigger} is no longer configured")
        if not self.load.has_room(trigger.subscriber.uri, letter.event, 1):
            raise Overloaded
        if not self.letters.start_replay(identity):
            return None
        return self._start(trigger, letter.event, (), letter=identity)

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

    def _start(
        self, trigger: Trigger, event: Event, headers: tuple[Header, ...], *, letter: int | None
    ) -> asyncio.Task[None]:
        self.load.begin(trigger.subscriber.uri, event)
        task = asyncio.create_task(self._deliver(trigger, event, headers, letter))
        self._tasks.add(task)

        def finished(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self.load.end(trigger.subscriber.uri, event)
            if not task.cancelled() and (fault := task.exception()):
                log.error("trigger %s: a fault of the broker's own", trigger.name, exc_info=fault)

        task.add_done_callback(finished)
        return task

    async def _deliver(self, trigger: Trigger, event: Event, headers: tuple[Header, ...], letter: int | None) -> None:
        delivery = self.config.delivery_of(trigger)
        beside = (*headers, (b"Prefer", b"reply"))
        verdict, tries = await self._try(trigger, trigger.subscriber.uri, event.without(TTL), beside, delivery)
        failure = None if verdict.delivered else self._failure(trigger, verdict, tries)
        if verdict.reply is not None:
            failure = await self._reply(verdict, event, delivery)
        if letter is not None:
            self.letters.end_replay(letter, failure)
        elif failure is not None:
            await self._bury(trigger, event, failure, delivery, headers)

    async def _try(
        self, trigger: Trigger, uri: str, event: Event, headers: tuple[Header, ...], delivery: Delivery
    ) -> tuple[Verdict, int]:
        if trigger.name not in self._slots:
            self._slots[trigger.name] = Slots(self.load.bounds.concurrency, self.connect)
        slots = self._slots[trigger.name]
        filter_url = self.url + self.config.path_of(trigger)
        for tries in range(delivery.retry + 1):
            async with slots.taken() as client:
                # Written only now, and anew for each try: what waits is large enough as it is.
                wire = [*event.headers(), *headers, self._namespace()]
                verdict = await attempt(client, uri, wire, event.data, limit=delivery.limit(), filter_url=filter_url)
            if not verdict.retried or tries == delivery.retry:
                break
            await asyncio.sleep(delivery.pause(tries))  # the back-off that the trigger asks for
        return verdict, tries + 1

    async def _reply(self, verdict: Verdict, event: Event, delivery: Delivery) -> Failure | None:
        """Put a subscriber's reply back into the broker, with the TTL of what it replies to; says what went wrong."""
        if verdict.reply is None:
            return None
        reply = verdict.reply.with_attributes(**{TTL: event.attributes.get(TTL, str(FIRST_TTL))})
        for tries in range(delivery.retry + 1):
            try:
                self.accept(reply, verdict.reply_headers)
            except MalformedEvent as error:
                log.warning("a reply was refused by the broker: %s", error)
                return Failure(400, self.url, b"", tries + 1)
            except Overloaded:
                await asyncio.sleep(delivery.pause(tries))  # as above
            else:
                return None
        return Failure(503, self.url, b"", delivery.retry + 1)

    def _failure(self, trigger: Trigger, verdict: Verdict, tries: int) -> Failure:
        destination = trigger.subscriber.uri if verdict.by_subscriber else self.url + self.config.path_of(trigger)
        log.warning("trigger %s: given up after %d tries, last status %d", trigger.name, tries, verdict.code)
        if len(verdict.body) > LONGEST_ERROR:
            log.error(
                "trigger %s: %s answered %d with a body of %d bytes. THE IN-MEMORY CHANNEL OF A REAL KNATIVE CRASHES "
                "ON MORE THAN %d (index out of range [1024]) and loses every event in flight: keep error bodies short",
                *(trigger.name, destination, verdict.code, len(verdict.body), LONGEST_ERROR),
            )
        return Failure(verdict.code, destination, verdict.body[:LONGEST_ERROR], tries)

    async def _bury(
        self, trigger: Trigger, event: Event, failure: Failure, delivery: Delivery, headers: tuple[Header, ...]
    ) -> None:
        """Hand a dead letter to the sink, if the delivery names one, or else (or if that fails) to the store."""
        if delivery.dead_letter_sink is not None:
            letter = dead_letter(event, failure)
            verdict, _ = await self._try(trigger, delivery.dead_letter_sink.uri, letter, headers, delivery)
            if verdict.delivered:
                return
            log.warning("trigger %s: the dead letter sink answered %d: stored instead", trigger.name, verdict.code)
        self.letters.add(trigger.name, event, failure)

    def _namespace(self) -> Header:
        return b"Kn-Namespace", self.config.namespace.encode()


def dead_letter(event: Event, failure: Failure) -> Event:
    """`event` as Knative's dispatcher hands it to a dead letter sink (kncloudevents/attributes/knative_error.go)."""
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
