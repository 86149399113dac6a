"""Waiting for something that can be seen, and never for ever."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_POLL = 0.1


class NotInTime(Exception):
    """What was waited for did not come."""


def until(what: str, seen: Callable[[], T | None], *, seconds: float, pause: float = _POLL) -> T:
    """What `seen` returns as soon as it is true. Raises `NotInTime`, which says what it waited for."""
    deadline = time.monotonic() + seconds
    while not (found := seen()):
        if time.monotonic() > deadline:
            raise NotInTime(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(pause)  # another process has no other way to say it; nothing is timed by it
    return found
