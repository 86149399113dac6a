"""A proxy in front of one server: it lets requests through, or does to them what a rule says, and counts that."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from tests.chaos.http1 import MAX_HEAD, Head, body, framed, plain
from tests.chaos.upstream import BROKEN, Request, Upstream, abort

T = TypeVar("T")


@dataclass
class Exchange:
    """A request and the client that waits for its answer."""

    request: Request
    client: asyncio.StreamWriter
    upstream: Upstream
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    reusable: bool = True

    async def forward(self, changes: Mapping[str, str | None] | None = None) -> None:
        """Pass the request on and the answer back, perhaps with other headers."""
        async with self.upstream.ask(self.request) as (head, parts):
            self.client.write(head.replaced(changes) if changes else head.raw)
            async for part in parts:
                self.client.write(part)
                await self.client.drain()
        await self.client.drain()
        self.reusable = framed(self.request.method, head)

    async def swallow(self) -> None:
        """Pass the request on, and throw the answer away."""
        async with self.upstream.ask(self.request) as (_, parts):
            async for _part in parts:
                pass

    async def answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        """Answer in the server's place."""
        self.client.write(plain(status, headers, b"" if self.request.method == "HEAD" else content))
        await self.client.drain()

    def reset(self) -> None:
        """Break the connection off, as a killed process's machine does."""
        self.reusable = False
        abort(self.client)


Fault = Callable[[Exchange], Awaitable[None]]


@dataclass
class Rule:
    """Does `fault` to a `share` of the requests that `when` picks, at most `limit` times, and counts `injected`."""

    fault: Fault
    when: Callable[[Request], bool] = lambda _: True
    share: float = 1.0
    limit: int | None = None
    injected: int = 0

    def takes(self, request: Request) -> bool:
        """Whether this request is hit; counts it then."""
        spent = self.limit is not None and self.injected >= self.limit
        if spent or not self.when(request) or random.random() >= self.share:  # noqa: S311 - chance, no secret
            return False
        self.injected += 1
        return True


class Loop:
    """An event loop in a thread of its own, for all proxies."""

    def __init__(self) -> None:
        self.ends: list[Callable[[], None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for end in self.ends:
            end()
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run in the loop and wait for the result, a minute at most."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next turn


@dataclass
class Proxy:
    """Listens on a port of the loopback interface for the server at `target`, whose certificate `authority` signed.

    `rules` are asked in order, the first that takes a request decides. `log` keeps every request while it is not None.
    """

    loop: Loop
    target: str
    authority: str | None = None
    rules: tuple[Rule, ...] = ()
    log: list[Request] | None = None
    seen: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _upstream: Upstream = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _current: dict[asyncio.Task[None], Request] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._upstream = Upstream(self.target, self.authority)
        self.loop.ends.append(self.down)
        self.up()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen, on the same port as before."""
        self.loop.run(self._listen())

    def down(self) -> None:
        """Refuse connections, and break off those that are open."""
        self.loop.run(self._shut())

    def cut(self, when: Callable[[Request], bool]) -> int:
        """Break off the requests under way that `when` picks; says how many."""
        return self.loop.run(self._cut(when))

    def open(self, when: Callable[[Request], bool]) -> int:
        """How many requests are under way that `when` picks."""
        return sum(when(request) for request in list(self._current.values()))

    @contextmanager
    def doing(self, *rules: Rule) -> Iterator[None]:
        """With these rules in front of the others."""
        before = self.rules
        self.rules = rules + before
        try:
            yield
        finally:
            self.rules = before

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=MAX_HEAD, backlog=1024, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._upstream.close()

    async def _cut(self, when: Callable[[Request], bool]) -> int:
        found = [task for task, request in self._current.items() if when(request)]
        for task in found:
            task.cancel()
        await asyncio.gather(*found, return_exceptions=True)
        return len(found)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._connection(reader, writer))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda task: self._current.pop(task, None))

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        with suppress(*BROKEN):
            await work

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                exchange = Exchange(await self._read(reader, writer), writer, self._upstream, self._spawn)
                task = asyncio.current_task()
                if task is not None:
                    self._current[task] = exchange.request
                await self._handle(exchange)
                if not exchange.reusable or exchange.request.head.closes:
                    break
        except BaseException:
            abort(writer)
            raise
        writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
        head = await Head.read(reader)
        if head.headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = Head(head.first, head.headers, head.replaced({"expect": None}))
        content = b"".join([part async for part in body(reader, head, until_close=False)])
        method, path, _ = head.first.split(" ", 2)
        return Request(method, path, head, content)

    async def _handle(self, exchange: Exchange) -> None:
        self.seen += 1
        if self.log is not None:
            self.log.append(exchange.request)
        rule = next((one for one in self.rules if one.takes(exchange.request)), None)
        if rule is not None:
            await rule.fault(exchange)
        else:
            await exchange.forward()
