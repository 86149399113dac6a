"""Spans from an event's `traceparent` to the commit."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.tracing import COMMIT, Tracing, carried, trace_id, traceparent

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
PING = "dev.knative.sources.ping"

PARENTS: list[tuple[str, dict[str, str], dict[str, Any], str]] = [
    ("the request's", {"Traceparent": SAMPLED}, {}, SAMPLED),
    ("the event's own, where a transport lost the header", {}, {"traceparent": UNSAMPLED}, UNSAMPLED),
    ("the request's is the nearer one", {"traceparent": SAMPLED}, {"traceparent": UNSAMPLED}, SAMPLED),
    ("none", {}, {}, ""),
    ("one of no trace", {"traceparent": f"00-{'0' * 32}-{PARENT}-01"}, {}, ""),
    ("one of no span", {"traceparent": f"00-{TRACE}-{'0' * 16}-01"}, {}, ""),
    ("what is none, and would end up in a commit", {"traceparent": "00-\nClaim: x"}, {}, ""),
    ("a line after it", {"traceparent": f"{SAMPLED}\n"}, {}, ""),
    ("an attribute that is no text", {}, {"traceparent": 7}, ""),
    ("a broken one hides none", {"traceparent": "?"}, {"traceparent": SAMPLED}, SAMPLED),
]


@pytest.mark.parametrize(
    ("headers", "attributes", "expected"), [case[1:] for case in PARENTS], ids=[c[0] for c in PARENTS]
)
def test_where_a_trace_comes_from(headers: dict[str, str], attributes: dict[str, Any], expected: str) -> None:
    assert traceparent(headers, attributes) == expected


@pytest.mark.parametrize(("parent", "expected"), [(SAMPLED, TRACE), (UNSAMPLED, ""), ("", "")])
def test_only_a_trace_that_is_recorded_has_a_name(parent: str, expected: str) -> None:
    """Else a commit would name one that nobody can look up."""
    assert trace_id(parent) == expected


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Iterator[Tracing]:
    made = Tracing(exporter, "infraforge-probe")
    yield made
    made.close()


def spans(tracing: Tracing, exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    tracing.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_from_the_event_to_the_commit(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    with tracing.event(PING, "7", SAMPLED):
        with tracing.claim("ApplicationClaim/dev/dev-apps"):
            tracing.step("Fetch")
            tracing.commit("c" * 40)
        onwards = tracing.headers()
    found = spans(tracing, exporter)
    event, claim = found[f"{PING} process"], found["converge ApplicationClaim"]
    assert event.context and claim.context and event.parent and claim.parent
    assert (f"{event.context.trace_id:032x}", f"{event.parent.span_id:016x}") == (TRACE, PARENT)
    assert claim.parent.span_id == event.context.span_id
    assert claim.attributes == {
        "infraforge.claim.kind": "ApplicationClaim",
        "k8s.namespace.name": "dev",
        "infraforge.claim.name": "dev-apps",
        COMMIT: "c" * 40,
    }
    assert [one.name for one in claim.events] == ["Fetch"]
    assert onwards["traceparent"] == f"00-{TRACE}-{event.context.span_id:016x}-01"
    assert event.resource.attributes["service.name"] == "infraforge-probe"


def test_another_thread_goes_on(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """A resync looks at several claims at once."""

    def look(name: str) -> None:
        with tracing.claim(f"PlatformClaim/dev/{name}"):
            pass

    with tracing.event(PING, "7", SAMPLED), ThreadPoolExecutor(4) as pool:
        list(pool.map(carried(look), "abcdefgh"))
    tracing.close()
    traces = [f"{span.context.trace_id:032x}" for span in exporter.get_finished_spans() if span.context]
    assert traces == [TRACE] * 9


def test_what_is_not_sampled_is_not_sent(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    with tracing.event(PING, "7", UNSAMPLED), tracing.claim("PlatformClaim/dev/p"):
        pass
    assert spans(tracing, exporter) == {}


def test_an_event_without_a_trace_begins_one(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    with tracing.event(PING, "7", ""):
        pass
    assert spans(tracing, exporter)[f"{PING} process"].parent is None


def test_a_failure_is_in_the_span_and_goes_on(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ZeroDivisionError), tracing.event(PING, "7", SAMPLED):
        raise ZeroDivisionError
    assert spans(tracing, exporter)[f"{PING} process"].status.is_ok is False


def test_without_a_collector_there_are_none() -> None:
    """And each of these costs next to nothing."""
    tracing = Tracing.to(None, "infraforge-probe")
    with tracing.event(PING, "7", SAMPLED), tracing.claim("PlatformClaim/dev/p"):
        tracing.step("Fetch")
        tracing.commit("c" * 40)
        assert tracing.headers() == {}
    tracing.close()
