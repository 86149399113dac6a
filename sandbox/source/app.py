"""The sources at work, and the probe: GET /healthz is 200 while every watch is open, 503 otherwise."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox.source.config import ApiServerSource, PingSource, SourcesConfig, plural_of
from sandbox.source.kubeconfig import Cluster
from sandbox.source.sink import Sink, client
from sandbox.source.watch import OnChange, Watch

TYPES: Final = {
    "ADDED": "dev.knative.apiserver.resource.add",
    "MODIFIED": "dev.knative.apiserver.resource.update",
    "DELETED": "dev.knative.apiserver.resource.delete",
}
PING: Final = "dev.knative.sources.ping"

log = logging.getLogger(__name__)


def create_app(config: SourcesConfig, *, cluster: Cluster, sink: str) -> Starlette:
    """The sources as an ASGI application that works for as long as its lifespan."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with client() as to_sink, _api_client(cluster) as api:
            target = Sink(to_sink, sink)
            watches = [
                watch for source in config.api_server_sources for watch in _watches(source, api, cluster, target)
            ]
            app.state.watches = watches
            work = [watch.run() for watch in watches] + [ping(source, target) for source in config.ping_sources]
            tasks = [_started(each) for each in work]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    return Starlette(routes=[Route("/healthz", _healthz)], lifespan=lifespan)


async def ping(source: PingSource, sink: Sink) -> None:
    """Send the source's event at every tick, for ever. A tick that finds the last one still under way is lost."""
    attributes = {
        "type": PING,
        "source": f"/apis/v1/namespaces/{source.namespace}/pingsources/{source.name}",
        **source.ce_overrides.extensions,
    }
    loop = asyncio.get_running_loop()
    start, tick = loop.time(), 0
    while True:
        tick = max(tick + 1, int((loop.time() - start) // source.every) + 1)
        await asyncio.sleep(start + tick * source.every - loop.time())  # the schedule
        await sink.send(attributes, source.data, namespace=source.namespace)


def _watches(source: ApiServerSource, api: httpx.AsyncClient, cluster: Cluster, sink: Sink) -> list[Watch]:
    on_change = _telling(source, cluster, sink)
    return [
        Watch(api, resource.path(namespace), on_change, str(resource.selector))
        for resource in source.resources
        for namespace in source.namespaces or (None,)
    ]


def _telling(source: ApiServerSource, cluster: Cluster, sink: Sink) -> OnChange:
    """What makes an event of a change (adapter/apiserver/events/events.go)."""

    async def tell(change: str, about: dict[str, Any]) -> None:
        kind, api_version = about["kind"], about["apiVersion"]
        name, namespace = about["metadata"]["name"], about["metadata"].get("namespace", "")
        attributes = {
            "type": TYPES[change],
            "source": cluster.server,
            "subject": f"/apis/{api_version}/namespaces/{namespace}/{plural_of(kind)}/{name}",
            "kind": kind,
            "apiversion": api_version,
            "name": name,
            **({"namespace": namespace} if namespace else {}),
            **source.ce_overrides.extensions,
        }
        await sink.send(attributes, about, namespace=source.namespace)

    return tell


def _api_client(cluster: Cluster) -> httpx.AsyncClient:
    headers = {"Accept": "application/json", "User-Agent": "infraforge-sandbox-source"}
    if cluster.token:
        headers["Authorization"] = f"Bearer {cluster.token}"
    # A quiet watch is silent for minutes: only connecting and sending are timed.
    timeout = httpx.Timeout(10.0, read=None)
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(
        base_url=cluster.server, verify=cluster.tls, headers=headers, timeout=timeout, limits=limits, trust_env=False
    )


def _started(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()):
            log.error("a source stopped: a fault of its own", exc_info=fault)

    task.add_done_callback(ended)
    return task


async def _healthz(request: Request) -> Response:
    watches: list[Watch] = request.app.state.watches
    if shut := [watch.path for watch in watches if not watch.is_open]:
        return PlainTextResponse(f"no watch open: {', '.join(shut)}\n", 503)
    return PlainTextResponse("ok\n")
