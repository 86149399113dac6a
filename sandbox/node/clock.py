"""Times as seconds since the epoch, and as Kubernetes writes them."""

from datetime import UTC, datetime


def written(seconds: float) -> str:
    """RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str | None) -> float | None:
    """The seconds of a written time; None of none."""
    return datetime.fromisoformat(text).timestamp() if text else None
