"""What the Job controller does about a Job, decided from it and its Pods (pkg/controller/job/job_controller.go)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.node import clock
from sandbox.node.pod_status import FAILED, SUCCEEDED

Json = dict[str, Any]

_CAP: Final = 36
"""Back-offs that one pause grows to: six minutes in Kubernetes, which begins with ten seconds."""
_LIMIT: Final = 6


@dataclass(frozen=True)
class Plan:
    """`status` is what it shall be (None: leave it), `create` a number of Pods, `delete` their names.

    `expired` says that the Job itself is to go, `due` when to look again (seconds since the epoch).
    """

    status: Json | None = None
    create: int = 0
    delete: tuple[str, ...] = ()
    expired: bool = False
    due: float | None = None


@dataclass(frozen=True)
class _Count:
    active: list[Json] = field(default_factory=list)
    succeeded: int = 0
    failed: int = 0
    ready: int = 0


def plan(job: Json, pods: Sequence[Json], *, now: float, back_off: float) -> Plan:
    """The plan for a Job with these Pods of its own; `back_off` is the first pause after a failure, in seconds."""
    spec, status = job["spec"], job.get("status") or {}
    if finished := _finished(status):
        return _after(spec, status, finished, now)
    count = _count(pods, status)
    started = clock.read(status.get("startTime")) or now
    if spec.get("suspend"):
        return _suspended(count, now)
    if failure := _failure(spec, status, count, started, now):
        return _failed(count, status, started, failure, now)
    wanted = spec.get("completions") or 1
    if count.succeeded >= wanted:
        return _complete(count, started, now)
    missing = max(0, min(spec.get("parallelism", 1), wanted - count.succeeded) - len(count.active))
    pause = _pause_until(pods, count.failed, back_off) if missing else None
    create = missing if pause is None or pause <= now else 0
    deadline = spec.get("activeDeadlineSeconds")
    times = [pause if missing and not create else None, started + deadline if deadline is not None else None]
    due = min((one for one in times if one is not None), default=None)
    return Plan(_status(count, started, **_resumed(status, now)), create=create, due=due)


def _finished(status: Json) -> Json | None:
    conditions: list[Json] = status.get("conditions") or []
    return next((one for one in conditions if one["type"] in ("Complete", "Failed") and one["status"] == "True"), None)


def _after(spec: Json, status: Json, condition: Json, now: float) -> Plan:
    """A finished Job goes when its time to live is over."""
    life = spec.get("ttlSecondsAfterFinished")
    ended = clock.read(status.get("completionTime") or condition.get("lastTransitionTime"))
    if life is None or ended is None:
        return Plan()
    return Plan(expired=True) if ended + life <= now else Plan(due=ended + life)


def _count(pods: Sequence[Json], status: Json) -> _Count:
    phases = [(pod.get("status") or {}).get("phase") for pod in pods]
    active = [
        pod
        for pod, phase in zip(pods, phases, strict=True)
        if phase not in (SUCCEEDED, FAILED) and "deletionTimestamp" not in pod["metadata"]
    ]
    ready = sum(1 for pod in active if _is_ready(pod))
    # Somebody may have deleted a Pod that was counted.
    succeeded = max(phases.count(SUCCEEDED), status.get("succeeded") or 0)
    return _Count(active, succeeded, max(phases.count(FAILED), status.get("failed") or 0), ready)


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _failure(spec: Json, status: Json, count: _Count, started: float, now: float) -> tuple[str, str] | None:
    """Reason and message of what ends the Job as a failure."""
    for one in status.get("conditions") or ():
        if one["type"] == "FailureTarget" and one["status"] == "True":
            return one["reason"], one["message"]
    limit = spec.get("backoffLimit", _LIMIT)
    restarts = _restarts(spec, count)
    if count.failed > limit or (restarts and restarts >= limit):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and started + deadline <= now:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    return None


def _restarts(spec: Json, count: _Count) -> int:
    """Of containers in Pods that start theirs again, which therefore never fail themselves."""
    if spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return 0
    found = 0
    for pod in count.active:
        status = pod.get("status") or {}
        for group in ("initContainerStatuses", "containerStatuses"):
            found += sum(one.get("restartCount", 0) for one in status.get(group) or ())
    return found


def _pause_until(pods: Sequence[Json], failed: int, back_off: float) -> float | None:
    """When the next try may begin, after failures."""
    if not failed:
        return None
    ends = [end for pod in pods if (end := _ended(pod)) is not None]
    pause: float = back_off * min(2 ** (failed - 1), _CAP)
    return max(ends, default=0.0) + pause


def _ended(pod: Json) -> float | None:
    status = pod.get("status") or {}
    if status.get("phase") != FAILED:
        return None
    states = [one.get("state") or {} for one in status.get("containerStatuses") or ()]
    times = [clock.read((state.get("terminated") or {}).get("finishedAt")) for state in states]
    return max((one for one in times if one is not None), default=None)


def _status(count: _Count, started: float, **more: Any) -> Json:
    return {
        "startTime": clock.written(started),
        "active": len(count.active) or None,
        "ready": count.ready,
        "succeeded": count.succeeded or None,
        "failed": count.failed or None,
        "terminating": 0,
        "uncountedTerminatedPods": {},
        **more,
    }


def _suspended(count: _Count, now: float) -> Plan:
    condition = _condition("Suspended", "JobSuspended", "Job suspended", now)
    status = {"startTime": None, "active": None, "ready": 0, "conditions": [condition]}
    return Plan(status, delete=_names(count.active))


def _resumed(status: Json, now: float) -> Json:
    if (_known(status, "Suspended") or {}).get("status") != "True":
        return {}
    return {"conditions": [_condition("Suspended", "JobResumed", "Job resumed", now) | {"status": "False"}]}


def _failed(count: _Count, status: Json, started: float, failure: tuple[str, str], now: float) -> Plan:
    target = _known(status, "FailureTarget") or _condition("FailureTarget", *failure, now)
    if count.active:
        killed = _Count([], count.succeeded, count.failed + len(count.active), 0)
        return Plan(_status(killed, started, conditions=[target]), delete=_names(count.active))
    conditions = [target, _condition("Failed", *failure, now)]
    return Plan(_status(count, started, conditions=conditions))


def _complete(count: _Count, started: float, now: float) -> Plan:
    done = ("CompletionsReached", "Reached expected number of succeeded pods")
    conditions = [_condition(kind, *done, now) for kind in ("SuccessCriteriaMet", "Complete")]
    left = _Count([], count.succeeded, count.failed, 0)
    status = _status(left, started, completionTime=clock.written(now), conditions=conditions)
    return Plan(status, delete=_names(count.active))


def _known(status: Json, kind: str) -> Json | None:
    return next((one for one in status.get("conditions") or () if one["type"] == kind), None)


def _names(pods: Sequence[Json]) -> tuple[str, ...]:
    return tuple(pod["metadata"]["name"] for pod in pods)


def _condition(kind: str, reason: str, message: str, now: float) -> Json:
    time = clock.written(now)
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": time,
        "lastTransitionTime": time,
    }
