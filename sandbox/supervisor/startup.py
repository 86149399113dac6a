"""Bringing components up: each as soon as what it needs is there, all others meanwhile."""

import threading
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
    """Something to be done once when what it `needs` is there; others may need it by its name.

    It has a thread of its own, in which it may wait: processes come up meanwhile.
    """

    name: str
    run: Callable[[], None]
    needs: frozenset[str] = frozenset()


@dataclass
class _Work:
    """A step under way."""

    step: Step
    _over: threading.Event = field(default_factory=threading.Event)
    _fault: BaseException | None = None

    def begin(self) -> None:
        # A daemon: whoever interrupts the start does not wait for a step that does.
        threading.Thread(target=self._work, name=self.step.name, daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether it is done; raises what it raised."""
        if self._fault is not None:
            raise self._fault
        return self._over.is_set()

    def _work(self) -> None:
        try:
            self.step.run()
        except BaseException as error:  # noqa: BLE001 - raised again where the start waits for it
            self._fault = error
        else:
            self._over.set()


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
    _works: dict[str, _Work] = field(default_factory=dict)

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
            if step.name not in self._works and step.needs <= self._reached:
                self._works[step.name] = _Work(step)
                self._works[step.name].begin()
        self._reached |= {name for name, work in self._works.items() if work.over}

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
