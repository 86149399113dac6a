"""What is under way to each subscriber, and how much of it the broker holds at most."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from sandbox.broker.event import Event

OVERHEAD: Final = 8 * 1024
"""Bytes that a delivery takes beside its event's own (measured: its task, its timers, the event's dictionaries)."""


class Overloaded(Exception):
    """As much is under way as the broker may hold: answer 503."""


@dataclass(frozen=True)
class Bounds:
    """What the broker holds at most, whatever is sent to it: for each subscriber, so that none fills another's share.

    All in all that is `size` times the number of subscribers: 384 MiB for the three functions.
    """

    deliveries: int = 10_000
    """Events under way to one subscriber, counted once for each trigger that wants them."""
    size: int = 128 * 1024 * 1024
    """Bytes of those events, each with its `OVERHEAD`."""
    event: int = 8 * 1024 * 1024
    """Bytes of one event; the ingress answers 413 to more."""
    concurrency: int = 48
    """Requests at a time from each trigger to its subscriber."""


@dataclass
class Load:
    """What is under way now, by the subscriber's address."""

    bounds: Bounds
    _deliveries: Counter[str] = field(default_factory=Counter)
    _sizes: Counter[str] = field(default_factory=Counter)

    @property
    def deliveries(self) -> int:
        """How many deliveries there are to all subscribers."""
        return self._deliveries.total()

    @property
    def size(self) -> int:
        """How many bytes they take."""
        return self._sizes.total()

    def has_room(self, uri: str, event: Event, times: int) -> bool:
        """Whether `event` may be delivered to a subscriber so many times (once for each trigger)."""
        return (
            self._deliveries[uri] + times <= self.bounds.deliveries
            and self._sizes[uri] + times * _held(event) <= self.bounds.size
        )

    def begin(self, uri: str, event: Event) -> None:
        """Count a delivery."""
        self._deliveries[uri] += 1
        self._sizes[uri] += _held(event)

    def end(self, uri: str, event: Event) -> None:
        """Count it no longer."""
        self._deliveries[uri] -= 1
        self._sizes[uri] -= _held(event)


def _held(event: Event) -> int:
    return event.size + OVERHEAD
