"""Who goes when."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.git.calls import COMPANY, Call, Line

FOREVER = 600.0
"""Seconds to gather: who waits for company where none comes does not end in time."""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def enter(line: Line) -> Call:
    call = line.call(lambda transaction: None, ())
    line.enter(call)
    return call


def serve(line: Line, leader: Call, count: int) -> None:
    """The whole life of a batch of `count`."""
    batch = line.take()
    assert len(batch) == count
    assert batch[0] is leader
    line.served(batch)
    for call in batch:
        line.finish(call)
        line.leave(call)


def test_a_lone_call_waits_for_nobody(clock: Clock) -> None:
    line = Line(FOREVER, 10, clock)
    for _ in range(3):
        serve(line, enter(line), 1)


def test_several_wait_until_there_are_most(clock: Clock) -> None:
    line = Line(FOREVER, 3, clock)
    calls = [enter(line), enter(line)]
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(line.take)
        calls.append(enter(line))
        assert batch.result(30) == calls


def test_several_wait_for_the_time_to_gather_at_most(clock: Clock) -> None:
    line = Line(0.01, 3, clock)
    calls = [enter(line), enter(line)]
    assert line.take() == calls


def test_after_company_a_lone_call_waits_for_more(clock: Clock) -> None:
    """Since a burst trickles in; but not when the burst was long ago."""
    line = Line(FOREVER, 2, clock)
    leader, _ = enter(line), enter(line)
    serve(line, leader, 2)
    clock.now += COMPANY / 2
    following = enter(line)
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(line.take)
        other = enter(line)
        assert batch.result(30) == [following, other]
    line.served([following, other])
    for call in (following, other):
        line.leave(call)
    clock.now += COMPANY
    serve(line, enter(line), 1)


def test_the_first_that_waits_leads_next(clock: Clock) -> None:
    line = Line(0, 1, clock)
    first, second, third = enter(line), enter(line), enter(line)
    assert [call.leads for call in (first, second, third)] == [True, False, False]
    assert line.take() == [first]
    line.leave(first)
    assert [call.leads for call in (first, second, third)] == [False, True, False]
    assert len(line) == 2


def test_who_leaves_without_having_led_passes_it_on(clock: Clock) -> None:
    """A signal may end its wait: neither its place nor the others' turn is lost."""
    line = Line(0, 1, clock)
    first, second, third = enter(line), enter(line), enter(line)
    line.leave(second)
    line.leave(first)
    assert third.leads
    assert len(line) == 1
    line.leave(third)
    assert enter(line).leads


def test_a_turn_ends_when_its_thread_has_left(clock: Clock) -> None:
    """The leader does not wait for somebody who is gone, neither before nor in the middle."""
    line = Line(0, 2, clock)
    leader, follower = enter(line), enter(line)
    line.take()
    transaction = object()
    seen = threading.Event()

    def follow() -> None:
        assert line.next_turn(follower) is transaction
        seen.set()
        line.leave(follower)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(follow)
        line.give_turn(follower, transaction)  # type: ignore[arg-type] # only handed on
        done.result(30)
    assert seen.is_set()
    assert follower.has_left
    line.give_turn(follower, transaction)  # type: ignore[arg-type] # nobody takes it
    assert follower.turn is None
    line.leave(leader)
