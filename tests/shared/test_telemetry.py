"""One JSON line a record, and metrics whose labels are bounded."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import GiteaUnavailable
from shared.telemetry import JsonFormatter, Metrics


def record(message: str, *arguments: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("shared.web", logging.WARNING, __file__, 1, message, arguments, None)
    vars(made).update(fields)
    return made


def test_a_record_is_one_line_of_json() -> None:
    line = JsonFormatter().format(record("claim %s:\n%s", "dev", "é\u2028\x1b[31m"))
    assert "\n" not in line
    entry = json.loads(line)
    assert entry["message"] == "claim dev:\né\u2028\x1b[31m"
    assert (entry["severity"], entry["logger"]) == ("WARNING", "shared.web")
    assert set(entry) == {"time", "severity", "logger", "message"}


def test_a_trace_is_in_the_same_line() -> None:
    try:
        int("detail")
    except ValueError:
        line = JsonFormatter().format(record("fault", exc_info=sys.exc_info()))
    assert "\n" not in line
    assert "ValueError: invalid literal" in json.loads(line)["trace"]


def test_what_a_process_logs() -> None:
    """Ours from INFO, the libraries' from WARNING, all on stderr; half a surrogate pair is no reason to be silent.

    In a process of its own, because logging is the process's.
    """
    program = (
        "import logging; from shared.telemetry import configure_logging; configure_logging();"
        "logging.getLogger('shared.x').info('ours \\ud800'); logging.getLogger('shared.x').debug('too much');"
        "logging.getLogger('functions.y').info('ours too'); logging.getLogger('urllib3').info('theirs');"
        "logging.getLogger('urllib3').warning('their warning')"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, check=True)
    assert run.stdout == b""
    messages = [json.loads(line)["message"] for line in run.stderr.decode().splitlines()]
    assert messages == ["ours \ud800", "ours too", "their warning"]


def test_an_event_is_counted_and_timed() -> None:
    metrics = Metrics()
    with metrics.measure() as outcome:
        outcome.kind = "dev.knative.sources.ping"
    labels = {"type": "dev.knative.sources.ping"}
    assert metrics.registry.get_sample_value("infraforge_events_total", labels | {"outcome": "ok"}) == 1
    assert metrics.registry.get_sample_value("infraforge_event_seconds_count", labels) == 1


FAILURES = [
    (GiteaUnavailable("m"), "GiteaUnavailable"),
    (GiteaUnavailable("m", reason="Special"), "Special"),
    (ZeroDivisionError("m"), "ZeroDivisionError"),
]


@pytest.mark.parametrize(("error", "outcome"), FAILURES, ids=[case[1] for case in FAILURES])
def test_a_failure_is_an_outcome_and_goes_on(error: Exception, outcome: str) -> None:
    metrics = Metrics()
    with pytest.raises(type(error)), metrics.measure():
        raise error
    labels = {"type": "unknown", "outcome": outcome}
    assert metrics.registry.get_sample_value("infraforge_events_total", labels) == 1


def test_two_functions_in_one_process_do_not_share_metrics() -> None:
    first, second = Metrics(), Metrics()
    first.commits.inc()
    assert second.registry.get_sample_value("infraforge_commits_total") == 0


def test_a_look_at_a_claim_is_timed() -> None:
    metrics = Metrics()
    with metrics.look("PlatformClaim"):
        pass
    with pytest.raises(GiteaUnavailable), metrics.look("PlatformClaim"):
        raise GiteaUnavailable("m")
    for outcome in ("ok", "GiteaUnavailable"):
        labels = {"kind": "PlatformClaim", "outcome": outcome}
        assert metrics.registry.get_sample_value("infraforge_claim_seconds_count", labels) == 1


def test_a_census_replaces_the_one_before() -> None:
    """A claim that is Ready now is no longer counted where it was."""
    metrics = Metrics()
    metrics.census("PlatformClaim", {("Ready", "False"): 2, ("Deployed", "Unknown"): 2})
    metrics.census("PlatformClaim", {("Ready", "True"): 2, ("Deployed", "Unknown"): 2})

    def counted(condition: str, status: str) -> float | None:
        labels = {"kind": "PlatformClaim", "condition": condition, "status": status}
        return metrics.registry.get_sample_value("infraforge_claims", labels)

    assert (counted("Ready", "False"), counted("Ready", "True"), counted("Deployed", "Unknown")) == (0, 2, 2)
    assert metrics.registry.get_sample_value("infraforge_resync_timestamp_seconds", {"kind": "PlatformClaim"})
