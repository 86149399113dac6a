"""Threads that wait in line until one of them has written what all of them ask for."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from .transaction import Transaction

COMPANY = 2.0
"""Seconds after which a batch of several says nothing about the next one."""

Job = Callable[[Transaction], Any]


class Call:
    """One job of one thread. Its thread and the leader tell each other things under the line's lock."""

    def __init__(self, job: Job, scope: Sequence[str], lock: threading.RLock) -> None:
        self.scope = tuple(scope)
        self.leads = False
        self.is_over = False
        self.has_left = False
        self.turn: Transaction | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.changed = threading.Condition(lock)
        self._job = job

    def run(self, transaction: Transaction) -> None:
        """Do the job on a transaction that is this thread's for the moment, and keep what it returns or raises."""
        self.result = self.error = None
        try:
            self.result = self._job(transaction)
        except BaseException as error:  # noqa: BLE001 - raised to its own caller by `outcome`
            self.error = error

    def outcome(self) -> Any:
        """What the job returned, or raise what it raised or what befell the batch."""
        if self.error is not None:
            raise self.error
        return self.result


class Line:
    """Calls in order of arrival. The first leads: it takes those behind it along as a batch, and is part of it.

    A lone call goes at once. In company it first waits up to `gather` seconds for more, until `most`: when others wait
    already, or when the batch before, not longer than `COMPANY` seconds ago, had more than one call.
    """

    def __init__(self, gather: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._gather = gather
        self._most = most
        self._clock = clock
        self._lock = threading.RLock()
        self._arrived = threading.Condition(self._lock)
        self._waiting: list[Call] = []
        self._is_led = False
        self._company_until = clock()

    def __len__(self) -> int:
        """How many wait for a batch, those of the one under way not among them."""
        with self._lock:
            return len(self._waiting)

    def call(self, job: Job, scope: Sequence[str]) -> Call:
        """A call that is not in line yet."""
        return Call(job, scope, self._lock)

    def enter(self, call: Call) -> None:
        """Queue up; whoever finds nobody leading leads."""
        with self._lock:
            self._waiting.append(call)
            if not self._is_led:
                self._is_led = call.leads = True
            self._arrived.notify_all()

    def next_turn(self, call: Call) -> Transaction | None:
        """Wait until this call may run on a transaction; None when it leads instead, or is over."""
        with self._lock:
            call.changed.wait_for(lambda: call.leads or call.is_over or call.turn is not None)
            return None if call.leads or call.is_over else call.turn

    def leave(self, call: Call) -> None:
        """Go, whatever happened; the leader's place goes to whoever is first now."""
        with self._lock:
            call.has_left = True
            self.end_turn(call)
            if call in self._waiting:
                self._waiting.remove(call)
            if call.leads:
                call.leads = False
                self._is_led = bool(self._waiting)
                for following in self._waiting[:1]:
                    following.leads = True
                    following.changed.notify_all()

    def take(self) -> list[Call]:
        """The leader's batch, when it is time."""
        with self._lock:
            if len(self._waiting) > 1 or self._clock() < self._company_until:
                self._arrived.wait_for(lambda: len(self._waiting) >= self._most, self._gather)
            batch = self._waiting[: self._most]
            del self._waiting[: self._most]
            return batch

    def join(self, batch: Sequence[Call]) -> list[Call]:
        """Who has come since, as far as there is room in `batch`."""
        with self._lock:
            room = max(0, self._most - len(batch))
            late = self._waiting[:room]
            del self._waiting[:room]
            return late

    def served(self, batch: Sequence[Call]) -> None:
        """Remember whether there was company."""
        with self._lock:
            self._company_until = self._clock() + (COMPANY if len(batch) > 1 else 0)

    def give_turn(self, call: Call, transaction: Transaction) -> None:
        """Have the call's own thread run it, and wait until it has, even when interrupted."""
        with self._lock:
            if call.has_left:
                return
            call.turn = transaction
            call.changed.notify_all()
            try:
                call.changed.wait_for(lambda: call.turn is None)
            finally:
                call.changed.wait_for(lambda: call.turn is None)

    def end_turn(self, call: Call) -> None:
        """Give the transaction back."""
        with self._lock:
            call.turn = None
            call.changed.notify_all()

    def finish(self, call: Call, error: BaseException | None = None) -> None:
        """Hand out the call's own outcome, or `error` in its place."""
        with self._lock:
            call.error = error or call.error
            call.is_over = True
            call.changed.notify_all()
