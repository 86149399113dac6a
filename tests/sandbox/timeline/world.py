"""One world: an API server, a forge and the stand-in of ArgoCD in this process, and what its objects went through."""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import uvicorn

from sandbox.apiserver.cluster import Cluster
from sandbox.apiserver.storage import Event, Storage
from sandbox.argocd.api import Kind
from sandbox.argocd.controller import ArgoCD, Settings
from sandbox.argocd.repositories import Addresses
from sandbox.source import kubeconfig
from sandbox.supervisor.cluster import argocd_definitions
from tests.sandbox.apiserver import inside
from tests.sandbox.timeline.charts import charts
from tests.sandbox.timeline.forge import Forge
from tests.sandbox.timeline.recording import Change
from tests.sandbox.timeline.stories import FOLLOWED, Name

Json = dict[str, Any]
Made = TypeVar("Made")

PUBLIC: Final = "http://gitea.test"
ARGOCD: Final = "argocd"
NAMESPACES: Final = (ARGOCD, "dev", "stage", "platform-services")
REFRESHES: Final = ("argocd.argoproj.io/refresh", "argocd.argoproj.io/application-set-refresh")
_PLURALS: Final = {kind: f"{kind.lower()}s" for kind in FOLLOWED}
_TOKEN: Final = "t0ken"
_LIMIT: Final = 25.0
_PAUSE: Final = 0.02
_CALM: Final = 4
"""So many looks in a row must find the world at rest: between a write and the watch that tells of it nobody is busy."""


class Loop:
    """An event loop in a thread, which all API servers share."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api servers", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], Made]) -> Made:
        """Run a function in the loop and return what it returns."""

        async def called() -> Made:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(_LIMIT)

    @contextlib.contextmanager
    def serving(self, cluster: Cluster, folder: Path) -> Iterator[str]:
        """Serve a cluster on a free port; the server's address."""
        app = inside.application(cluster, _TOKEN, folder)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on", access_log=False)
        server = uvicorn.Server(config)
        running = asyncio.run_coroutine_threadsafe(server.serve(), self._loop)
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            self._loop.call_soon_threadsafe(app.state.close_watches)
            running.result(_LIMIT)

    def close(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LIMIT)
        self._loop.close()


class World:
    """What the actions act on. `files` is the value repository beside the applications' folders."""

    def __init__(self, loop: Loop, cluster: Cluster, address: str, forge: Forge, argocd: ArgoCD) -> None:
        self._loop = loop
        self._cluster = cluster
        self.forge = forge
        self.argocd = argocd
        self.applications: dict[str, dict[str, str]] = {}
        self.files: dict[str, str] = {}
        self.case = ""
        self.seen: list[Change] = []
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        self.client = httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=_LIMIT)

        def follow() -> None:
            for kind, plural in _PLURALS.items():
                cluster.storage.subscribe(f"{plural}.argoproj.io", partial(self._heard, kind))

        loop.call(follow)

    def push(self) -> None:
        """Push the value repository as it is to be."""
        folders = {
            f"environments/nonprod/{environment}/applications/{name}/{'values.yaml' if text else '.keep'}": text
            for environment, applications in self.applications.items()
            for name, text in applications.items()
        }
        self.forge.push("argo/voltran", {"README.md": "values\n"} | folders | self.files)

    def objects(self) -> dict[Name, Json]:
        """The Applications and sets as they are now."""

        def read() -> dict[Name, Json]:
            return {
                (kind, key[1]): entry.object
                for kind, plural in _PLURALS.items()
                for key, entry in self._cluster.storage.entries(f"{plural}.argoproj.io")
            }

        return self._loop.call(read)

    def holds(self, kind: str, namespace: str, name: str) -> bool:
        """Whether the cluster has an object of a chart."""
        groups = {"Deployment": "deployments.apps", "ApplicationSet": "applicationsets.argoproj.io"}
        resource = groups.get(kind, f"{kind.lower()}s")
        return self._loop.call(lambda: self._cluster.storage.get(resource, (namespace, name)) is not None)

    def rest(self) -> None:
        """Wait until ArgoCD has nothing to do at once and nothing changes any more."""
        calm, revision = 0, -1
        deadline = time.monotonic() + _LIMIT
        while calm < _CALM:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.case}: no rest after {_LIMIT:.0f} s: {self.objects()}")
            time.sleep(_PAUSE)  # the stand-in offers nothing to wait on, being an ArgoCD: this polls a condition
            now = self._loop.call(lambda: self._cluster.storage.revision)
            still = now == revision and self.argocd.idle and self._heard_of_all() and not self._hastened()
            calm, revision = (calm + 1 if still else 0), now

    def _heard_of_all(self) -> bool:
        """Whether ArgoCD's own copies of all objects that it follows are up to date."""
        store = self.argocd.store
        followed = store.followed()
        copies = {kind: {_version(value) for value in store.objects(kind)} for kind in followed}

        def read() -> dict[Kind, set[str]]:
            names = {kind: f"{kind.plural}.{kind.group}" if kind.group else kind.plural for kind in followed}
            entries = self._cluster.storage.entries
            return {kind: {_version(entry.object) for _, entry in entries(name)} for kind, name in names.items()}

        return copies == self._loop.call(read)

    def _hastened(self) -> bool:
        """Whether a refresh that was asked for is still to come; a set that fails keeps its mark for good."""
        return any(
            name in (value["metadata"].get("annotations") or {}) and not _fails(value)
            for value in self.objects().values()
            for name in REFRESHES
        )

    def _heard(self, kind: str, event: Event) -> None:
        value = {"kind": kind, **event.entry.object}
        self.seen.append(Change(self.case, 0.0, event.type, value))


def _version(value: Json) -> str:
    return str(value["metadata"]["resourceVersion"])


def _fails(value: Json) -> bool:
    conditions = (value.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "ErrorOccurred" and one["status"] == "True" for one in conditions)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + _LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("not so in time")
        time.sleep(_PAUSE)  # polls a condition of another thread


@contextlib.contextmanager
def world(loop: Loop, folder: Path, forge: Forge) -> Iterator[World]:
    """A new world: the namespaces are there, the charts are pushed, nothing else."""
    folder.mkdir(parents=True)

    def build() -> Cluster:
        made = Cluster(Storage(folder / "objects.db", 4096))
        for name in NAMESPACES:
            made.ensure_namespace(name)
        for definition in argocd_definitions():
            made.ensure_crd(definition)
        return made

    cluster = loop.call(build)
    forge.push("argo/charts", charts())
    with loop.serving(cluster, folder) as address:
        target = kubeconfig.Cluster(address, ssl.create_default_context(), _TOKEN)
        settings = Settings(target, folder / "clones", Addresses(PUBLIC, forge.endpoint), poll=3600)
        with ArgoCD(settings) as argocd:
            made = World(loop, cluster, address, forge, argocd)
            try:
                yield made
            finally:
                made.client.close()


def secret(name: str, labels: Mapping[str, str], data: Mapping[str, str]) -> Json:
    """A Secret in ArgoCD's namespace."""
    metadata = {"name": name, "namespace": ARGOCD, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(data)}
