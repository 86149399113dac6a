"""One at a time for each key, all at once for different ones, and nothing kept when nobody is there."""

import threading

import pytest

from shared.turns import Turns


def test_one_key_is_one_at_a_time() -> None:
    turns = Turns()
    inside: list[int] = []
    order: list[int] = []
    start = threading.Barrier(8)

    def go(number: int) -> None:
        start.wait(10)
        with turns.of("a"):
            inside.append(number)
            assert len(inside) == 1
            order.append(number)
            inside.pop()

    threads = [threading.Thread(target=go, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(order) == list(range(8)), "everybody had a turn, and nobody met another"


def test_different_keys_do_not_wait_for_each_other() -> None:
    """Both are inside at once: otherwise the barrier breaks."""
    turns, met = Turns(), threading.Barrier(2, timeout=10)

    def go(key: str) -> None:
        with turns.of(key):
            met.wait()

    threads = [threading.Thread(target=go, args=(key,)) for key in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not met.broken


def test_a_turn_ends_with_an_error_as_well() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.of("a"):
        raise ZeroDivisionError
    done = threading.Event()

    def go() -> None:
        with turns.of("a"):
            done.set()

    threading.Thread(target=go).start()
    assert done.wait(10)


def test_nothing_is_kept_of_those_who_left() -> None:
    """Memory is bounded by who is there, not by who ever was."""
    turns = Turns()
    for number in range(1000):
        with turns.of(number), turns.of(("another", number)):
            assert len(turns._locks) == 2
    assert turns._locks == {}
