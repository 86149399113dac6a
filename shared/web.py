"""The HTTP side of a function: every answer the Broker, Gitea, a probe or a person can get.

The rules are Knative's (docs: knative.dev/docs/eventing/event-delivery): 2xx with a body that is not a CloudEvent is
a failure, 5xx is tried again, other 4xx goes to the dead letter, and an error body over 768 bytes takes the in-memory
channel's dispatcher down. So a success is empty or an event, and an error is one short line.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from flask import Request, Response
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]  # it publishes no types
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from shared import events
from shared.errors import InfraForgeError, InvalidEvent, TransientError
from shared.telemetry import Metrics
from shared.tracing import Tracing

MAX_ERROR_BODY: Final = 500
DISCARD_LIMITS: Final = 8
"""So many times the body limit is read and thrown away of a request that is too large."""

log = logging.getLogger(__name__)

Verify = Callable[[str], None]
"""Looks at a request's `Authorization`; raises `Unauthorized`, `WrongSender` or `TransientError`."""

Reply = tuple[dict[str, str], bytes]
"""Headers and body of a CloudEvent in the binary mode."""


class Unauthorized(InfraForgeError):
    """The request does not prove where it comes from."""


class WrongSender(InfraForgeError):
    """The request proves where it comes from, and that is not who may send events here."""


class PayloadTooLarge(InfraForgeError):
    """The body is larger than this function reads."""


class InvalidBody(InfraForgeError):
    """The body is not framed as HTTP has it, or its sender has gone."""


