"""The server behind a proxy, as the proxy speaks to it."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tests.chaos.http1 import MAX_HEAD, Head, body, framed, has_body

BROKEN: Final = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)
"""What a peer that breaks off, or talks nonsense, comes to."""
_ABORT: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """A request; `path` has its query, `head` and `content` are as they came."""

    method: str
    path: str
    head: Head
    content: bytes

    @property
    def raw(self) -> bytes:
        """The request as it goes on."""
        return self.head.raw + self.content


class Upstream:
    """The server behind a proxy, with connections kept for the next request."""

    def __init__(self, url: str, authority: str | None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._tls = ssl.create_default_context(cadata=authority) if parts.scheme == "https" else None
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    @asynccontextmanager
    async def ask(self, request: Request) -> AsyncIterator[tuple[Head, AsyncIterator[bytes]]]:
        """Send a request; the head of its answer, and the parts of its body. Raises OSError and EOFError."""
        reader, writer, head = await self._head(request)
        try:
            yield head, self._parts(request, head, reader)
            if framed(request.method, head) and not head.closes:
                self._idle.append((reader, writer))
                return
        except BaseException:
            abort(writer)
            raise
        writer.close()

    async def cut(self, request: Request, size: int) -> None:
        """Send only the first `size` bytes of a request, and break off."""
        _, writer = await self._open()
        writer.write(request.raw[:size])
        await writer.drain()
        await asyncio.sleep(0.1)  # the server shall see what came before it sees the end
        abort(writer)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            abort(self._idle.pop()[1])

    async def _head(self, request: Request) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Head]:
        while self._idle:
            reader, writer = self._idle.pop()
            if reader.at_eof() or writer.is_closing():
                abort(writer)
                continue
            with suppress(*BROKEN):  # it was closed just now: nothing of the request was worked on
                writer.write(request.raw)
                return reader, writer, await self._answer(reader)
            abort(writer)
        reader, writer = await self._open()
        try:
            writer.write(request.raw)
            return reader, writer, await self._answer(reader)
        except BaseException:
            abort(writer)
            raise

    async def _answer(self, reader: asyncio.StreamReader) -> Head:
        while (head := await Head.read(reader)).status == 100:
            pass
        return head

    def _parts(self, request: Request, head: Head, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        return body(reader, head, until_close=True) if has_body(request.method, head) else _nothing()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=MAX_HEAD)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def abort(writer: asyncio.StreamWriter) -> None:
    """Close with a reset: what is still to be sent is thrown away."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    writer.transport.abort()
