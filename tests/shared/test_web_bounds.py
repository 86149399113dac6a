"""How large a body may be, how many events are worked on at a time, and what becomes of those beyond."""

import io
import threading

import pytest
from flask import Response
from gunicorn.http.errors import InvalidChunkSize, NoMoreData  # type: ignore[import-untyped]  # it publishes no types
from werkzeug.test import TestResponse

from shared.errors import GiteaUnavailable
from shared.events import Event
from shared.web import DISCARD_LIMITS
from tests.shared.web import EVENT, LIMIT, assert_short, serve


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
            target=lambda: answers.append(client.application.test_client().post("/", headers=EVENT).status_code),
            daemon=True,
        )
        for _ in range(2)
    ]
    for post in posts:
        post.start()
    for _ in posts:
        assert held.inside.acquire(timeout=10)
    refusals: list[TestResponse] = []
    asking = threading.Thread(target=lambda: refusals.append(client.post("/", headers=EVENT)), daemon=True)
    asking.start()
    asking.join(10)
    assert refusals, "it waits for room"
    (refused,) = refusals
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
