"""A broker in this process: its ingress and admin API called as ASGI, its deliveries over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sandbox.broker.app import create_app
from sandbox.broker.config import BrokerConfig
from sandbox.broker.dispatcher import Dispatcher
from sandbox.broker.load import Bounds
from tests.sandbox.broker.subscriber import Answer

URL = "http://broker.test"
ONCE = {"retry": 0}


@dataclass(frozen=True)
class Broker:
    """What a test sees of it."""

    client: httpx.AsyncClient
    dispatcher: Dispatcher

    async def send(self, body: bytes = b'{"a":1}', **attributes: str) -> httpx.Response:
        """POST an event in the binary mode; attributes replace the usual ones."""
        event = {"id": "e", "source": "/src", "type": "io.example.claim", "specversion": "1.0", **attributes}
        headers = {"Content-Type": "application/json", **{f"Ce-{name.capitalize()}": event[name] for name in event}}
        return await self.client.post("/", content=body, headers=headers)


@asynccontextmanager
async def broker(
    config: dict[str, Any],
    data_dir: Path,
    *,
    bounds: Bounds | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Broker]:
    """Run one for the time of the block."""
    settings = BrokerConfig.model_validate(config)
    app = create_app(settings, data_dir=data_dir, url=URL, bounds=bounds, transport=transport)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client,
    ):
        yield Broker(client, app.state.dispatcher)


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


async def letters(running: Broker) -> list[dict[str, Any]]:
    """The admin API's list."""
    items: list[dict[str, Any]] = (await running.client.get("/-/dead-letters")).json()["items"]
    return items


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def main() -> None:
        await test()

    asyncio.run(main())