@dataclass(frozen=True)
class Endpoint:
    """A function's whole HTTP interface, called by functions-framework with each request.

    `react` converges what an event speaks of and may return a reply; `pings` name the dependencies and raise what is
    wrong with them; `notes` name what `/readyz` tells beside them, which is no fault; `routes` holds the further
    `(method, path)` pairs a function serves.
    """

    react: Callable[[events.Event], Reply | None]
    pings: Mapping[str, Callable[[], None]]
    metrics: Metrics
    body_limit: int
    max_waiting: int = 100
    """Events worked on or waiting at once, each holding at most `body_limit` bytes of its request."""
    routes: Mapping[tuple[str, str], Callable[[Request, bytes], Response]] = field(default_factory=dict)

    notes: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    parse: Callable[[Mapping[str, str], bytes], events.Event] = events.parse
    """The event in a request; what `react` is called with."""
    verify: Verify | None = None
    """Checks who sends an event, before anything of it is read; None where everybody may."""
    done: int = 204
    """The answer when there is nothing to say."""
    tracing: Tracing = field(default_factory=Tracing)

    _slots: threading.BoundedSemaphore = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_slots", threading.BoundedSemaphore(self.max_waiting))

    def __call__(self, request: Request) -> Response:
        """Answer one request; nothing that goes wrong in it escapes."""
        try:
            return self._route(request)
        except TransientError as error:
            log.warning("trying again later: %s: %s", error.reason, error)
            return _refusal(503, error, {"Retry-After": str(error.retry_after)})
        except InvalidEvent as error:
            return _refusal(400, error)
        except Unauthorized as error:
            return _refusal(401, error)
        except InvalidBody as error:
            return _unread(_refusal(400, error))
        except PayloadTooLarge as error:
            _discard(request, DISCARD_LIMITS * self.body_limit)
            return _unread(_refusal(413, error))
        except Exception:  # the boundary: a fault of ours is logged once, here, with its trace
            log.exception("a fault of ours")
            return Response("internal error: see the function's log\n", 500, mimetype="text/plain")

    def _route(self, request: Request) -> Response:
        if (request.method, request.path) == ("POST", "/"):
            return self._admitted(request)
        body = self._body(request)  # functions-framework reads it to its end, whatever the path: within bounds, then
        extra = self.routes.get((request.method, request.path))
        if extra is not None:
            return extra(request, body)
        match request.method, request.path:
            case "GET" | "HEAD", "/healthz":
                return _text(200, "ok")
            case "GET" | "HEAD", "/readyz":
                return self._readiness()
            case "GET" | "HEAD", "/metrics":
                return Response(generate_latest(self.metrics.registry), content_type=CONTENT_TYPE_LATEST)
            case _, path if path in self._methods():
                return _text(405, f"{request.method} is not served here", {"Allow": self._methods()[path]})
            case _:
                return _text(404, "nothing is served here: events go to POST /")

    def _admitted(self, request: Request) -> Response:
        """Work on the event if there is room; otherwise the Broker keeps it, and comes again."""
        refused = self._refused(request)
        if refused is not None:
            _discard(request, DISCARD_LIMITS * self.body_limit)
            return _unread(refused)
        if not self._slots.acquire(blocking=False):
            _discard(request, DISCARD_LIMITS * self.body_limit)
            full = TransientError(f"{self.max_waiting} events are being worked on: try again", reason="Busy")
            return _unread(_refusal(503, full, {"Retry-After": str(full.retry_after)}))
        try:
            return self._event(request)
        finally:
            self._slots.release()

    def _refused(self, request: Request) -> Response | None:
        """The answer to who may not send events; None for who may."""
        try:
            if self.verify is not None:
                self.verify(request.headers.get("Authorization", ""))
        except TransientError as error:
            log.warning("trying again later: %s: %s", error.reason, error)
            return _refusal(503, error, {"Retry-After": str(error.retry_after)})
        except Unauthorized as error:
            return _refusal(401, error, {"WWW-Authenticate": "Bearer"})
        except WrongSender as error:
            return _refusal(403, error)
        return None

    def _event(self, request: Request) -> Response:
        with self.metrics.measure() as outcome, self.metrics.in_flight.track_inprogress():
            event = self.parse(dict(request.headers), self._body(request))
            outcome.kind = event.type if event.type in events.KNOWN else "other"
            with self.tracing.event(event.type, event.id, event.traceparent):
                reply, trace = self.react(event), self.tracing.headers()
        if reply is None:
            return Response(status=self.done)
        headers, body = reply
        return Response(body, 200, headers | trace)

    def _body(self, request: Request) -> bytes:
        too_large = f"the body is larger than {self.body_limit} bytes"
        request.max_content_length = self.body_limit + 1  # where werkzeug cuts a chunked body off without a word
        try:
            body = request.get_data(cache=True)
        except RequestEntityTooLarge as error:
            raise PayloadTooLarge(too_large) from error
        except (OSError, BadRequest, ParseException) as error:  # gunicorn's reader, or another server's
            raise InvalidBody("the body does not end where its headers say") from error
        if len(body) > self.body_limit:
            raise PayloadTooLarge(too_large)
        return body

    def _readiness(self) -> Response:
        lines, status = [], 200
        for name, ping in self.pings.items():
            try:
                ping()
                lines.append(f"{name}: ok")
            except InfraForgeError as error:
                status = 503
                lines.append(f"{name}: {error.reason}: {error}"[:150])
        lines += [f"{name}: {note()}"[:150] for name, note in self.notes.items()]
        return _text(status, "\n".join(lines))

    def _methods(self) -> dict[str, str]:
        reads = dict.fromkeys(("/healthz", "/readyz", "/metrics"), "GET, HEAD")
        return reads | {path: method for method, path in self.routes} | {"/": "POST"}


def _refusal(status: int, error: InfraForgeError, headers: Mapping[str, str] | None = None) -> Response:
    return _text(status, f"{error.reason}: {error}", headers)


def _text(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    body = text.encode("utf-8", "replace")[: MAX_ERROR_BODY - 1].decode(errors="ignore") + "\n"
    return Response(body, status, dict(headers or {}), mimetype="text/plain")


def _discard(request: Request, most: int) -> None:
    """Read on in bounds, so that the sender hears the answer; a server that closes in its face is tried again."""
    if "wsgi.input_terminated" in request.environ:  # otherwise nobody says where the body ends
        stream = request.environ["wsgi.input"]
        with suppress(OSError, ParseException):  # nobody is left to hear it
            while most > 0 and (chunk := stream.read(min(most, 65536))):
                most -= len(chunk)


def _unread(response: Response) -> Response:
    """`response` in the form that functions-framework sends without reading the request to its end first.

    It reads every body again before it answers (`read_request`), which would fail here as it did before, and turn
    the answer into a 500. A streamed answer it leaves alone.
    """
    body = response.get_data()
    response.headers["Content-Length"] = str(len(body))
    response.response = iter((body,))
    return response
