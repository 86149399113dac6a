"""Cells: JSONPaths and ages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.apiserver.jsonpath import first
from sandbox.apiserver.timestamps import age

VALUE = {
    "spec": {"name": "x", "ports": [{"port": 80}, {"port": 443}], "labels": {"a.b/c": "d"}},
    "status": {"conditions": [{"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.name", "x"),
        (".spec.missing", None),
        (".spec.name.deeper", None),
        (".spec.ports[1].port", 443),
        (".spec.ports[-1].port", 443),
        (".spec.ports[9].port", None),
        (".spec.ports[*].port", 80),
        (r".spec.labels.a\.b/c", "d"),
        (".spec.labels['a.b/c']", "d"),
        ('.status.conditions[?(@.type=="Ready")].status', "True"),
        ("""(.status.conditions[?(@.type=='Other')].status)""", None),
        ('.status.conditions[?(@.type!="Ready")].status', "False"),
    ],
)
def test_jsonpath(path: str, found: Any) -> None:
    """The forms that printer columns use; what is not there is empty."""
    assert first(path, VALUE) == found


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (2 * 86400, "2d"),
        (2 * 86400 + 3600, "2d1h"),
        (9 * 86400, "9d"),
        (3 * 365 * 86400, "3y"),
    ],
)
def test_age(seconds: int, shown: str) -> None:
    """Ages as kubectl prints them."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert age((now - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ"), now) == shown
