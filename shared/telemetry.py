"""Logs and metrics: one JSON line a record on stderr, Prometheus counters on `/metrics`."""

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.conditions import DEPLOYED, READY

CENSUS: Final = (READY, DEPLOYED)
"""The conditions that claims are counted by."""


class JsonFormatter(logging.Formatter):
    """A record as one JSON object, for the collectors that clusters run."""

    def format(self, record: logging.LogRecord) -> str:
        """`{"time", "severity", "logger", "message"[, "trace"]}` on one line."""
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "severity": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging() -> None:
    """Send the log of this process to stderr, our own lines from INFO and the libraries' from WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in ("shared", "functions"):
        logging.getLogger(package).setLevel(logging.INFO)


@dataclass
class Outcome:
    """What became of one event, as its labels say it."""

    kind: str = "unknown"


class Metrics:
    """The metrics of one function, in a registry of their own. Labels take few values: no names of objects."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._events = Counter(
            "infraforge_events", "Events by type and outcome.", ("type", "outcome"), registry=registry
        )
        self._event_seconds = Histogram(
            "infraforge_event_seconds",
            "Seconds from an event's arrival to its answer, by type.",
            ("type",),
            registry=registry,
        )
        self._looks = Histogram(
            "infraforge_claim_seconds",
            "Seconds that a look at a claim took, by kind and outcome.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._claims = Gauge(
            "infraforge_claims",
            "Claims by kind, condition (Ready, Deployed) and its status, as the last resync met them.",
            ("kind", "condition", "status"),
            registry=registry,
        )
        self._resynced = Gauge(
            "infraforge_resync_timestamp_seconds", "When a resync last looked, by kind.", ("kind",), registry=registry
        )
        self.in_flight = Gauge("infraforge_events_in_flight", "Events being worked on or waiting.", registry=registry)
        self.commits = Counter("infraforge_commits", "Commits pushed to Gitea.", registry=registry)
        self.pushes = Counter("infraforge_pushes", "Pushes to Gitea; several commits may share one.", registry=registry)
        self.status_writes = Counter("infraforge_status_writes", "Statuses written.", registry=registry)

    @contextmanager
    def measure(self) -> Iterator[Outcome]:
        """Count and time one event; an exception that passes through becomes its outcome."""
        outcome, started, result = Outcome(), time.monotonic(), "ok"
        try:
            yield outcome
        except Exception as error:
            result = _reason(error)
            raise
        finally:
            self._events.labels(outcome.kind, result).inc()
            self._event_seconds.labels(outcome.kind).observe(time.monotonic() - started)

    @contextmanager
    def look(self, kind: str) -> Iterator[None]:
        """Time one look at a claim; `ok` also when the claim is told what is wrong with it."""
        started, result = time.monotonic(), "ok"
        try:
            yield
        except Exception as error:
            result = _reason(error)
            raise
        finally:
            self._looks.labels(kind, result).observe(time.monotonic() - started)

    def census(self, kind: str, found: Mapping[tuple[str, str], int]) -> None:
        """A resync met so many claims of `kind` with (condition, status)."""
        for condition in CENSUS:
            for status in ("True", "False", "Unknown"):
                self._claims.labels(kind, condition, status).set(found.get((condition, status), 0))
        self._resynced.labels(kind).set_to_current_time()


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", type(error).__name__))
