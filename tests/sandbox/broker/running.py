"""A broker in this process: its ingress called as ASGI, its deliveries over real sockets or a transport's."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.broker.app import create_app
from sandbox.broker.config import BrokerConfig
from sandbox.broker.dispatcher import Dispatcher
from sandbox.broker.load import Bounds
from tests.sandbox.broker.subscriber import Answer

URL = "http://broker.test"
SINK = "http://dead.test/"
ONCE = {"retry": 0, "deadLetterSink": {"uri": SINK}}


@dataclass(frozen=True)
class Letter:
    """What came to the dead-letter sink."""

    id: str
    code: int
    """0 where it is not told, as the two below are empty then."""
    destination: str
    error: str
    headers: httpx.Headers


@dataclass
class Sink(httpx.AsyncBaseTransport):
    """Takes what is sent to `SINK` and passes everything else on."""

    further: httpx.AsyncBaseTransport
    letters: list[Letter] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer 202 for the sink."""
        if str(request.url) != SINK:
            return await self.further.handle_async_request(request)
        headers = request.headers
        error = base64.b64decode(headers.get("ce-knativeerrordata", "")).decode()
        code, destination = int(headers.get("ce-knativeerrorcode", 0)), headers.get("ce-knativeerrordest", "")
        self.letters.append(Letter(headers["ce-id"], code, destination, error, headers))
        return httpx.Response(202)

    async def aclose(self) -> None:
        """End what it passes on to."""
        await self.further.aclose()


@dataclass(frozen=True)
class Broker:
    """What a test sees of it."""

    client: httpx.AsyncClient
    dispatcher: Dispatcher
    letters: list[Letter]

    async def send(self, body: bytes = b'{"a":1}', **attributes: str) -> httpx.Response:
        """POST an event in the binary mode; attributes replace the usual ones."""
        event = {"id": "e", "source": "/src", "type": "io.example.claim", "specversion": "1.0", **attributes}
        headers = {"Content-Type": "application/json", **{f"Ce-{name.capitalize()}": event[name] for name in event}}
        return await self.client.post("/", content=body, headers=headers)


@asynccontextmanager
async def broker(
    config: dict[str, Any],
    *,
    bounds: Bounds | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Broker]:
    """Run one for the time of the block."""
    settings = BrokerConfig.model_validate(config)
    sink = Sink(transport) if transport else None
    app = create_app(lambda: settings, url=URL, bounds=bounds, transport=sink)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client,
    ):
        yield Broker(client, app.state.dispatcher, sink.letters if sink else [])


def trigger(name: str, uri: str, *, delivery: dict[str, Any] | None = None, **attributes: str) -> dict[str, Any]:
    """A trigger as `triggers.yaml` holds it."""
    document = {"name": name, "filter": {"attributes": attributes}, "subscriber": {"uri": uri}}
    return document if delivery is None else {**document, "delivery": delivery}


def answering(*answers: Answer) -> httpx.MockTransport:
    """Subscribers that answer with each of `answers` in turn, the last for ever."""
    queue = list(answers)

    def behaviour(_: httpx.Request) -> httpx.Response:
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        return httpx.Response(answer.status or 500, headers=answer.headers, content=answer.body)

    return httpx.MockTransport(behaviour)


async def settled(running: Broker) -> None:
    """Wait until nothing is under way."""
    async with asyncio.timeout(10):
        await running.dispatcher.settle()


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def main() -> None:
        await test()

    asyncio.run(main())
