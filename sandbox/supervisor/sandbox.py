"""A sandbox: up, down, and what it is doing."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sandbox.supervisor import cluster, ports
from sandbox.supervisor.components import (
    APISERVER,
    ARGOCD,
    BROKER,
    GITEA,
    NODE,
    PACKAGES,
    REGISTRY,
    SERVING,
    SOURCE,
    Blueprint,
    Component,
)
from sandbox.supervisor.directory import DataDirectory, write_private
from sandbox.supervisor.environment import base
from sandbox.supervisor.errors import OptionsDiffer, StartFailed, TokenMissing
from sandbox.supervisor.knative import SERVICES
from sandbox.supervisor.logs import tail
from sandbox.supervisor.options import Options, Record
from sandbox.supervisor.process import Process, identify, spawn
from sandbox.supervisor.startup import Report, Startup, serves

State = Literal["ready", "unresponsive", "crashed", "stopped", "external"]

ALL: Final = (APISERVER, GITEA, REGISTRY, NODE, BROKER, *SERVICES, SOURCE, ARGOCD, SERVING)
_WAVES: Final = ((SERVING, SOURCE, BROKER, *SERVICES, ARGOCD, NODE), (APISERVER, GITEA, REGISTRY))
"""In which order components stop: first those that write, then those that are written to."""
_GRACE: Final = 10.0
_WIDTH: Final = 400


@dataclass(frozen=True)
class ComponentState:
    """What one component is doing. `pid` is set while it runs; "external" ones are the user's own."""

    name: str
    state: State
    url: str
    pid: int | None = None


