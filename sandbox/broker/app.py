"""The broker's HTTP side: the ingress, the probe, and the admin API that `infraforge events` uses.

::

    POST    / or /{namespace}/{name}         the ingress: 202, 400, 413, 503
    GET     /healthz                         ok
    GET     /-/status                        triggers, load, and the bounds of each subscriber
    GET     /-/dead-letters?limit=&trigger=  {"total", "items"}: newest first, without data
    GET     /-/dead-letters/{id}             one letter with its event's data
    POST    /-/dead-letters/{id}/replay      to the trigger it failed at: 202; with ?wait=SECONDS its outcome: 200
    POST    /-/dead-letters/replay           all that are dead: 202
    DELETE  /-/dead-letters/{id}             204

Errors of the admin API are `{"error": …}`. Nothing here asks for credentials: it listens on loopback.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.broker.attempt import passed_on
from sandbox.broker.config import BrokerConfig
from sandbox.broker.dispatcher import Dispatcher
from sandbox.broker.event import MalformedEvent, read
from sandbox.broker.letters import Letters
from sandbox.broker.load import Bounds, Load, Overloaded
from sandbox.broker.slots import connecting

LONGEST_PAGE: Final = 1000
LONGEST_WAIT: Final = 600.0
_ALLOW: Final = {"Allow": "POST, OPTIONS"}


def create_app(
    config: BrokerConfig,
    *,
    data_dir: Path,
    url: str,
    bounds: Bounds | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """The broker as an ASGI application with its own lifespan; `url` is where it will be reached."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        data_dir.mkdir(parents=True, exist_ok=True)
        letters = Letters(data_dir / "dead-letters.sqlite")
        dispatcher = Dispatcher(config, letters, connecting(transport), url.rstrip("/"), Load(bounds or Bounds()))
        app.state.dispatcher = dispatcher
        try:
            yield
        finally:
            await dispatcher.close()
            letters.close()

    own = f"/{config.namespace}/{config.name}"
    routes = [
        *(Route(path, _ingress, methods=["POST", "OPTIONS"]) for path in ("/", own)),
        Route("/healthz", lambda _: PlainTextResponse("ok\n")),
        Route("/-/status", _status),
        Route("/-/dead-letters", _list),
        Route("/-/dead-letters/replay", _replay_all, methods=["POST"]),
        Route("/-/dead-letters/{id:int}", _letter, methods=["GET", "DELETE"]),
        Route("/-/dead-letters/{id:int}/replay", _replay, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def _dispatcher(request: Request) -> Dispatcher:
    dispatcher: Dispatcher = request.app.state.dispatcher
    return dispatcher


async def _ingress(request: Request) -> Response:
    """Source: broker/ingress/ingress_handler.go."""
    if request.method == "OPTIONS":
        return Response(headers={**_ALLOW, "WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"})
    dispatcher = _dispatcher(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > dispatcher.load.bounds.event:
            return _refused(413, f"the event is larger than {dispatcher.load.bounds.event} bytes")
    try:
        event = read(request.headers.raw, bytes(body))
        if event is None:
            return _refused(400, "not a CloudEvent: no ce-specversion header, no application/cloudevents+json body")
        dispatcher.accept(event, passed_on(request.headers.raw))
    except MalformedEvent as error:
        return _refused(400, f"not a valid CloudEvent: {error}")
    except Overloaded:
        return _refused(503, "too many events are under way: send it again later")
    return Response(status_code=202, headers=_ALLOW)


def _refused(status: int, message: str) -> Response:
    return PlainTextResponse(f"{message}\n", status, _ALLOW)


async def _status(request: Request) -> Response:
    dispatcher = _dispatcher(request)
    total, _ = dispatcher.letters.page(limit=0)
    return JSONResponse(
        {
            "triggers": [
                trigger.model_dump(mode="json", by_alias=True, exclude_none=True)
                for trigger in dispatcher.config.triggers
            ],
            "delivery": dispatcher.config.delivery.model_dump(mode="json", by_alias=True, exclude_none=True),
            "underWay": {"deliveries": dispatcher.load.deliveries, "bytes": dispatcher.load.size},
            "bounds": {"deliveries": dispatcher.load.bounds.deliveries, "bytes": dispatcher.load.bounds.size},
            "deadLetters": total,
        }
    )


async def _list(request: Request) -> Response:
    limit = request.query_params.get("limit", "100")
    if not limit.isascii() or not limit.isdigit():
        return _error(400, "limit is not a whole number")
    letters = _dispatcher(request).letters
    total, page = letters.page(limit=min(int(limit), LONGEST_PAGE), trigger=request.query_params.get("trigger"))
    return JSONResponse({"total": total, "items": [letter.document(with_data=False) for letter in page]})


async def _letter(request: Request) -> Response:
    identity, letters = request.path_params["id"], _dispatcher(request).letters
    if request.method == "DELETE":
        return Response(status_code=204) if letters.delete(identity) else _missing(identity)
    letter = letters.get(identity)
    return _missing(identity) if letter is None else JSONResponse(letter.document(with_data=True))


async def _replay(request: Request) -> Response:
    identity, dispatcher = request.path_params["id"], _dispatcher(request)
    try:
        wait = min(float(request.query_params.get("wait", "0")), LONGEST_WAIT)
        replay = dispatcher.replay(identity)
    except ValueError:
        return _error(400, "wait is not a number of seconds")
    except LookupError as error:
        return _error(409, str(error))
    except Overloaded:
        return _error(503, "too many events are under way: try again later")
    if replay is None:
        known = dispatcher.letters.get(identity) is not None
        return _error(409, "this dead letter is being replayed already") if known else _missing(identity)
    if wait <= 0:
        return JSONResponse({"id": str(identity), "state": "replaying"}, 202)
    await asyncio.wait({replay}, timeout=wait)
    letter = dispatcher.letters.get(identity)
    if letter is None:
        return JSONResponse({"id": str(identity), "state": "delivered"})
    return JSONResponse(letter.document(with_data=False), 202 if letter.state == "replaying" else 200)


async def _replay_all(request: Request) -> Response:
    dispatcher = _dispatcher(request)
    _, page = dispatcher.letters.page(limit=LONGEST_PAGE)
    replayed: list[str] = []
    skipped: list[str] = []
    for letter in reversed(page):
        try:
            started = dispatcher.replay(letter.id) is not None
        except (LookupError, Overloaded):
            started = False
        (replayed if started else skipped).append(str(letter.id))
    return JSONResponse({"replaying": replayed, "skipped": skipped}, 202)


def _missing(identity: int) -> Response:
    return _error(404, f"there is no dead letter {identity}")


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
