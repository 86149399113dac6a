"""The sandbox's processes with a proxy on every line between them.

::

    API server ─► watch ─► source ─► broker ─► events[function] ─► function ─► kube ─► API server
                                                                     ├─► gitea ─► Gitea
                                                                     └─► registry ─► registry   (and elsewhere)
"""

import base64
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import httpx
import yaml

from sandbox.supervisor import accounts, chart, cluster, knative, ports
from sandbox.supervisor.components import (
    APISERVER,
    BROKER,
    FUNCTIONS,
    GITEA,
    PACKAGES,
    REGISTRY,
    SOURCE,
    Blueprint,
    Component,
    Launch,
)
from sandbox.supervisor.directory import DataDirectory, write_private
from sandbox.supervisor.environment import base
from sandbox.supervisor.logs import tail
from sandbox.supervisor.options import Options
from sandbox.supervisor.process import Process, identify, spawn
from sandbox.supervisor.startup import Startup, Step
from sandbox.supervisor.wake import wake
from tests.chaos.cluster import Cluster
from tests.chaos.fleet import IMAGES, SERVED, SPARE, TAGS
from tests.chaos.ledger import Ledger
from tests.chaos.proxy import Loop, Proxy

TRAPPED: Final = Path(__file__).with_name("function.py")
ORGANIZATION: Final = "platform"
NOBODY: Final = "http://127.0.0.1:1"
_OUTSIDE: Final = (APISERVER, GITEA, REGISTRY)
_NEVER: Final = 86_400
_GRACE: Final = 10.0


@dataclass(frozen=True)
class Limits:
    """Seconds that a function waits for what it asks, and leaves a registry alone that did not answer."""

    timeout: float
    registry_timeout: float = 2.0
    registry_cool_down: float = 10.0


@dataclass(frozen=True)
class Lines:
    """The proxies that one process of a function speaks through, and the one through which it is spoken to."""

    kube: Proxy
    gitea: Proxy
    registry: Proxy


