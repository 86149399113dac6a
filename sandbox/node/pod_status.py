"""The status of a Pod, made from what is known of its containers (pkg/kubelet/status, kubelet_pods.go)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

PENDING: Final = "Pending"
RUNNING: Final = "Running"
SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
FINISHED: Final = (SUCCEEDED, FAILED)
_LOOPBACK: Final = "127.0.0.1"
_MESSAGE: Final = 2048
_MESSAGE_LINES: Final = 80


@dataclass(frozen=True)
class ContainerState:
    """What is known of a container: `state` and `last` are as in a Pod's status."""

    name: str
    image: str
    state: Json
    last: Json
    restarts: int

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return "running" in self.state

    @property
    def exit_code(self) -> int | None:
        """What it ended with, if it has ended for good."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def status(self, *, ready: bool) -> Json:
        """Its entry in `containerStatuses`. Nothing is probed: what runs is ready."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image,
            "state": self.state,
            "lastState": self.last,
            "ready": ready,
            "restartCount": self.restarts,
            "started": self.running,
        }


def phase(policy: str, inits: Sequence[ContainerState], containers: Sequence[ContainerState]) -> str:
    """Pending, Running, Succeeded or Failed; `policy` is the pod's restartPolicy."""
    if policy == "Never" and any(one.exit_code for one in inits):
        return FAILED
    if any(one.exit_code != 0 for one in inits):
        return PENDING
    ended = [one.exit_code for one in containers if one.exit_code is not None]
    if len(ended) == len(containers) and policy != "Always":
        if not any(ended):
            return SUCCEEDED
        return FAILED if policy == "Never" else RUNNING
    begun = bool(ended) or any(one.running or one.restarts for one in containers)
    return RUNNING if begun else PENDING


def status_of(
    policy: str, inits: Sequence[ContainerState], containers: Sequence[ContainerState], *, started: str, now: str
) -> Json:
    """What `status` shall hold; conditions have their times, to be corrected by `timed`."""
    reached = phase(policy, inits, containers)
    initialized = all(one.exit_code == 0 for one in inits)
    ready = initialized and all(one.running for one in containers)
    completed = {SUCCEEDED: "PodCompleted", FAILED: "PodFailed"}.get(reached, "ContainersNotReady")
    conditions = [
        _condition("PodReadyToStartContainers", reached not in FINISHED, "", now),
        _condition("Initialized", initialized, "" if initialized else "ContainersNotInitialized", now),
        _condition("Ready", ready, "" if ready else completed, now),
        _condition("ContainersReady", ready, "" if ready else completed, now),
        _condition("PodScheduled", True, "", now),
    ]
    lists = {"containerStatuses": [one.status(ready=one.running) for one in containers]}
    if inits:
        lists["initContainerStatuses"] = [one.status(ready=one.exit_code == 0) for one in inits]
    return {
        "phase": reached,
        "conditions": conditions,
        "hostIP": _LOOPBACK,
        "podIP": _LOOPBACK,
        "podIPs": [{"ip": _LOOPBACK}],
        "startTime": started,
        **lists,
    }


def timed(status: Json, before: Json) -> Json:
    """`status`, in which conditions that did not turn keep the time at which they last did."""
    known = {one["type"]: one for one in before.get("conditions") or ()}
    conditions = []
    for one in status["conditions"]:
        was = known.get(one["type"], {})
        same = was.get("status") == one["status"]
        conditions.append(one | ({"lastTransitionTime": was["lastTransitionTime"]} if same else {}))
    return status | {"conditions": conditions}


def last_words(log: bytes) -> str:
    """What `FallbackToLogsOnError` shows of a container's log: its last lines, 80 or 2 KiB of them at most."""
    lines = log[-_MESSAGE:].decode(errors="replace").splitlines(keepends=True)
    return "".join(lines[-_MESSAGE_LINES:])


def _condition(kind: str, is_true: bool, reason: str, now: str) -> Json:
    condition = {"type": kind, "status": str(is_true), "lastProbeTime": None, "lastTransitionTime": now}
    return condition | ({"reason": reason} if reason else {})