class Sandbox:
    """The sandbox of one directory. Any number of these may speak of the same one, in any number of processes."""

    def __init__(self, directory: DataDirectory) -> None:
        self.directory = directory
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def blueprint(self) -> Blueprint:
        """The sandbox as it was last started."""
        record = Record.load(self.directory)
        return Blueprint(self.directory, record.options, record.ports)

    def up(self, options: Options, report: Report, tokens: Mapping[str, str] | None = None) -> bool:
        """Start what does not run yet and wait until everything serves; False when all of it ran already.

        `tokens` are those of a Gitea that is not the sandbox's own, by the names they are kept under. What
        this call started is stopped again when it fails. Raises `SandboxError`, `OptionsDiffer` among them when all of
        it is fine but asked for otherwise, and for a real cluster what `shared.kube` raises.
        """
        self.directory.create()
        with self.directory.locked():
            running = self._running()
            if running and Record.load(self.directory).options != options:
                raise OptionsDiffer("the sandbox runs with other options: stop it first (infraforge down)")
            blueprint, reserved = self._prepare(options, running, tokens or {})
            running = self._running()
            try:
                self._start(blueprint, running, reserved, report)
            except BaseException:
                self._end(set(self._children), report)
                raise
            finally:
                for descriptor in reserved.values():
                    os.close(descriptor)
        return bool(reserved)

    def down(self, report: Report) -> list[str]:
        """Stop everything that runs; the names of what was stopped. What a killed supervisor left is found as well."""
        if not self.directory.exists:
            return []
        with self.directory.locked():
            return self._end(set(ALL), report)

    def states(self) -> list[ComponentState]:
        """What each component is doing now; asks each one that runs."""
        blueprint = self.blueprint
        ours = {component.name: component for component in blueprint.components()}
        external = {APISERVER: None, GITEA: blueprint.gitea, REGISTRY: blueprint.registry, SOURCE: None}
        external |= {} if blueprint.options.argocd == "off" else {ARGOCD: None}
        return [
            self._state(blueprint, ours[name])
            if name in ours
            else ComponentState(name, "external", external.get(name) or "")
            for name in ALL
            if name in ours or name in external
        ]

    def crashed(self) -> Iterator[tuple[str, int]]:
        """Name and pid of every component that ended without having been stopped."""
        for child in self._children.values():
            child.poll()  # collects it
        for name in ALL:
            process = Process.load(self.directory.pid(name))
            if process is not None and not process.alive:
                yield name, process.pid

    def stopped(self) -> bool:
        """Whether nothing of the sandbox is meant to run (somebody said `down`)."""
        return not any(self.directory.pid(name).exists() for name in ALL)

    def last_words(self, name: str, lines: int) -> str:
        """The end of a component's log, long lines cut (one may hold a whole trace)."""
        return "\n".join(line[:_WIDTH] for line in tail(self.directory.log(name), lines))

    def _state(self, blueprint: Blueprint, component: Component) -> ComponentState:
        name, url = component.name, blueprint.url(component.name)
        process = Process.load(self.directory.pid(name))
        if process is None:
            return ComponentState(name, "stopped", url)
        if not process.alive:
            return ComponentState(name, "crashed", url)
        return ComponentState(name, "ready" if serves(component) else "unresponsive", url, process.pid)

    def _running(self) -> set[str]:
        processes = {name: Process.load(self.directory.pid(name)) for name in ALL}
        return {name for name, process in processes.items() if process is not None and process.alive}

    def _prepare(
        self, options: Options, running: set[str], tokens: Mapping[str, str]
    ) -> tuple[Blueprint, dict[str, int]]:
        """Choose the ports of what does not run, and write the record and the components' configuration."""
        record = Record.load(self.directory)
        self._take_tokens(record.options, options, tokens)
        names = [component.name for component in Blueprint(self.directory, options, {}).components()]
        missing = [name for name in names if name not in running]
        held = {name: ports.reserve(record.ports[name]) for name in missing if name in record.ports}
        if running and any(held.get(name) is None for name in missing):
            # A new port would have to be told to everything that runs, so everything starts again.
            for descriptor in held.values():
                if descriptor is not None:
                    os.close(descriptor)
            self._end(set(ALL), lambda _name, _event: None)
            return self._prepare(options, set(), tokens)
        chosen, reserved = dict(record.ports), {}
        for name in missing:
            descriptor = held.get(name)
            if descriptor is None:
                chosen[name], descriptor = ports.reserve_any()
            reserved[name] = descriptor
        Record(options, chosen).save(self.directory)
        blueprint = Blueprint(self.directory, options, chosen)
        if missing:
            self._configure(blueprint)
        return blueprint, reserved

    def _take_tokens(self, before: Options, options: Options, tokens: Mapping[str, str]) -> None:
        credentials = Blueprint(self.directory, options, {}).credentials
        if before.gitea_url != options.gitea_url:
            credentials.forget_tokens()
        for name, value in tokens.items():
            credentials.keep(name, value)
        if options.gitea_url and not credentials.has_given_token:
            raise TokenMissing(f"{options.gitea_url} needs a token")

    def _configure(self, blueprint: Blueprint) -> None:
        blueprint.credentials.ensure()
        cluster.write_definitions(blueprint.crds_folder)
        if not blueprint.triggers_file.exists():
            blueprint.triggers_file.touch(0o600)  # the broker reads it again as it changes

    def _start(self, blueprint: Blueprint, running: set[str], reserved: Mapping[str, int], report: Report) -> None:
        from sandbox.supervisor.installation import steps  # noqa: PLC0415 - half a second, for who starts something

        environment = base()

        def launch(component: Component) -> None:
            self.directory.component(component.name).mkdir(mode=0o700, exist_ok=True)
            launch = component.launch()
            child = spawn(
                launch.arguments,
                environment | dict(launch.environment),
                folder=PACKAGES,
                log=self.directory.log(component.name),
                inherit=[reserved[component.name]],
            )
            self._children[component.name] = child
            process = identify(child.pid)
            if process is None:
                raise StartFailed(f"{component.name} ended at once")
            process.save(self.directory.pid(component.name))
            if launch.revision:
                write_private(self.directory.revision(component.name), launch.revision)

        Startup(
            blueprint.components(),
            steps(blueprint, report),
            running,
            launch,
            alive=lambda name: name in self._running(),
            last_words=self.last_words,
            report=report,
        ).run()

    def _end(self, names: set[str], report: Report) -> list[str]:
        ended: list[str] = []
        for wave in _WAVES:
            processes = {
                name: process
                for name in wave
                if name in names and (process := Process.load(self.directory.pid(name))) is not None
            }
            alive = {name: process for name, process in processes.items() if process.alive}
            for process in alive.values():
                process.terminate()
            deadline = time.monotonic() + _GRACE
            for name, process in alive.items():
                killed = process.end(max(0.0, deadline - time.monotonic()))
                report(name, "killed" if killed else "stopped")
                ended.append(name)
            for name in wave:
                if name in names:
                    self.directory.pid(name).unlink(missing_ok=True)
                    self.directory.revision(name).unlink(missing_ok=True)
                    self._collect(name)
        return ended

    def _collect(self, name: str) -> None:
        child = self._children.pop(name, None)
        if child is not None:
            child.wait()
