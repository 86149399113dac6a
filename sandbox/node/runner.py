"""One Pod's life on the node: its volumes, its containers one after another or together, and their ends."""

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sandbox.argocd.api import ApiError
from sandbox.node import clock
from sandbox.node.api import Objects
from sandbox.node.child import Child
from sandbox.node.container import process_of
from sandbox.node.errors import CONTAINER_CREATING, NotStartable
from sandbox.node.mounts import Mounts
from sandbox.node.pod import Pod
from sandbox.node.pod_status import FAILED, FINISHED, ContainerState, last_words, status_of

Json = dict[str, Any]

_RETRY: Final = 1.0
"""Seconds until what was missing is looked for again."""
_GRACE: Final = 30
_CAP: Final = 30
"""Back-offs that one pause grows to: five minutes in Kubernetes, which begins with ten seconds."""
_NOT_FOUND: Final = 128
_DEADLINE: Final = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where a Pod's things are: `root` holds volumes and tokens and goes when the Pod has ended, `logs` stays.

    In `logs`, `<container>.log` is what runs or ran last, and `<container>.previous.log` what ran before it.
    """

    root: Path
    logs: Path
    pids: Path


@dataclass
class _Container:
    """A container between its starts. `state` and `last` are as in the Pod's status."""

    spec: Json
    is_init: bool
    state: Json = field(default_factory=lambda: {"waiting": {"reason": CONTAINER_CREATING}})
    last: Json = field(default_factory=dict)
    restarts: int = 0
    child: Child | None = None
    begun: bool = False
    due: float = 0.0

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def exit_code(self) -> int | None:
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def shown(self) -> ContainerState:
        return ContainerState(self.name, self.spec["image"], self.state, self.last, self.restarts)

    def wait(self, reason: str, message: str = "") -> None:
        self.state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}


