"""A source in this process between a fake API server and a recording sink, all over real sockets."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from sandbox.source.app import create_app
from sandbox.source.config import SourcesConfig
from sandbox.source.kubeconfig import Cluster
from tests.sandbox.broker.subscriber import Answer, Behaviour, Subscriber
from tests.sandbox.source.api import Api

CLAIMS: dict[str, Any] = {
    "apiServerSources": [
        {"name": "claims", "resources": [{"apiVersion": "platform.infraforge.io/v1alpha1", "kind": "ApplicationClaim"}]}
    ]
}


def accepting(_path: str, _number: int) -> Answer:
    """A sink that takes everything, as a broker does."""
    return Answer(202)


@asynccontextmanager
async def source(
    api: Api, behaviour: Behaviour = accepting, config: dict[str, Any] | None = None, token: str | None = None
) -> AsyncIterator[tuple[Subscriber, httpx.AsyncClient]]:
    """The sink, and a client of the source's probe, for the time of the block."""
    async with api.running(), Subscriber(behaviour).running() as sink:
        cluster = Cluster(api.url, ssl.create_default_context(), token)
        app = create_app(SourcesConfig.model_validate(config or CLAIMS), cluster=cluster, sink=f"{sink.url}/")
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://source.test") as probe,
        ):
            yield sink, probe
