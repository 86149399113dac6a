"""A resolver over a transport of the test's own, and what a registry answers there."""

import threading
from collections.abc import Callable

import httpx

from shared.oci import Credentials, HostPolicy, Resolver, parse
from tests.shared.oci.registries import DIGEST, INDEX, MANIFEST

IMAGE = parse("ghcr.io/acme/shop", "1.2.4")
Handler = Callable[[httpx.Request], httpx.Response]


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Script:
    """A transport that answers by a function and keeps what it was asked."""

    def __init__(self, handler: Handler) -> None:
        self.asked: list[httpx.Request] = []
        self._handler = handler
        self._lock = threading.Lock()
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.asked.append(request)
        return self._handler(request)

    @property
    def lines(self) -> list[str]:
        return [f"{one.method} {one.url.host}{one.url.path}" for one in self.asked]


def resolver(script: Script, clock: Clock | None = None, credentials: Credentials | None = None) -> Resolver:
    return Resolver(
        policy=HostPolicy(), credentials=credentials, transport=script.transport, clock=clock or Clock(), timeout=5.0
    )


def found(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"Docker-Content-Digest": DIGEST, "Content-Type": INDEX}, content=MANIFEST)


def failed(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"code": code, "message": "x"}]})


def answer(head: httpx.Response, get: httpx.Response, tags: httpx.Response | None = None) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/tags/list"):
            return tags or failed(404, "NAME_UNKNOWN")
        return head if request.method == "HEAD" else get

    return handler


NO = "ghcr.io/acme/shop:1.2.4 is not resolved: "
UNKNOWN = failed(404, "MANIFEST_UNKNOWN")
