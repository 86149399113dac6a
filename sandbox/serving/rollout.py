"""Bringing the processes of a sandbox to where its Knative objects are now."""

import logging
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Final

from sandbox.supervisor import ports, services
from sandbox.supervisor.components import PACKAGES, SOURCE, Blueprint, Component
from sandbox.supervisor.directory import DataDirectory, write_private
from sandbox.supervisor.environment import base
from sandbox.supervisor.errors import StartFailed
from sandbox.supervisor.knative import SERVICES, Installed, name_of
from sandbox.supervisor.options import Record
from sandbox.supervisor.process import Process, identify, spawn
from sandbox.supervisor.startup import serves

_GRACE: Final = 10.0
_PATIENCE: Final = 45.0
_POLL: Final = 0.1

log = logging.getLogger(__name__)


class Rollout:
    """The sandbox in the directory `root`. Other commands wait while it works."""

    def __init__(self, root: Path) -> None:
        self._directory = DataDirectory(root)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def look(self) -> None:
        """Read the installation and make it so. Raises what reading and starting raise."""
        with self._directory.locked():
            record = Record.load(self._directory)
            blueprint = Blueprint(self._directory, record.options, record.ports)
            found = services.installed(blueprint)
            changed = services.configure(blueprint, found)
            components = {one.name: one for one in blueprint.components()}
            if SOURCE in components and found.api_server_sources:
                self._source(components[SOURCE], blueprint, is_changed=blueprint.sources_file.stem in changed)
            self._services(blueprint, found, components)
            services.write_statuses(blueprint, found, lambda name: serves(components[name]))

    def reap(self) -> None:
        """Collect processes of ours that ended."""
        for child in self._children.values():
            child.poll()

    def _source(self, component: Component, blueprint: Blueprint, *, is_changed: bool) -> None:
        """Another process for another configuration, or another account: Helm makes it anew with the chart."""
        is_let_in = services.is_source_let_in(blueprint)
        if not is_let_in:
            services.write_source_kubeconfig(blueprint)
        if is_changed or not is_let_in:
            self._replace(component, blueprint)

    def _services(self, blueprint: Blueprint, found: Installed, components: dict[str, Component]) -> None:
        wanted = {name_of(one).removeprefix(services.PREFIX): one for one in found.services}
        started = []
        for name in SERVICES:
            process = Process.load(self._directory.pid(name))
            if name not in wanted:
                self._stop(name, process)
                continue
            revision, kept = services.revision_of(wanted[name]), self._directory.revision(name)
            before = kept.read_text(encoding="utf-8") if kept.exists() else ""
            if revision == before or (process is not None and not process.alive):
                continue  # one that ended by itself is somebody else's business
            log.info("%s: revision %s", name, revision)
            self._replace(components[name], blueprint)
            started.append(components[name])
        deadline = time.monotonic() + _PATIENCE
        pause = threading.Event()
        while not all(serves(one) for one in started) and time.monotonic() < deadline:
            pause.wait(_POLL)  # processes that start tell nobody when they are ready

    def _replace(self, component: Component, blueprint: Blueprint) -> None:
        name = component.name
        self._stop(name, Process.load(self._directory.pid(name)))
        launch = component.launch()
        descriptor = ports.reserve(blueprint.ports[name])
        if descriptor is None:
            raise StartFailed(f"{name}: its port {blueprint.ports[name]} is taken")
        try:
            self._children[name] = spawn(
                launch.arguments,
                base() | dict(launch.environment),
                folder=PACKAGES,
                log=self._directory.log(name),
                inherit=[descriptor],
            )
        finally:
            os.close(descriptor)
        process = identify(self._children[name].pid)
        if process is None:
            raise StartFailed(f"{name} ended at once")
        process.save(self._directory.pid(name))
        if launch.revision:
            write_private(self._directory.revision(name), launch.revision)

    def _stop(self, name: str, process: Process | None) -> None:
        if process is None:
            return
        process.terminate()
        process.end(_GRACE)
        self._directory.pid(name).unlink(missing_ok=True)
        self._directory.revision(name).unlink(missing_ok=True)
        child = self._children.pop(name, None)
        if child is not None:
            child.wait()
