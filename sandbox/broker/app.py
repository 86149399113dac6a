"""The broker's HTTP side: the ingress, the probe, and a look at what it does.

::

    POST    / or /{namespace}/{name}         the ingress: 202, 400, 413, 503
    GET     /healthz                         ok
    GET     /-/status                        triggers, load, and the bounds of each subscriber

Nothing here asks for credentials: it listens on loopback.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
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
from sandbox.broker.load import Bounds, Load, Overloaded
from sandbox.broker.slots import connecting

_ALLOW: Final = {"Allow": "POST, OPTIONS"}


def create_app(
    current: Callable[[], BrokerConfig],
    *,
    url: str,
    bounds: Bounds | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """The broker as an ASGI application with its own lifespan; `url` is where it will be reached.

    `current` gives the configuration that holds at that moment.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        dispatcher = Dispatcher(current, connecting(transport), url.rstrip("/"), Load(bounds or Bounds()))
        app.state.dispatcher = dispatcher
        try:
            yield
        finally:
            await dispatcher.close()

    routes = [
        *(Route(path, _ingress, methods=["POST", "OPTIONS"]) for path in ("/", "/{namespace}/{name}")),
        Route("/healthz", lambda _: PlainTextResponse("ok\n")),
        Route("/-/status", _status),
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
    config, named = dispatcher.current(), request.path_params
    if named and (named["namespace"], named["name"]) != (config.namespace, config.name):
        return _refused(404, f"no broker {named['namespace']}/{named['name']} here")
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
    config = dispatcher.current()
    return JSONResponse(
        {
            "triggers": [
                trigger.model_dump(mode="json", by_alias=True, exclude_none=True) for trigger in config.triggers
            ],
            "delivery": config.delivery.model_dump(mode="json", by_alias=True, exclude_none=True),
            "underWay": {"deliveries": dispatcher.load.deliveries, "bytes": dispatcher.load.size},
            "bounds": {"deliveries": dispatcher.load.bounds.deliveries, "bytes": dispatcher.load.bounds.size},
        }
    )
