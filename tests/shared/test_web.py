"""Every answer of a function, through the Flask app that functions-framework makes."""

import logging

import pytest
from flask import Request, Response
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.errors import (
    Forbidden,
    GiteaUnavailable,
    InfraForgeError,
    InvalidClaim,
    InvalidEvent,
    KubeConflict,
    NotBootstrapped,
    PushRejected,
    RegistryUnavailable,
    TransientError,
)
from shared.events import Event
from shared.tracing import Tracing
from shared.web import Unauthorized
from tests.shared.web import EVENT, KNATIVE_CRASHES_ABOVE, LIMIT, React, assert_short, serve


def raising(error: Exception) -> React:
    def react(_: Event) -> None:
        raise error

    return react


def test_nothing_to_say_is_empty() -> None:
    """A 2xx with a body that is no event would be tried again."""
    answer = serve().post("/", headers=EVENT)
    assert (answer.status_code, answer.data) == (204, b"")


def test_a_reply_is_a_cloud_event() -> None:
    reply = ({"ce-type": "t", "ce-id": "i", "ce-source": "s", "ce-specversion": "1.0"}, b"{}")
    answer = serve(lambda _: reply).post("/", headers=EVENT)
    assert (answer.status_code, answer.data, answer.headers["ce-type"]) == (200, b"{}", "t")


ERRORS = [
    (InvalidEvent("no"), 400, "InvalidEvent: no\n", "another try brings the same bytes"),
    (Unauthorized("no"), 401, "Unauthorized: no\n", "a delivery that proves nothing"),
    (TransientError("later", reason="X"), 503, "X: later\n", "the Broker comes back"),
    (GiteaUnavailable("g"), 503, "GiteaUnavailable: g\n", "down"),
    (RegistryUnavailable("r"), 503, "RegistryUnavailable: r\n", "down"),
    (PushRejected("p"), 503, "PushRejected: p\n", "a race that was lost too often"),
    (KubeConflict("c"), 503, "KubeConflict: c\n", "409 here; as an answer it would look like an upstream's"),
    (ZeroDivisionError("secret"), 500, "internal error: see the function's log\n", "the text of a fault tells nothing"),
    (Forbidden("rbac"), 500, "internal error: see the function's log\n", "no status could record it"),
    (InvalidClaim("c"), 500, "internal error: see the function's log\n", "no status could record it"),
    (NotBootstrapped("c"), 500, "internal error: see the function's log\n", "no status could record it"),
]


@pytest.mark.parametrize(("error", "status", "body", "why"), ERRORS, ids=[type(case[0]).__name__ for case in ERRORS])
def test_what_escapes_from_a_reaction(error: Exception, status: int, body: str, why: str) -> None:
    answer = serve(raising(error)).post("/", headers=EVENT)
    assert (answer.status_code, answer.text) == (status, body), why
    assert_short(answer)


def test_retry_after() -> None:
    answer = serve(raising(TransientError("m", retry_after=17))).post("/", headers=EVENT)
    assert answer.headers["Retry-After"] == "17"


def test_a_fault_of_ours_is_logged_once_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    answer = serve(raising(ZeroDivisionError("the detail"))).post("/", headers=EVENT)
    records = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in records] == ["a fault of ours"]
    assert "ZeroDivisionError: the detail" in (records[0].exc_text or "")
    assert "the detail" not in answer.text


LONG = [
    (InvalidEvent("x" * 5000), "ASCII"),
    (TransientError("ä" * 600), "two bytes a character, cut in none"),
    (TransientError("€" * 600), "three bytes a character"),
    (TransientError("a😀" * 600), "four bytes a character, off by one"),
    (Unauthorized("\ud800" * 600), "half a surrogate pair has no bytes at all"),
    (TransientError("line\n" * 600), "many lines"),
]


@pytest.mark.parametrize(("error", "why"), LONG, ids=[case[1] for case in LONG])
def test_no_error_body_is_long(error: InfraForgeError, why: str) -> None:
    answer = serve(raising(error)).post("/", headers=EVENT)
    assert answer.status_code >= 400
    assert 400 < len(answer.data) <= KNATIVE_CRASHES_ABOVE, why
    assert answer.data.decode().endswith("\n")


def test_not_an_event() -> None:
    """A message that says what to send instead."""
    answer = serve().post("/", data=b"hello")
    assert answer.status_code == 400
    assert answer.text == (
        "InvalidEvent: not a CloudEvent: send the binary mode (ce-id, ce-source, ce-type and ce-specversion headers) "
        "or the structured mode (content type application/cloudevents+json with those attributes in the body)\n"
    )


