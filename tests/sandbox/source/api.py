"""An API server that has one resource and says exactly what a test lets it say, on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

END = "end"
CUT = "cut"


@dataclass(frozen=True)
class Asked:
    """A request: its path, its query's first values, its headers by lower-case name."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Api:
    """Lists are answered with the next of `versions` (the last for ever), watches with what was said to `say`."""

    def __init__(self, *versions: str) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.refusals: list[tuple[int, dict[str, Any]]] = []
        self._versions = list(versions)
        self._said: asyncio.Queue[bytes | str] = asyncio.Queue()
        self._changed = asyncio.Condition()

    @property
    def watches(self) -> list[Asked]:
        """The watch requests so far."""
        return [asked for asked in self.asked if asked.query.get("watch") == "true"]

    @property
    def lists(self) -> list[Asked]:
        """The list requests so far."""
        return [asked for asked in self.asked if "watch" not in asked.query]

    async def until_watched(self, times: int) -> Asked:
        """Wait for the watch request number `times` (from 1)."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.watches) >= times)
        return self.watches[times - 1]

    def say(self, kind: str, about: dict[str, Any]) -> None:
        """Send a watch event on the watch that is open or opens next."""
        self._said.put_nowait(json.dumps({"object": about, "type": kind}, ensure_ascii=False).encode() + b"\n")

    def finish(self, how: str = END) -> None:
        """End the watch as a server does, or `CUT` it off."""
        self._said.put_nowait(how)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Api"]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the source hung up, or the test is over
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip("\r\n").split("\r\n")
        url = urlsplit(first.split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        asked = Asked(url.path, {name: values[0] for name, values in parse_qs(url.query).items()}, headers)
        async with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()
        if self.refusals:
            status, body = self.refusals.pop(0)
            return await _answer(writer, status, body)
        if asked.query.get("watch") == "true":
            return await self._stream(writer)
        version = self._versions.pop(0) if len(self._versions) > 1 else self._versions[0]
        existing = [{"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "there-before", "resourceVersion": "1"}}]
        return await _answer(writer, 200, {"metadata": {"resourceVersion": version}, "items": existing})

    async def _stream(self, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        await writer.drain()
        while not isinstance(said := await self._said.get(), str):
            writer.write(f"{len(said):x}\r\n".encode() + said + b"\r\n")
            await writer.drain()
        if said == CUT:
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


async def _answer(writer: asyncio.StreamWriter, status: int, document: dict[str, Any]) -> bool:
    body = json.dumps(document).encode()
    writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    return True


def claim(name: str, version: int, **more: Any) -> dict[str, Any]:
    """An object of the watched resource."""
    metadata = {"name": name, "namespace": "dev", "resourceVersion": str(version)}
    return {"apiVersion": "platform.infraforge.io/v1alpha1", "kind": "ApplicationClaim", "metadata": metadata, **more}