class World:
    """Everything that runs. `start` it, and `stop` it whatever happened."""

    cluster: Cluster
    ledger: Ledger
    lines: Lines
    watch: Proxy
    elsewhere: Proxy
    events: dict[str, Proxy]

    def __init__(self, root: Path, limits: Limits, loop: Loop) -> None:
        self.directory = DataDirectory(root)
        self.limits = limits
        self.traps = root / "traps"
        self.images = root / "images.yaml"
        self._loop = loop
        self._ports: dict[str, int] = {}
        self._reserved: dict[str, int] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._components: dict[str, Component] = {}
        self._environment = base()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything, and return when all of it serves."""
        self.directory.create()
        self.traps.mkdir()
        for name in (APISERVER, GITEA, REGISTRY, BROKER, SOURCE, *FUNCTIONS):
            self._reserve(name)
        outside = Blueprint(self.directory, Options(), self._ports)
        outside.credentials.ensure()
        cluster.write_definitions(outside.crds_folder, ours=True)
        self._launch([self._with_images(one) for one in outside.components() if one.name in _OUTSIDE])
        accounts.ensure_tokens(outside.gitea, outside.credentials, ORGANIZATION)
        self.cluster = Cluster(outside.kubeconfig)
        self.ledger = Ledger(self.directory.component(GITEA) / "repositories" / ORGANIZATION / "voltran.git")
        self._outside = outside
        self.lines = self.new_lines()
        self.watch = Proxy(self._loop, self.cluster.url, self.cluster.authority)
        self.elsewhere = Proxy(self._loop, outside.registry, log=[])
        self.events = {name: Proxy(self._loop, outside.url(name)) for name in FUNCTIONS}
        installed = knative.Installed.of(chart.render(chart.values(outside)).objects)
        write_private(outside.triggers_file, yaml.safe_dump(knative.broker(installed, self._address), sort_keys=False))
        write_private(outside.sources_file, yaml.safe_dump(knative.sources(installed, _NEVER), sort_keys=False))
        functions = [self.function(name, name, self.lines) for name in FUNCTIONS]
        self._launch([*self._eventing(), *functions])

    def stop(self) -> None:
        """End every process, first those that write."""
        self.end(*(name for name in (SOURCE, BROKER) if name in self._children))
        self.end(*(name for name in list(self._children) if name not in _OUTSIDE))
        self.end(*self._children)
        if hasattr(self, "cluster"):
            self.cluster.close()

    def end(self, *names: str) -> None:
        """Stop these processes."""
        found = {name: identify(self._children[name].pid) for name in names}
        for process in found.values():
            if process is not None:
                process.terminate()
                _signal(process, signal.SIGCONT)
        for name, process in found.items():
            if process is not None:
                process.end(_GRACE)
            self._children.pop(name).wait()

    def alive(self, name: str) -> bool:
        """Whether a process runs."""
        return name in self._children and self._children[name].poll() is None

    def again(self, *names: str) -> None:
        """Start processes again that have ended."""
        for name in names:
            child = self._children.pop(name, None)
            if child is not None:
                child.wait()
        self._launch([self._components[name] for name in names])

    def pause(self, name: str) -> None:
        """SIGSTOP to all of a function's processes."""
        self._to_all(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT to them."""
        self._to_all(name, signal.SIGCONT)

    def family(self, name: str) -> list[int]:
        """The pids of a function's processes."""
        return _family(self._children[name].pid)

    def add(self, component: Component) -> None:
        """Start one more process, and wait until it serves."""
        self._launch([component])

    def ping(self) -> None:
        """One resync, through the broker."""
        wake(self._outside.url(BROKER))

    def cache(self, function: str) -> Path:
        """Where a function keeps its Git caches."""
        return self.directory.root / "cache" / function

    def url(self, name: str) -> str:
        """Where a process listens."""
        return f"http://{ports.HOST}:{self._ports[name]}"

    def log(self, name: str) -> Path:
        """What a process has said."""
        return self.directory.log(name)

    def push_foreign(self, files: Mapping[str, bytes]) -> None:
        """Commit files to voltran as a person does, in Gitea's web interface."""
        outside = self._outside
        changes = [
            {"operation": "create", "path": path, "content": base64.b64encode(data).decode()}
            for path, data in files.items()
        ]
        httpx.post(
            f"{outside.gitea}/api/v1/repos/{ORGANIZATION}/voltran/contents",
            json={"branch": "main", "message": "Add what is ours", "files": changes},
            auth=(accounts.ADMINISTRATOR, outside.credentials.admin_password_file.read_text("utf-8").strip()),
            trust_env=False,
        ).raise_for_status()

    def new_lines(self) -> Lines:
        """Fresh proxies to the API server, Gitea and the registry."""
        kube = Proxy(self._loop, self.cluster.url, self.cluster.authority)
        return Lines(kube, Proxy(self._loop, self._outside.gitea), Proxy(self._loop, self._outside.registry))

    def function(self, name: str, function: str, lines: Lines) -> Component:
        """A process of `function` that speaks through `lines`, with traps at its steps."""
        if name not in self._ports:
            self._reserve(name)
        kubeconfig = self._kubeconfig(name, lines.kube)
        options = Options(kubeconfig=str(kubeconfig), gitea_url=lines.gitea.url, registry=lines.registry.url)
        blueprint = Blueprint(self.directory, options, {**self._ports, function: self._ports[name]})
        found = next(one for one in blueprint.components() if one.name == function)
        source = str(PACKAGES / "functions" / function / "main.py")

        def launch() -> Launch:
            made = found.launch()
            arguments = tuple(str(TRAPPED) if word == source else word for word in made.arguments)
            return Launch(arguments, dict(made.environment) | self._settings(name))

        return replace(found, name=name, launch=launch)

    def _settings(self, name: str) -> dict[str, str]:
        changes = {
            "INFRAFORGE_TIMEOUT": str(self.limits.timeout),
            "INFRAFORGE_REGISTRY_TIMEOUT": str(self.limits.registry_timeout),
            "INFRAFORGE_REGISTRY_COOL_DOWN": str(self.limits.registry_cool_down),
            "INFRAFORGE_CACHE_DIR": str(self.cache(name)),
            "INFRAFORGE_CLUSTER_TYPES": json.dumps([*SERVED, SPARE]),
            "INFRAFORGE_CHAOS_TRAP": str(self.traps),
        }
        mirrors = {
            "ghcr.io": self.lines.registry.url,
            "elsewhere.example.com": self.elsewhere.url,  # so that a redirect to it is followed
        }
        changes["INFRAFORGE_REGISTRY_MIRRORS"] = json.dumps(mirrors)
        return changes

    def _with_images(self, component: Component) -> Component:
        if component.name != REGISTRY:
            return component
        images = [{"repository": repository, "tags": list(TAGS)} for repository in IMAGES.values()]
        self.images.write_text(yaml.safe_dump({"images": images}), encoding="utf-8")
        made = component.launch()
        return replace(component, launch=lambda: Launch((*made.arguments, "--images", str(self.images))))

    def _address(self, service: str) -> str:
        """Where the broker sends to; nobody is there for what it gives up."""
        proxy = self.events.get(service.removeprefix("infraforge-"))
        return proxy.url if proxy else NOBODY

    def _eventing(self) -> Sequence[Component]:
        options = Options(kubeconfig=str(self._kubeconfig(SOURCE, self.watch)))
        blueprint = Blueprint(self.directory, options, self._ports)
        return [one for one in blueprint.components() if one.name in (BROKER, SOURCE)]

    def _kubeconfig(self, name: str, through: Proxy) -> Path:
        path = self.directory.root / f"kubeconfig-{name}"
        write_private(path, self.cluster.kubeconfig(through.url))
        return path

    def _reserve(self, name: str) -> None:
        self._ports[name], self._reserved[name] = ports.reserve_any()

    def _launch(self, components: Sequence[Component]) -> None:
        known = {one.name for one in components}
        ready = [replace(one, needs=one.needs & known) for one in components]

        def spawned(component: Component) -> None:
            self.directory.component(component.name).mkdir(mode=0o700, exist_ok=True)
            self._components[component.name] = component
            launch = component.launch()
            self._children[component.name] = spawn(
                launch.arguments,
                self._environment | dict(launch.environment),
                folder=PACKAGES,
                log=self.log(component.name),
                inherit=[self._reserved[component.name]],
            )

        Startup(
            ready,
            [Step(name, lambda: None) for name in frozenset().union(*(one.needs for one in ready)) - known],
            set(),
            spawned,
            alive=self.alive,
            last_words=lambda name, lines: "\n".join(tail(self.log(name), lines)),
            report=lambda _name, _event: None,
        ).run()

    def _to_all(self, name: str, number: signal.Signals) -> None:
        """The group, and those that it started in groups of their own, as it does with Git."""
        for pid in _family(self._children[name].pid):
            _send(pid, number)


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for path in Path("/proc").glob(f"{pid}/task/*/children"):
        try:
            children = path.read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            found += _family(int(child))
    return found


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _signal(process: Process, number: signal.Signals) -> None:
    for pid in _family(process.pid):
        _send(pid, number)
