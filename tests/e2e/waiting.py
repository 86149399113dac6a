"""Waiting for what is bound to happen in other processes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.1
"""Seconds between two looks at another process; nothing is timed by it."""


def until(look: Callable[[], T], what: str, seconds: float = 60) -> T:
    """The first true answer of `look`; an assertion fails when there is none in time, with the last one."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what} (last: {answer!r})"
        time.sleep(PAUSE)  # see above
    return answer
