"""Times as Kubernetes writes them."""

from datetime import UTC, datetime, timedelta


def timestamp(after: timedelta = timedelta()) -> str:
    """Return now, or a time after it, as RFC 3339 in UTC, to the second."""
    return (datetime.now(UTC) + after).strftime("%Y-%m-%dT%H:%M:%SZ")


# Below each limit (in seconds), an age shows this unit, and the next smaller one if that is not empty.
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400
_STEPS = (
    (2 * _MINUTE, (1, "s"), None),
    (10 * _MINUTE, (_MINUTE, "m"), (1, "s")),
    (3 * _HOUR, (_MINUTE, "m"), None),
    (8 * _HOUR, (_HOUR, "h"), (_MINUTE, "m")),
    (2 * _DAY, (_HOUR, "h"), None),
    (8 * _DAY, (_DAY, "d"), (_HOUR, "h")),
    (2 * _YEAR, (_DAY, "d"), None),
)


def age(since: str, now: datetime) -> str:
    """Return how long ago `since` was, in kubectl's short form: `7s`, `2m3s`, `5h`, `3d`."""
    seconds = max(0, int((now - datetime.fromisoformat(since)).total_seconds()))
    for limit, (unit, letter), finer in _STEPS:
        if seconds < limit:
            rest = seconds % unit // finer[0] if finer else 0
            return f"{seconds // unit}{letter}" + (f"{rest}{finer[1]}" if finer and rest else "")
    return f"{seconds // _YEAR}y"