class Runner:
    """Runs one Pod. `step` does what can be done now; a container that ends calls `wake`, from another thread.

    `back_off` is the first pause before a container is started again, in seconds; `now` counts since the epoch.
    """

    def __init__(
        self,
        document: Json,
        place: Place,
        api: Objects,
        *,
        wake: Callable[[], None],
        now: Callable[[], float],
        back_off: float,
    ) -> None:
        self.pod = Pod.of(document)
        self.stopping = False
        self._place = place
        self._api = api
        self._wake = wake
        self._now = now
        self._back_off = back_off
        self._mounts = Mounts(self.pod, place.root, api, now)
        self._mounted = False
        self._killed_at: float | None = None
        self._reason: tuple[str, str] | None = None
        self._policy = str(self.pod.spec.get("restartPolicy") or "Always")
        before = document.get("status") or {}
        self._started = clock.read(before.get("startTime")) or now()
        self._inits = _containers(
            self.pod.spec.get("initContainers"), before.get("initContainerStatuses"), is_init=True
        )
        self._containers = _containers(self.pod.spec["containers"], before.get("containerStatuses"), is_init=False)

    @property
    def alive(self) -> bool:
        """Whether a process of the Pod runs."""
        return any(one.child is not None for one in self._all())

    @property
    def status(self) -> Json:
        """What the Pod's `status` shall hold; times of conditions are now."""
        inits, containers = [one.shown() for one in self._inits], [one.shown() for one in self._containers]
        started, now = clock.written(self._started), clock.written(self._now())
        status = status_of(self._policy, inits, containers, started=started, now=now)
        if self._reason is None or self.alive:
            return status
        return status | {"phase": FAILED, "reason": self._reason[0], "message": self._reason[1]}

    @property
    def finished(self) -> bool:
        """Whether the Pod has come to its end."""
        return bool(self.status["phase"] in FINISHED)

    def step(self) -> float | None:
        """Go on; returns when to do so again though nothing happened (seconds since the epoch), or None."""
        for one in self._all():
            self._collect(one)
        if self.stopping or self._reason is not None:
            return self._end()
        if self.finished:
            return None
        deadline = self.pod.spec.get("activeDeadlineSeconds")
        until = None if deadline is None else self._started + float(deadline)
        if until is not None and until <= self._now():
            self._reason = _DEADLINE
            return self._end()
        times = [self._advance(), until]
        return min((one for one in times if one is not None), default=None)

    def refresh(self) -> None:
        """Bring the volumes up to date, if they are in use."""
        if self._mounted and not self.finished:
            self._mounts.refresh()

    def stop(self, grace: float) -> None:
        """End every process, by force after `grace` seconds, without a word of it in the status."""
        children = [one.child for one in self._all() if one.child is not None]
        for child in children:
            child.terminate()
        for child in children:
            child.end(grace)

    def forget(self) -> None:
        """Remove the Pod's volumes and tokens."""
        shutil.rmtree(self._place.root, ignore_errors=True)

    def _all(self) -> Iterator[_Container]:
        yield from self._inits
        yield from self._containers

    def _advance(self) -> float | None:
        """Start what is to run by now."""
        try:
            if not self._mounted:
                self._mounts.refresh()
                self._mounted = True
        except (NotStartable, ApiError) as error:
            for one in self._all():
                one.wait(CONTAINER_CREATING, str(error))
            return self._now() + _RETRY
        for init in self._inits:
            if init.exit_code == 0:
                continue
            for one in self._containers:
                one.wait("PodInitializing")
            return self._keep(init)
        times = [self._keep(one) for one in self._containers]
        return min((one for one in times if one is not None), default=None)

    def _keep(self, one: _Container) -> float | None:
        """Have a container run that should; returns when it may, if not yet."""
        if one.child is not None:
            return None
        if one.exit_code is not None:
            failed = one.exit_code != 0
            if self._policy == "Never" or not (failed or (self._policy == "Always" and not one.is_init)):
                return None
            one.last = one.state
            pause = self._back_off * min(2 ** (one.restarts - 1), _CAP) if one.restarts else 0.0
            one.due = self._now() + pause
            where = f"{one.name} pod={self.pod.name}_{self.pod.namespace}({self.pod.uid})"
            one.wait("CrashLoopBackOff", f"back-off {pause:g}s restarting failed container={where}")
        if one.due > self._now():
            return one.due
        return self._start(one)

    def _start(self, one: _Container) -> float | None:
        try:
            process = process_of(one.spec, pod=self.pod, mounts=self._mounts, api=self._api)
        except NotStartable as error:
            one.wait(error.reason, str(error))
            return self._now() + _RETRY
        except ApiError as error:
            one.wait(CONTAINER_CREATING, str(error))
            return self._now() + _RETRY
        one.restarts += one.begun
        one.begun = True
        began = clock.written(self._now())
        try:
            pid_file = self._place.pids / f"{self.pod.uid}-{one.name}.json"
            self._turn(self._log(one))
            one.child = Child(process, log=self._log(one), pid_file=pid_file, on_exit=self._wake)
        except (OSError, ValueError) as error:  # the latter: a variable that no process can have
            message = f'exec: "{process.arguments[0]}": {getattr(error, "strerror", error)}'
            one.state = {"terminated": _terminated(_NOT_FOUND, "StartError", message, began, began)}
            return self._now()
        one.state = {"running": {"startedAt": began}}
        log.info("%s/%s: %s started", self.pod.namespace, self.pod.name, one.name)
        return None

    def _collect(self, one: _Container) -> None:
        """Take over that a process has ended."""
        if one.child is None or one.child.exit_code is None:
            return
        code, began = one.child.exit_code, one.state["running"]["startedAt"]
        one.child = None
        reason = "Completed" if code == 0 else "Error"
        one.state = {
            "terminated": _terminated(code, reason, self._message(one, code), began, clock.written(self._now()))
        }
        log.info("%s/%s: %s ended with %d", self.pod.namespace, self.pod.name, one.name, code)

    def _message(self, one: _Container, code: int) -> str:
        path = str(one.spec.get("terminationMessagePath") or "/dev/termination-log")
        own = self._mounts.translated(one.spec, path)
        try:
            if own != path and (text := Path(own).read_bytes()[:4096].decode(errors="replace")):
                return text
            if code and one.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
                return last_words(self._log(one).read_bytes())
        except OSError:
            return ""
        return ""

    def _end(self) -> float | None:
        """See the processes off: asked first, made to after the Pod's grace period."""
        if not self.alive:
            return None
        if self._killed_at is None:
            grace = self.pod.spec.get("terminationGracePeriodSeconds")
            self._killed_at = self._now() + float(_GRACE if grace is None else grace)
            for one in self._all():
                if one.child is not None:
                    one.child.terminate()
        elif self._killed_at <= self._now():
            for one in self._all():
                if one.child is not None:
                    one.child.kill()
        return max(self._killed_at, self._now() + _RETRY)

    def _log(self, one: _Container) -> Path:
        return self._place.logs / f"{one.name}.log"

    def _turn(self, path: Path) -> None:
        """Begin a new log, of a container that starts again or of another Pod of the same name."""
        if path.exists():
            path.replace(path.with_suffix(".previous.log"))


def _containers(specs: list[Json] | None, statuses: list[Json] | None, *, is_init: bool) -> list[_Container]:
    """The containers, with what a former node has written of them: what had ended has ended, what ran runs again."""
    known = {one["name"]: one for one in statuses or ()}
    found = []
    for spec in specs or ():
        one = _Container(spec, is_init)
        if before := known.get(spec["name"]):
            one.restarts, one.last = before.get("restartCount", 0), before.get("lastState") or {}
            one.begun = bool({"running", "terminated"} & set(before.get("state") or {})) or one.restarts > 0
            if "terminated" in (before.get("state") or {}):
                one.state = before["state"]
        found.append(one)
    return found


def _terminated(code: int, reason: str, message: str, began: str, ended: str) -> Json:
    text = {"message": message} if message else {}
    return {"exitCode": code, "reason": reason, **text, "startedAt": began, "finishedAt": ended}
