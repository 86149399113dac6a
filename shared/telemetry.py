"""Logs and metrics: one JSON line a record on stderr, Prometheus counters on `/metrics`."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram


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
    """The metrics of one function, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("type", "outcome")
        self._events = Counter("infraforge_events", "Events by type and outcome.", labels, registry=self.registry)
        self._seconds = Histogram(
            "infraforge_event_seconds",
            "Seconds from an event's arrival to its answer.",
            ("type",),
            registry=self.registry,
        )
        self.commits = Counter("infraforge_commits", "Commits pushed to Gitea.", registry=self.registry)
        self.status_writes = Counter("infraforge_status_writes", "Statuses written.", registry=self.registry)

    @contextmanager
    def measure(self) -> Iterator[Outcome]:
        """Count and time one event; an exception that passes through becomes its outcome."""
        outcome, started, result = Outcome(), time.monotonic(), "ok"
        try:
            yield outcome
        except Exception as error:
            result = getattr(error, "reason", type(error).__name__)
            raise
        finally:
            self._events.labels(outcome.kind, result).inc()
            self._seconds.labels(outcome.kind).observe(time.monotonic() - started)
