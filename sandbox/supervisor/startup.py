"""Bringing components up: each as soon as what it needs is there, all others meanwhile."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sandbox.supervisor.components import Component
from sandbox.supervisor.errors import StartFailed
from sandbox.supervisor.probe import answer, authority

Report = Callable[[str, str], None]
"""Called with the name of a component and what happened to it: starting, ready, stopped, killed."""

TIMEOUT: Final = 45.0
"""Seconds that a component may take until it serves: some twenty times what it takes on an idle machine."""

_POLL: Final = 0.03
_TAIL: Final = 5
_SUCCESS: Final = range(200, 300)
_UNAUTHORIZED: Final = 401
_FAULT: Final = 500
"""From a probe this is a fault that does not pass, such as settings that are wrong; 503 is one that does."""


@dataclass(frozen=True)
class Step:
    """Something to be done once when what it `needs` is there; others may need it by its name."""

    name: str
    run: Callable[[], None]
    needs: frozenset[str] = frozenset()


@dataclass
class Startup:
    """One attempt to bring up `components`, of which those in `running` have been started already."""

    components: Sequence[Component]
    steps: Sequence[Step]
    running: Collection[str]
    launch: Callable[[Component], None]
    alive: Callable[[str], bool]
    last_words: Callable[[str, int], str]
    report: Report
    timeout: float = TIMEOUT
    _reached: set[str] = field(default_factory=set)
    _deadlines: dict[str, float] = field(default_factory=dict)

    def run(self) -> None:
        """Return when every component serves and every step is done; raises `StartFailed` and what a step raises."""
        for name in self.running:
            self._deadlines[name] = time.monotonic() + self.timeout
        goal = {one.name for one in self.components} | {one.name for one in self.steps}
        while not goal <= self._reached:
            self._take_steps()
            for component in self.components:
                self._advance(component)
            if not goal <= self._reached:
                time.sleep(_POLL)  # processes that start tell nobody when they are ready

    def _take_steps(self) -> None:
        for step in self.steps:
            if step.name not in self._reached and step.needs <= self._reached:
                step.run()
                self._reached.add(step.name)

    def _advance(self, component: Component) -> None:
        name = component.name
        if name in self._reached:
            return
        if name not in self._deadlines:
            if component.needs <= self._reached:
                self.report(name, "starting")
                self.launch(component)
                self._deadlines[name] = time.monotonic() + self.timeout
            return
        if not self.alive(name):
            raise StartFailed(f"{name} ended while it was starting{self._quote(name)}")
        status = _status(component)
        if _ready(component, status):
            self._reached.add(name)
            self.report(name, "ready")
        elif status == _FAULT:
            raise StartFailed(f"{name} answers {component.ready} with {status}{self._quote(name)}")
        elif time.monotonic() > self._deadlines[name]:
            raise StartFailed(f"{name} does not serve after {self.timeout:.0f} s{self._quote(name)}")

    def _quote(self, name: str) -> str:
        words = self.last_words(name, _TAIL)
        return f"; its log ends:\n{words}" if words else ""


def serves(component: Component) -> bool:
    """Whether the component answers as one that is ready."""
    return _ready(component, _status(component))


def _status(component: Component) -> int | None:
    certificate = None
    if component.kubeconfig is not None:
        certificate = authority(component.kubeconfig)
        if certificate is None:
            return None
    return answer(component.ready, authority=certificate)


def _ready(component: Component, status: int | None) -> bool:
    return status is not None and (status in _SUCCESS or (component.unauthorized and status == _UNAUTHORIZED))
