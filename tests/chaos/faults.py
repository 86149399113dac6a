"""What a proxy can do to a request."""

import asyncio
import re
import threading
from collections.abc import Mapping
from types import MappingProxyType

from tests.chaos.http1 import Head
from tests.chaos.proxy import Exchange, Fault
from tests.chaos.upstream import Request

_NONE: Mapping[str, str] = MappingProxyType({})


def answer(status: int, content: bytes = b"", headers: Mapping[str, str] = _NONE) -> Fault:
    """Answer in the server's place, which never hears of the request."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(status, headers, content)

    return fault


def delay(seconds: float) -> Fault:
    """Let the request through later."""

    async def fault(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)  # the fault itself
        await exchange.forward()

    return fault


def later(seconds: float, status: int = 202) -> Fault:
    """Say yes at once, and let the request through later, when others have overtaken it."""

    async def deliver(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)  # the fault itself
        await exchange.swallow()

    async def fault(exchange: Exchange) -> None:
        exchange.spawn(deliver(exchange))
        await exchange.answer(status, {}, b"")

    return fault


async def twice(exchange: Exchange) -> None:
    """Let the request through two times, at the same time."""
    exchange.spawn(exchange.swallow())
    await exchange.forward()


async def reset_in_request(exchange: Exchange) -> None:
    """Let half of the request's body through, and break off on both sides."""
    request = exchange.request
    await exchange.upstream.cut(request, len(request.head.raw) + len(request.content) // 2)
    exchange.reset()


async def lose_answer(exchange: Exchange) -> None:
    """Let the server do what it was asked, and break off instead of its answer."""
    await exchange.swallow()
    exchange.reset()


async def refuse(exchange: Exchange) -> None:
    """Break off at once."""
    exchange.reset()


def changed(headers: Mapping[str, str | None]) -> Fault:
    """Pass the answer back with other headers."""

    async def fault(exchange: Exchange) -> None:
        await exchange.forward(headers)

    return fault


class Gate:
    """Holds a request until it is opened, and tells when one is there. Opens by itself after `limit` seconds."""

    def __init__(self, limit: float = 60.0) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()
        self._limit = limit

    def open(self) -> None:
        """Let go."""
        self._open.set()

    async def __call__(self, exchange: Exchange) -> None:
        """The fault."""
        self.reached.set()
        await asyncio.to_thread(self._open.wait, self._limit)
        await exchange.forward()


def paged(size: int) -> Fault:
    """Let a list through with smaller pages than it asked for."""

    async def fault(exchange: Exchange) -> None:
        request = exchange.request
        raw = re.sub(rb"limit=\d+", b"limit=%d" % size, request.head.raw, count=1)
        head = Head(request.head.first, request.head.headers, raw)
        exchange.request = Request(request.method, request.path, head, request.content)
        await exchange.forward()

    return fault
