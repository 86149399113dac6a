"""What is to be looked at: keys, each at most once at a time, now or later (client-go's delaying work queue)."""

import heapq
import threading
import time
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Agenda(Generic[Key]):
    """Thread-safe. A key that is added while somebody works on it comes again when that is done."""

    def __init__(self) -> None:
        self._ready: deque[Key] = deque()
        self._wanted: set[Key] = set()
        self._busy: set[Key] = set()
        self._later: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Ask for the key, after `delay` seconds at the latest; of two wishes for later the earlier holds."""
        with self._changed:
            if delay <= 0:
                self._want(key)
            else:
                at = time.monotonic() + delay
                if at >= self._due.get(key, float("inf")):
                    return
                self._due[key] = at
                self._count += 1
                heapq.heappush(self._later, (at, self._count, key))
            self._changed.notify()

    def take(self) -> Key | None:
        """The next key, waiting for one; None when the agenda is closed. `done` must follow."""
        with self._changed:
            while not self._closed:
                wait = self._ripen()
                if self._ready:
                    key = self._ready.popleft()
                    self._wanted.discard(key)
                    self._busy.add(key)
                    return key
                self._changed.wait(wait)
            return None

    def done(self, key: Key) -> None:
        """Say that the work on a key has ended."""
        with self._changed:
            self._busy.discard(key)
            if key in self._wanted:
                self._ready.append(key)
                self._changed.notify()

    def close(self) -> None:
        """Let everybody who waits go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def idle(self) -> bool:
        """Whether nothing is wanted now and nobody works."""
        with self._changed:
            self._ripen()
            return not self._wanted and not self._busy

    def _want(self, key: Key) -> None:
        if key not in self._wanted:
            self._wanted.add(key)
            if key not in self._busy:
                self._ready.append(key)

    def _ripen(self) -> float | None:
        """Move what is due to what is ready; the seconds until the next is due."""
        now = time.monotonic()
        while self._later:
            at, _, key = self._later[0]
            if self._due.get(key) != at:
                heapq.heappop(self._later)
            elif at <= now:
                heapq.heappop(self._later)
                del self._due[key]
                self._want(key)
            else:
                return at - now
        return None
