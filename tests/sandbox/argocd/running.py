"""An API server, a forge and the stand-in of ArgoCD in this process, for what the recording does not hold."""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import uvicorn
from starlette.types import ASGIApp

from sandbox.apiserver.cluster import Cluster
from sandbox.apiserver.storage import Storage
from sandbox.argocd.api import APPLICATION, APPLICATION_SET, PROJECT, SECRET, Api, Json, Kind
from sandbox.argocd.controller import ArgoCD, Settings
from sandbox.argocd.repositories import Addresses
from sandbox.source import kubeconfig
from sandbox.supervisor.cluster import argocd_definitions
from tests.sandbox.apiserver import inside
from tests.sandbox.timeline.forge import PASSWORD, USER, Forge

PUBLIC: Final = "http://gitea.test"
NAMESPACE: Final = "argocd"
DEPLOYMENT: Final = Kind("apps", "v1", "Deployment", "deployments", namespaced=True)
CONFIG_MAP: Final = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True)
_TOKEN: Final = "t0ken"
_LIMIT: Final = 20.0

Made = TypeVar("Made")


class Servers:
    """ASGI applications, served by one loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="servers", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], Made]) -> Made:
        """Run a function in the loop and return what it returns."""

        async def called() -> Made:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(_LIMIT)

    @contextlib.contextmanager
    def serving(self, app: ASGIApp, close: Callable[[], None] = lambda: None) -> Iterator[str]:
        """Serve on a free port; the address. `close` is called in the loop at the end."""
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on", access_log=False)
        server = uvicorn.Server(config)
        running = asyncio.run_coroutine_threadsafe(server.serve(), self._loop)
        until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            self._loop.call_soon_threadsafe(close)
            running.result(_LIMIT)

    def close(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LIMIT)
        self._loop.close()


@dataclass(frozen=True)
class World:
    """What a test acts on."""

    api: Api
    forge: Forge
    argocd: ArgoCD

    def application(self, name: str) -> Json:
        """An Application as it is now; empty when there is none."""
        return self.api.get(APPLICATION, NAMESPACE, name) or {}

    def status(self, name: str) -> tuple[str, str, str]:
        """Sync, health and operation phase."""
        status = self.application(name).get("status") or {}
        return (
            (status.get("sync") or {}).get("status", ""),
            (status.get("health") or {}).get("status", ""),
            (status.get("operationState") or {}).get("phase", ""),
        )

    def refresh(self, name: str) -> None:
        """Wish a refresh and wait until it is consumed."""
        wish = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        self.api.patch(APPLICATION, NAMESPACE, name, wish)
        until(lambda: "annotations" not in self.application(name).get("metadata", {}))


@contextlib.contextmanager
def world(
    servers: Servers,
    folder: Path,
    forge: Forge,
    mirrors: Mapping[str, str] | None = None,
    definitions: Iterable[Json] | None = None,
) -> Iterator[World]:
    """A new cluster with namespace `dev`, ArgoCD's project `default`, and its login for the forge.

    `definitions` are those of ArgoCD's kinds, if not the sandbox's.
    """
    folder.mkdir(parents=True)

    def build() -> Cluster:
        made = Cluster(Storage(folder / "objects.db", 4096))
        for name in (NAMESPACE, "dev"):
            made.ensure_namespace(name)
        for definition in definitions or argocd_definitions():
            made.ensure_crd(definition)
        return made

    app = inside.application(servers.call(build), _TOKEN, folder)
    with servers.serving(app, app.state.close_watches) as address:
        target = kubeconfig.Cluster(address, ssl.create_default_context(), _TOKEN)
        addresses = Addresses(PUBLIC, forge.endpoint)
        settings = Settings(target, folder / "clones", addresses, mirrors=dict(mirrors or {}), poll=3600)
        api = Api(target)
        api.create(SECRET, _login())
        with ArgoCD(settings) as argocd:
            until(lambda: api.get(PROJECT, NAMESPACE, "default") is not None)
            yield World(api, forge, argocd)
        api.close()


def application(name: str, source: Json, **spec: Any) -> Json:
    """An Application that syncs, prunes and heals by itself."""
    return {
        "apiVersion": APPLICATION.api_version,
        "kind": APPLICATION.kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
        "spec": {
            "project": "default",
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "dev"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
            **spec,
        },
    }


def application_set(name: str, spec: Json) -> Json:
    """A set with Go templates."""
    metadata = {"name": name, "namespace": NAMESPACE}
    wanted = {"goTemplate": True, "goTemplateOptions": ["missingkey=error"], **spec}
    return {
        "apiVersion": APPLICATION_SET.api_version,
        "kind": APPLICATION_SET.kind,
        "metadata": metadata,
        "spec": wanted,
    }


def git(path: str, repository: str = "argo/manifests", revision: str = "main") -> Json:
    """A source in the forge."""
    return {"repoURL": f"{PUBLIC}/{repository}.git", "targetRevision": revision, "path": path}


def folder_spec() -> Json:
    """The spec of a set that makes an Application of each folder in `apps`, with the chart of its name."""
    helm = {"releaseName": "{{ .path.basename }}", "valueFiles": ["$values/{{ .path.path }}/values.yaml"]}
    voltran = {"repoURL": f"{PUBLIC}/argo/voltran.git", "targetRevision": "main"}
    spec = application("", {})["spec"]
    del spec["source"]
    spec["sources"] = [{**git("{{ .path.basename }}", "argo/charts"), "helm": helm}, {**voltran, "ref": "values"}]
    generator = {"repoURL": voltran["repoURL"], "revision": "main", "directories": [{"path": "apps/*"}]}
    return {
        "generators": [{"git": generator}],
        "template": {"metadata": {"name": "{{ .path.basename }}"}, "spec": spec},
    }


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; fails when it does not come true."""
    deadline = time.monotonic() + _LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("not so in time")
        time.sleep(0.01)  # a condition of another thread, which offers nothing to wait on


def _login() -> Json:
    metadata = {"name": "forge", "namespace": NAMESPACE, "labels": {"argocd.argoproj.io/secret-type": "repo-creds"}}
    data = {"type": "git", "url": PUBLIC, "username": USER, "password": PASSWORD}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
