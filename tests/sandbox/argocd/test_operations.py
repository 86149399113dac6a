"""Durations as Go writes them."""

import pytest

from sandbox.argocd.operations import seconds


@pytest.mark.parametrize(
    ("text", "found"),
    [("5s", 5), ("3m", 180), ("1m30s", 90), ("1h", 3600), ("1.5s", 1.5), ("250ms", 0.25), ("7", 7), ("", 2), (None, 2)],
)
def test_durations(text: str | None, found: float) -> None:
    assert seconds(text, 2.0) == found