METHODS = [
    ("GET", "/", 405, "POST"),
    ("HEAD", "/", 405, "POST"),
    ("PUT", "/", 405, "POST"),
    ("OPTIONS", "/", 405, "POST"),
    ("POST", "/healthz", 405, "GET, HEAD"),
    ("DELETE", "/metrics", 405, "GET, HEAD"),
    ("GET", "/webhook", 405, "POST"),
    ("POST", "/webhook", 202, None),
    ("GET", "/healthz", 200, None),
    ("HEAD", "/healthz", 200, None),
    ("HEAD", "/readyz", 200, None),
    ("HEAD", "/metrics", 200, None),
    ("POST", "/nowhere", 404, None),
    ("GET", "/healthz/", 404, None),
    ("GET", "/robots.txt", 404, None),
    ("GET", "/favicon.ico", 404, None),
]


@pytest.mark.parametrize(("method", "path", "status", "allowed"), METHODS)
def test_methods_and_paths(method: str, path: str, status: int, allowed: str | None) -> None:
    """Also the two paths that functions-framework answers by itself; nothing is long."""
    client = serve(routes={("POST", "/webhook"): lambda *_: Response(status=202)})
    answer = client.open(path, method=method, headers=EVENT)
    assert answer.status_code == status
    assert answer.headers.get("Allow") == allowed
    assert len(answer.data) <= KNATIVE_CRASHES_ABOVE or path == "/metrics"
    assert method != "HEAD" or answer.data == b""


def test_a_route_gets_the_body_and_its_errors_are_answered() -> None:
    def route(request: Request, body: bytes) -> Response:
        if body == b"bad":
            raise Unauthorized(f"{request.path} wants better")
        return Response(status=202)

    client = serve(routes={("POST", "/webhook"): route})
    assert client.post("/webhook", data=b"good").status_code == 202
    refused = client.post("/webhook", data=b"bad")
    assert (refused.status_code, refused.text) == (401, "Unauthorized: /webhook wants better\n")


def _down() -> None:
    raise GiteaUnavailable("Gitea does not answer: ConnectTimeout" + "x" * 1000)


def test_readyz_names_what_is_down() -> None:
    """For people: each dependency by name, in one bounded line."""
    answer = serve(pings={"kubernetes": lambda: None, "gitea": _down}).get("/readyz")
    assert answer.status_code == 503
    lines = answer.text.splitlines()
    assert lines[0] == "kubernetes: ok"
    assert lines[1].startswith("gitea: GiteaUnavailable: Gitea does not answer: ConnectTimeout")
    assert_short(answer)
    assert serve(pings={"kubernetes": lambda: None}).get("/readyz").text == "kubernetes: ok\n"


def test_what_is_off_is_told_and_no_fault() -> None:
    endpoint = serve(pings={"kubernetes": lambda: None}, notes={"render gate": lambda: "off: " + "x" * 200})

    answer = endpoint.get("/readyz")

    assert answer.status_code == 200
    assert answer.text == f"kubernetes: ok\nrender gate: off: {'x' * (150 - len('render gate: off: '))}\n"


def test_healthz_asks_nobody() -> None:
    """As a probe it must stay green when Gitea is down, or every pod would go just when a claim should say so."""
    answer = serve(pings={"gitea": _down}).get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_metrics_count_events_by_outcome() -> None:
    """An event type that we do not know is `other`: a label is no place for what a sender makes up."""

    def react(event: Event) -> None:
        if event.id == "bad":
            raise GiteaUnavailable("m")

    client = serve(react)
    client.post("/", headers=EVENT)
    client.post("/", headers=EVENT | {"ce-id": "bad"})
    client.post("/", headers=EVENT | {"ce-type": "made.up.by.somebody"})
    client.post("/", data=b"garbage")
    client.post("/", headers=EVENT, data=b"x" * (LIMIT + 1))
    text = client.get("/metrics").text
    for line in (
        'infraforge_events_total{outcome="ok",type="dev.knative.sources.ping"} 1.0',
        'infraforge_events_total{outcome="GiteaUnavailable",type="dev.knative.sources.ping"} 1.0',
        'infraforge_events_total{outcome="ok",type="other"} 1.0',
        'infraforge_events_total{outcome="InvalidEvent",type="unknown"} 1.0',
        'infraforge_events_total{outcome="PayloadTooLarge",type="unknown"} 1.0',
    ):
        assert line in text
    assert "made.up" not in text


def test_a_reply_carries_the_trace_on() -> None:
    """So that what the other functions do because of it is in the same trace."""
    tracing = Tracing(InMemorySpanExporter())
    trace, reply = "4bf92f3577b34da6a3ce929d0e0e4736", ({"ce-type": "t"}, b"")
    parent = f"00-{trace}-00f067aa0ba902b7-01"
    answer = serve(lambda _: reply, tracing=tracing).post("/", headers=EVENT | {"traceparent": parent})
    tracing.close()
    assert answer.headers["traceparent"].split("-")[1] == trace
    assert answer.headers["traceparent"] != parent
