"""The HTTP side: who is asking, health, discovery, OpenAPI documents and resources."""

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox.apiserver import discovery, errors
from sandbox.apiserver.access.attributes import Attributes, of_path, of_resource
from sandbox.apiserver.access.control import Access
from sandbox.apiserver.api import Api
from sandbox.apiserver.cluster import Cluster
from sandbox.apiserver.openapi import Documents
from sandbox.apiserver.rendering import accepted, dumps
from sandbox.apiserver.requests import Location, locate

log = logging.getLogger(__name__)

Json = dict[str, Any]
COLLECTED_AFTER: Final = 0.02
"""Seconds from a deletion to what the garbage collector makes of it, as seen beside a real ArgoCD."""
_HEALTH = ("/healthz", "/livez", "/readyz")
_KEYS: Final = "application/jwk-set+json"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Server:
    """One API server; `access` says who may do what on it."""

    def __init__(self, cluster: Cluster, access: Access, pod_logs: Path, *, log: bool) -> None:
        self._cluster = cluster
        self._access = access
        self._log = log
        self._documents = Documents(cluster.registry, cluster.types)
        self.api = Api(cluster, access, pod_logs)

    async def answer(self, request: Request) -> Response:
        """Answer any request; refusals become `Status` bodies."""
        started, user = time.perf_counter(), None
        wish: Attributes | None = None
        try:
            path = request.url.path.rstrip("/") or "/"
            if path in _HEALTH or path.startswith(tuple(f"{name}/" for name in _HEALTH)):
                response: Response = PlainTextResponse("ok")
            elif path == "/version":
                response = Response(json.dumps(discovery.VERSION, indent=2), media_type="application/json")
            else:
                location = locate(path)
                wish = _wish(request, path, location)
                user = self._access.user(request)
                self._access.check(user, wish)
                request.state.user, request.state.gate = user, self._access.gate(user, wish)
                response = await self._route(request, path, location)
        except errors.ApiError as error:
            response = _refusal(error)
        if user is not None and wish is not None:
            self._access.answered(user, wish, response.status_code)
        if self._log:
            took = (time.perf_counter() - started) * 1000
            who = user.name if user else "-"
            print(f"{who} {request.method} {request.url.path} {response.status_code} {took:.1f}ms", file=sys.stderr)
        return response

    async def _route(self, request: Request, path: str, location: Location | None) -> Response:
        if location is not None and location.plural:
            response = await self.api.respond(request, location)
        else:
            response = self._document(request, path) if request.method == "GET" else None
        return response or PlainTextResponse("404 page not found\n", 404)

    def _keys(self, accept: str) -> Response:
        # The real server has the keys in this form only, and a client that asks for plain JSON gets none.
        if not any(item["type"] in (_KEYS, "application/*", "*/*") for item in accepted(accept)):
            text = f"406: Not Acceptable\n\nAvailable representations: {_KEYS}"
            raise errors.ApiError(406, "NotAcceptable", text, {})
        return Response(dumps(self._access.tokens.keys()), media_type=_KEYS)

    def _document(self, request: Request, path: str) -> Response | None:
        registry, accept = self._cluster.registry, request.headers.get("accept", "")
        if path.startswith("/openapi/"):
            document = self._documents.get(path.removeprefix("/openapi/"), accept)
            return None if document is None else _cached(request, *document)
        version = discovery.wants_aggregated(accept)
        if path in ("/api", "/apis") and version:
            body = discovery.aggregated(registry, core=path == "/api", version=version)
            kind = f"application/json;g={discovery.AGGREGATED};v={version};as=APIGroupDiscoveryList"
            return _cached(request, dumps(body), kind)
        if path == "/openid/v1/jwks":
            return self._keys(accept)
        match path.strip("/").split("/"):
            case [".well-known", "openid-configuration"]:
                found: Json | None = self._access.tokens.configuration()
            case ["api"]:
                found = discovery.api_versions(request.url.netloc)
            case ["apis"]:
                found = discovery.group_list(registry)
            case ["apis", group]:
                found = discovery.group(registry, group)
            case ["api", version]:
                found = discovery.resource_list(registry, "", version)
            case ["apis", group, version]:
                found = discovery.resource_list(registry, group, version)
            case _:
                found = None
        return None if found is None else Response(dumps(found), media_type="application/json")


def _wish(request: Request, path: str, location: Location | None) -> Attributes:
    if location is not None and location.plural:
        return of_resource(request.method, location, request.query_params)
    return of_path(request.method, path)


def _refusal(error: errors.ApiError) -> Response:
    return Response(dumps(error.body()), error.code, media_type="application/json")


def _report(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        log.error("what ran beside the server stopped: a fault of its own", exc_info=fault)


async def _failed(_: Request, error: Exception) -> Response:
    """Answer what nobody foresaw as the real server does; Starlette also logs it with its traceback."""
    return _refusal(errors.ApiError(500, "InternalError", f"Internal error occurred: {error}"))


def _cached(request: Request, body: bytes, media_type: str) -> Response:
    tag = discovery.etag(body)
    headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "public"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    # Given as a header, because Starlette would add a charset to text.
    return Response(body, headers=headers | {"Content-Type": media_type})


def create_app(
    cluster: Cluster,
    access: Access,
    *,
    pod_logs: Path,
    log: bool = False,
    beside: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """Return the server as an ASGI application; `app.state.close_watches()` ends the open watches.

    `pod_logs` is where the logs of containers lie, if anybody runs some. `beside` runs for as long as the server does,
    in its event loop: the controllers of its workloads.
    """
    server = Server(cluster, access, pod_logs, log=log)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        cluster.later = partial(asyncio.get_running_loop().call_later, COLLECTED_AFTER)
        task = asyncio.ensure_future(beside()) if beside else None
        if task is not None:
            task.add_done_callback(_report)
        yield
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        cluster.settle()
        cluster.storage.close()
        access.close()

    routes = [Route("/{path:path}", server.answer, methods=_METHODS)]
    app = Starlette(routes=routes, exception_handlers={Exception: _failed}, lifespan=lifespan)
    app.state.close_watches = server.api.watches.close
    return app
