"""A broker in this process: its ingress and admin API called as ASGI, its deliveries over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sandbox.broker.app import create_app
from sandbox.broker.config import BrokerConfig
from sandbox.broker.dispatcher import Bounds, Dispatcher

URL = "http://broker.test"


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
