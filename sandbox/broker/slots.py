"""The requests that one subscriber gets at a time, each over a connection of its own.

A pool that all requests share looks through all its connections at every request: with 32 of them that costs more than
the request itself. A slot's client has one connection, so there is nothing to look through.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import httpx

Connect = Callable[[], httpx.AsyncClient]

_KEPT: Final = 1.0
"""Seconds that an idle connection is used again; subscribers that close theirs earlier are noticed anyway."""


class Slots:
    """At most `size` at a time. Whoever waits between two tries must not hold one."""

    def __init__(self, size: int, connect: Connect) -> None:
        self._free = asyncio.Semaphore(size)
        self._connect = connect
        self._clients: list[httpx.AsyncClient] = []
        self._idle: list[httpx.AsyncClient] = []

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[httpx.AsyncClient]:
        """Wait for a slot and give its client, the one that was used last if several are idle."""
        async with self._free:
            client = self._idle.pop() if self._idle else self._opened()
            try:
                yield client
            finally:
                self._idle.append(client)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(client.aclose() for client in self._clients))

    def _opened(self) -> httpx.AsyncClient:
        client = self._connect()
        self._clients.append(client)
        return client


def connecting(transport: httpx.AsyncBaseTransport | None = None) -> Connect:
    """Return what makes a slot's client; it sends the headers that Go's client sends, and no others."""
    tls = ssl.create_default_context()
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEPT)

    def connect() -> httpx.AsyncClient:
        client = httpx.AsyncClient(transport=transport, limits=limits, verify=tls, timeout=None, trust_env=False)  # noqa: S113 - every try is timed as a whole
        client.headers.update({"User-Agent": "infraforge-sandbox-broker", "Accept-Encoding": "gzip"})
        for name in ("Accept", "Connection"):
            del client.headers[name]
        return client

    return connect
