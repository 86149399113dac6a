"""Group commit: what many threads want written at once shares a fetch and a push.

::

    sha = writer.write(lambda transaction: transaction.commit(edits, message), scope=["environments/nonprod/dev"])

`calls` says who goes when.
"""

import copy
import random
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from shared.errors import InfraForgeError, PushRejected, TransientError

from .calls import Call, Line
from .paths import segments
from .refusals import PushDeclined
from .repository import Repository
from .transaction import Transaction

RESTARTS = 6
"""How often a batch begins again after a rejected push."""

FIRST_PAUSE = 0.1
"""Seconds before the first new beginning at most; doubled for each further one."""

LONGEST_PAUSE = 3.0
"""Seconds before any new beginning at most."""

REMEMBERED = 1000
"""Pushes that `pushed` knows of."""

_T = TypeVar("_T")
_NOTHING = "0" * 40


def _ignore(*_: object) -> None:
    """Nobody wants to be told."""


class Writer:
    """Writes to one repository, for the threads of one process; several writers on one repository do no harm.

    A lone job goes at once. In company its batch first waits up to `gather` seconds for more, until there are `most`:
    when others wait already, or when the batch before, at most 2 seconds ago, held more than one. Who comes later, but
    before the push, still joins. So claims that trickle in share pushes, and a single change pays nothing for it. There
    is no thread of its own: one of those that wait leads.

    `pause` sleeps for some seconds (between attempts). `on_step` is told each of `STEPS` by the leader, once an
    attempt; `on_push` the branch's commits before (None: there was no branch) and after each push that succeeded. What
    these raise goes to everybody in the batch.
    """

    STEPS: ClassVar[tuple[str, ...]] = ("Fetch", "Generate", "Push", "Pushed")

    def __init__(
        self,
        repository: Repository,
        *,
        gather: float = 0.25,
        most: int = 100,
        pause: Callable[[float], None],
        on_step: Callable[[str], None] = _ignore,
        on_push: Callable[[str | None, str], None] = _ignore,
    ) -> None:
        self._repository = repository
        self._line = Line(gather, most)
        self._pause = pause
        self._on_step = on_step
        self._on_push = on_push
        self._pushes: dict[tuple[str | None, str], None] = {}

    @property
    def waiting(self) -> int:
        """How many calls wait for the next batch."""
        return len(self._line)

    def pushed(self, before: str | None, after: str) -> bool:
        """Whether this process moved the branch from `before` (None or zeros: no branch) to `after` itself.

        Of the last 1,000 pushes. It says so from the moment that a push is sent: Gitea's delivery may be here before
        its answer, or come although the answer was lost. `after` is then the name of a commit that nobody else made.
        """
        return (None if before == _NOTHING else before, after) in self._pushes

    def write(self, job: Callable[[Transaction], _T], scope: Sequence[str] = ()) -> _T:
        """Run `job` in this thread on a transaction shared with others, and return its result once it is pushed.

        The job reads what it needs (`transaction.head` is the commit that its decision stands on), prepares commits and
        does not push. It may run several times, each time on a new head, and never calls `write`. `scope` are the
        paths it will look at, which are fetched for all jobs together.

        Raises what the job raises: its commits alone are undone then. Raises for all in the batch: what opening a
        transaction raises, GiteaUnavailable when the push got no answer (it may have happened: the next job sees), and
        PushRejected when others were faster every time. A push that Gitea looked at and declined is tried again in
        halves, so that only who is at fault gets Forbidden. A result that stands on nothing that is yet to be pushed is
        returned without waiting for the push. Raises ValueError for a bad path in `scope`.
        """
        for path in filter(None, scope):
            segments(path)
        call = self._line.call(job, scope)
        try:
            self._line.enter(call)
            while (turn := self._line.next_turn(call)) is not None:
                call.run(turn)
                self._line.end_turn(call)
            if call.leads:
                self._lead(call)
        finally:
            self._line.leave(call)
        outcome: _T = call.outcome()
        return outcome

    def _lead(self, own: Call) -> None:
        batch = self._line.take()
        try:
            self._serve(batch, own)
            self._line.served(batch)
        finally:
            for call in batch:
                if not call.is_over:  # a signal interrupted us
                    interrupted = TransientError("the write was interrupted; try again", reason="WriteInterrupted")
                    self._line.finish(call, interrupted)

    def _serve(self, calls: list[Call], own: Call, *, grows: bool = True) -> None:
        """Write for all of `calls`, and (`grows`) for whoever comes until the push; every one is over afterwards."""
        try:
            self._insist(calls, own, grows=grows)
        except Exception as error:  # noqa: BLE001 - raised to every caller
            left = _open(calls)
            if isinstance(error, PushDeclined) and len(left) > 1:
                middle = len(left) // 2
                self._serve(left[:middle], own, grows=False)
                self._serve(left[middle:], own, grows=False)
                return
            for call in left:
                self._line.finish(call, error if call is own else _copy(error))

    def _insist(self, calls: list[Call], own: Call, *, grows: bool) -> None:
        """Begin again at the fetch when somebody was faster: a prepared commit is never put on another head."""
        for restart in range(RESTARTS):
            try:
                self._attempt(calls, own, grows=grows, is_last=False)
            except PushRejected:
                longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**restart)
                self._pause(random.uniform(0, longest))  # noqa: S311 - to get out of step with others, no secret
            else:
                return
        self._attempt(calls, own, grows=grows, is_last=True)

    def _attempt(self, calls: list[Call], own: Call, *, grows: bool, is_last: bool) -> None:
        self._on_step("Fetch")
        with self._repository.transaction() as transaction:
            turn = _open(calls)
            transaction.look_ahead([path for call in turn for path in call.scope])
            self._on_step("Generate")
            while turn:
                for call in turn:
                    self._run(call, transaction, own)
                    if isinstance(call.error, PushRejected) and not is_last:
                        raise call.error
                    if not transaction.is_prepared:
                        self._line.finish(call)
                # There is work to be pushed: whoever came meanwhile reads the claim after the head, as all do.
                turn = self._line.join(calls) if grows and transaction.is_prepared else []
                calls += turn
                transaction.look_ahead([path for call in turn for path in call.scope])
            if transaction.is_prepared:
                self._push(transaction)
        for call in _open(calls):
            self._line.finish(call)

    def _run(self, call: Call, transaction: Transaction, own: Call) -> None:
        mark = transaction.mark()
        if call is own:
            call.run(transaction)
        else:
            self._line.give_turn(call, transaction)
        if call.error is not None or call.has_left:
            transaction.rollback(mark)

    def _push(self, transaction: Transaction) -> None:
        self._on_step("Push")
        before, after = transaction.head, transaction.tip
        if after is not None:
            self._pushes[before, after] = None
            for oldest in list(self._pushes)[:-REMEMBERED]:
                del self._pushes[oldest]
        transaction.push()
        self._on_step("Pushed")
        if after is not None and after != before:
            self._on_push(before, after)


def _open(calls: Sequence[Call]) -> list[Call]:
    return [call for call in calls if not call.is_over]


def _copy(error: Exception) -> Exception:
    """`error` for another thread: raising one object in several would mix up their traces."""
    if not isinstance(error, InfraForgeError):
        return error
    copied = copy.copy(error)
    copied.__cause__ = error
    return copied
