"""Every answer of a function, through the Flask app that functions-framework makes."""

import io
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from flask import Request, Response
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidChunkSize, NoMoreData  # type: ignore[import-untyped]  # it publishes no types
from werkzeug.test import TestResponse

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
from shared.telemetry import Metrics
from shared.web import DISCARD_LIMITS, Endpoint, Reply, Unauthorized

LIMIT = 1000
KNATIVE_CRASHES_ABOVE = 500
"""Bytes of an error's body (ARCHITECTURE: how a function answers)."""

EVENT = {"ce-id": "1", "ce-source": "test", "ce-specversion": "1.0", "ce-type": "dev.knative.sources.ping"}
React = Callable[[Event], Reply | None]


def serve(react: React = lambda _: None, **fields: Any) -> FlaskClient:
    """A client of a function that reacts so."""
    endpoint = Endpoint(
        **{"react": react, "pings": {}, "metrics": Metrics(), "body_limit": LIMIT} | fields  # type: ignore[arg-type]  # a table's fields
    )
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]  # the library's
        "probe", str(Path(__file__).with_name("web_target.py")), "http"
    )
    app.config["ENDPOINT"] = endpoint
    client: FlaskClient = app.test_client()
    return client


def raising(error: Exception) -> React:
    def react(_: Event) -> None:
        raise error

    return react


def assert_short(answer: TestResponse) -> None:
    """Nothing that Knative's dispatcher would not survive, and nothing it would take for a failed success."""
    if 200 <= answer.status_code < 300:
        assert answer.data == b"" or "ce-type" in answer.headers
    else:
        assert len(answer.data) <= KNATIVE_CRASHES_ABOVE
        answer.data.decode()


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


@pytest.mark.parametrize("path", ["/", "/webhook", "/healthz", "/nowhere"])
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_a_body_over_the_limit(path: str, chunked: bool) -> None:
    """413 whatever the path: functions-framework reads any request to its end before it answers.

    It reads once more after us, which must not turn the answer into its own 500; and werkzeug cuts a chunked body off
    at the limit without a word.
    """
    client = serve(routes={("POST", "/webhook"): lambda _, body: Response(body)})
    body = b"x" * (LIMIT + 1)
    if chunked:
        stream = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
        answer = client.post(path, headers=EVENT | {"Transfer-Encoding": "chunked"}, environ_overrides=stream)
    else:
        answer = client.post(path, headers=EVENT, data=body)
    assert (answer.status_code, answer.text) == (413, "PayloadTooLarge: the body is larger than 1000 bytes\n")
    assert answer.headers["Content-Length"] == str(len(answer.data))


class Broken(io.RawIOBase):
    """A body that cannot be read to its end."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, _: object) -> int:
        raise self._error


UNFINISHED = [
    (InvalidChunkSize(b"zz"), "gunicorn's, of a chunk whose length is no number"),
    (NoMoreData(b""), "gunicorn's, of a sender that stops in the middle"),
    (ConnectionResetError("reset"), "the operating system's"),
]


@pytest.mark.parametrize("path", ["/", "/webhook", "/healthz"])
@pytest.mark.parametrize(("error", "why"), UNFINISHED, ids=[case[1] for case in UNFINISHED])
def test_a_body_that_does_not_end(path: str, error: Exception, why: str) -> None:
    """400, and it is not read once more by functions-framework, which would make a 500 of it."""
    client = serve(routes={("POST", "/webhook"): lambda _, body: Response(body)})
    stream = {"wsgi.input": Broken(error), "wsgi.input_terminated": True}
    answer = client.post(path, headers=EVENT, environ_overrides=stream)
    assert (answer.status_code, answer.text) == (
        400,
        "InvalidBody: the body does not end where its headers say\n",
    ), why


@pytest.mark.parametrize(("error", "why"), UNFINISHED, ids=[case[1] for case in UNFINISHED])
def test_a_body_that_does_not_end_while_all_are_busy(error: Exception, why: str) -> None:
    """What is thrown away may be as bad as what is read."""
    inside: list[int] = []

    def react(_: Event) -> None:
        stream = {"wsgi.input": Broken(error), "wsgi.input_terminated": True}
        inside.append(client.post("/", headers=EVENT, environ_overrides=stream).status_code)

    client = serve(react, max_waiting=1)
    assert client.post("/", headers=EVENT).status_code == 204
    assert inside == [503], why


def test_a_body_as_long_as_the_limit() -> None:
    assert serve().post("/", headers=EVENT, data=b"x" * LIMIT).status_code == 204


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


class Held:
    """A reaction that stays inside until it is let on."""

    def __init__(self) -> None:
        self.inside, self.on = threading.Semaphore(0), threading.Event()

    def __call__(self, _: Event) -> None:
        self.inside.release()
        assert self.on.wait(10)


class Counted(io.BytesIO):
    """A body without end that counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size >= 0, "nobody reads to the end of what has none"
        self.taken += size
        return b"x" * size


def test_a_full_house_keeps_nobody_waiting() -> None:
    """503 with Retry-After for the one event too many; probes are answered meanwhile, and then events again."""
    held = Held()
    client = serve(held, max_waiting=2)
    answers: list[int] = []
    posts = [
        threading.Thread(
            target=lambda: answers.append(client.application.test_client().post("/", headers=EVENT).status_code)
        )
        for _ in range(2)
    ]
    for post in posts:
        post.start()
    for _ in posts:
        assert held.inside.acquire(timeout=10)
    refused = client.post("/", headers=EVENT)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.text == "Busy: 2 events are being worked on: try again\n"
    assert_short(refused)
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code == 200, path
    held.on.set()
    for post in posts:
        post.join(10)
    assert answers == [204, 204]
    assert client.post("/", headers=EVENT).status_code == 204, "there is room again"


def test_room_is_given_back_after_every_end() -> None:
    """A failure, a fault, a body too large, garbage: none of them keeps its place."""
    failures = iter([GiteaUnavailable("g"), ZeroDivisionError("ours")])

    def react(_: Event) -> None:
        for failure in failures:
            raise failure

    client = serve(react, max_waiting=1)
    statuses = [client.post("/", headers=EVENT).status_code for _ in range(2)]
    statuses += [client.post("/", headers=EVENT, data=b"x" * (LIMIT + 1)).status_code]
    statuses += [client.post("/", data=b"garbage").status_code, client.post("/", headers=EVENT).status_code]
    assert statuses == [503, 500, 413, 400, 204]


def test_a_refused_events_body_is_read_in_bounds() -> None:
    """It is thrown away, so that the sender hears the answer, but not without end."""
    held = Held()
    client = serve(held, max_waiting=1)
    first = threading.Thread(target=lambda: client.application.test_client().post("/", headers=EVENT))
    first.start()
    assert held.inside.acquire(timeout=10)
    body = Counted()
    stream = {"wsgi.input": body, "wsgi.input_terminated": True}
    refused = client.post("/", headers=EVENT | {"Transfer-Encoding": "chunked"}, environ_overrides=stream)
    held.on.set()
    first.join(10)
    assert refused.status_code == 503
    assert body.taken == DISCARD_LIMITS * LIMIT


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
