"""The application: Gitea's routes, one line a request, and what it answers where it has nothing."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.gitea import accounts, changes, commits, contents, hooks, orgs, protections, refs, repositories, smart_http
from sandbox.gitea.answers import JsonAnswer, TextAnswer
from sandbox.gitea.auth import Identity, Unauthenticated, authenticate
from sandbox.gitea.call import Call, Endpoint
from sandbox.gitea.delivery import running
from sandbox.gitea.errors import ApiError, Moved, NotCovered, TextError
from sandbox.gitea.forge import Forge
from sandbox.gitea.plumbing import GitFailed
from sandbox.gitea.store import now

VERSION = "1.26.0+infraforge-sandbox"
_log = logging.getLogger(__name__)
# First parts of paths that a real Gitea serves below /api/v1: there, an unknown path is ours to be ashamed of.
_KNOWN = frozenset(
    (
        *("actions", "activitypub", "admin", "gitignore", "label", "licenses", "markdown", "markup", "nodeinfo"),
        *("notifications", "orgs", "packages", "repos", "repositories", "settings", "signing-key.gpg", "teams"),
        *("topics", "user", "users"),
    )
)
Handler = Callable[[Request], Awaitable[Response]]


async def get_version(call: Call) -> Response:
    """GET /version."""
    return JsonAnswer({"version": VERSION})


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/version", "misc", get_version),
    *accounts.ENDPOINTS,
    *orgs.ENDPOINTS,
    *repositories.ENDPOINTS,
    *hooks.ENDPOINTS,
    *contents.ENDPOINTS,
    *changes.ENDPOINTS,
    *commits.ENDPOINTS,
    *refs.ENDPOINTS,
    *protections.ENDPOINTS,
)
# Anonymous readers get as far as what is public.
_PUBLIC = ("/version", "/orgs/{org}", "/users/{name}", "/repos/", "/repositories/")


def create_app(
    data_dir: Path,
    root_url: str,
    *,
    administrator: tuple[str, str] | None = None,
    push_delay: float = 0.0,
    webhook_delay: float = 0.0,
    webhook_hosts: str = "loopback",
) -> Starlette:
    """The stand-in over `data_dir`; every address that it names begins with `root_url`.

    `administrator` is a name and a password, made or updated; delays are in seconds.
    """
    forge = Forge.open(
        data_dir, root_url, push_delay=push_delay, webhook_delay=webhook_delay, webhook_hosts=webhook_hosts
    )
    if administrator:
        forge.ensure_administrator(*administrator)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running(forge.deliveries):
            yield
        forge.store.close()

    app = Starlette(routes=routes(forge), lifespan=lifespan)
    app.state.forge = forge
    app.add_middleware(RequestLog)
    return app


def routes(forge: Forge) -> list[Route]:
    """Every route, the most specific first."""

    async def healthz(request: Request) -> Response:
        check = [{"status": "pass", "time": now()}]
        checks = {"cache:ping": check, "database:ping": check}
        return JsonAnswer({"status": "pass", "description": "sandbox", "checks": checks}, headers=_PLAIN_JSON)

    async def unknown(request: Request) -> Response:
        parts = request.url.path.split("/")
        if request.url.path.startswith("/api/v1/") and parts[3] in _KNOWN:
            return NotCovered(f"{request.method} {request.url.path}").answer(forge.payloads.root_url)
        if request.url.path.startswith("/api/"):
            return TextAnswer("404 page not found\n", 404, spaced=True)
        return TextAnswer("Not found. The Gitea stand-in has no web pages.\n", 404)

    def outside(serve: Callable[[Forge, Request], Awaitable[Response]]) -> Handler:
        async def handle(request: Request) -> Response:
            try:
                return await serve(forge, request)
            except TextError as error:
                return error.answer()

        return handle

    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in ENDPOINTS:
        by_path.setdefault(endpoint.path, []).append(endpoint)
    return [
        Route("/api/healthz", healthz, methods=["GET"]),
        *(_route(f"/api/v1{path}", api_handler(forge, endpoints)) for path, endpoints in by_path.items()),
        Route("/{owner}/{repo}/info/refs", outside(smart_http.serve), methods=["GET"]),
        Route(f"/{{owner}}/{{repo}}/{smart_http.UPLOAD}", outside(smart_http.serve), methods=["POST"]),
        Route(f"/{{owner}}/{{repo}}/{smart_http.RECEIVE}", outside(smart_http.serve), methods=["POST"]),
        Route("/{owner}/{repo}/raw/{kind}/{rest:path}", outside(refs.web_raw), methods=["GET"]),
        _route("/{path:path}", unknown),
    ]


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_PLAIN_JSON = {"content-type": "application/json"}


def _route(path: str, handler: Handler) -> Route:
    return Route(path, handler, methods=_METHODS)


def api_handler(forge: Forge, endpoints: Sequence[Endpoint]) -> Handler:
    """One path of the API: method, credentials, scope, and errors, in Gitea's order."""
    methods = {endpoint.method: endpoint for endpoint in endpoints}

    async def handle(request: Request) -> Response:
        endpoint = methods.get("GET" if request.method == "HEAD" else request.method)
        if endpoint is None and "misc" in {one.category for one in endpoints}:  # there, nothing is missing
            return Response(status_code=405, headers={"allow": ", ".join(methods)})
        try:
            if endpoint is None:
                raise NotCovered(f"{request.method} {request.url.path}")
            if "sudo" in request.headers or "sudo" in request.query_params:
                raise NotCovered("acting as another user (sudo)")
            identity = _identify(forge, request)
            _check(identity, endpoint)
            return await endpoint.handle(Call(forge, request, identity))
        except ApiError as error:
            return error.answer(forge.payloads.root_url)
        except GitFailed as error:
            _log.warning("%s %s: git: %s", request.method, request.url.path, error)
            return ApiError(500, "").answer(forge.payloads.root_url)
        except Moved as moved:
            body = f'<a href="{moved.location}">Moved Permanently</a>.\n\n'
            html = {"content-type": "text/html; charset=utf-8", "location": moved.location}
            return Response(body, 301, html)

    return handle


def _identify(forge: Forge, request: Request) -> Identity | None:
    try:
        return authenticate(forge.store, request.headers.get("authorization"))
    except Unauthenticated as error:
        raise ApiError(401, "invalid username, password or token") from error


def _check(identity: Identity | None, endpoint: Endpoint) -> None:
    """Refuse anonymous changes, a user who must choose a password first, and a token of too little scope."""
    reading = endpoint.method == "GET"
    if identity is None:
        if not reading or not endpoint.path.startswith(_PUBLIC):
            raise ApiError(401, "token is required")
        return
    if identity.user.must_change_password:
        raise ApiError(403, "You must change your password. Change it at: user/settings/change_password")
    if endpoint.category != "misc":
        identity.require(f"{'read' if reading else 'write'}:{endpoint.category}")


class RequestLog:
    """One line a request: method, path without its query, status, milliseconds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log it when it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except asyncio.CancelledError:  # the server stops; passed on, it would be logged with its whole trace
            _log.info("%s %s not finished: the server stops", scope["method"], scope["path"])
        finally:
            elapsed = (time.perf_counter() - started) * 1000
            _log.info("%s %s %d %.0f ms", scope["method"], scope["path"], status, elapsed)
