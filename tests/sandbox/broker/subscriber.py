"""An HTTP/1.1 server that writes down every arrival and answers as it is told, on a real socket.

It speaks HTTP by hand because it must also do what no framework does: close a connection, or never answer.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Arrival:
    """One request, with the headers' names as they were sent."""

    path: str
    at: float
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to say. `delay` seconds pass before it; without a status the connection is closed instead."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0


Behaviour = Callable[[str, int], Answer]
"""From the path and the number of the arrival there (from 0) to the answer."""


class Subscriber:
    """Every path is a subscriber of its own."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.arrivals: list[Arrival] = []
        self.url = ""
        self.connections = 0
        self._behaviour = behaviour
        self._changed = asyncio.Condition()

    def at(self, path: str) -> list[Arrival]:
        """The arrivals at `path`, in order."""
        return [arrival for arrival in self.arrivals if arrival.path == path]

    async def until(self, path: str, count: int, *, limit: float = 20.0) -> list[Arrival]:
        """Wait until `path` was called `count` times."""
        async with asyncio.timeout(limit), self._changed:
            await self._changed.wait_for(lambda: len(self.at(path)) >= count)
        return self.at(path)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Subscriber"]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the broker went away, as it may, or the test is over
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("Content-Length", "0")))
        path = first.split(" ")[1]
        answer = self._behaviour(path, len(self.at(path)))
        async with self._changed:
            self.arrivals.append(Arrival(path, time.monotonic(), headers, body))
            self._changed.notify_all()
        if answer.delay:
            await asyncio.sleep(answer.delay)  # a slow subscriber
        if answer.status is None:
            return False
        writer.write(_written(answer))
        await writer.drain()
        return True


def _written(answer: Answer) -> bytes:
    length = {} if answer.status in {204, 304} else {"Content-Length": str(len(answer.body))}
    lines = [f"{name}: {value}" for name, value in {**answer.headers, **length}.items()]
    return "\r\n".join([f"HTTP/1.1 {answer.status} Said", *lines, "", ""]).encode() + answer.body
