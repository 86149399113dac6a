"""The rollout of a pod template: when it began, how far it is, and the status that says so.

Words and counts are those of Kubernetes' deployment, statefulset, daemonset and job controllers.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from sandbox.workloads.settings import Settings

Json = dict[str, Any]
_HASH: Final = 10


@dataclass(frozen=True)
class Rollout:
    """`began` is a time in seconds; `before` counts the replicas that were available when it began.

    `fresh` means that no replica of this very template was there before.
    """

    template: str
    replicas: int
    began: float
    before: int
    fresh: bool

    def age(self, now: float) -> float:
        """Return the seconds since it began."""
        return now - self.began


@dataclass(frozen=True)
class Progress:
    """How far a rollout is: `missing` is the image that it waits for, `expired` that its deadline has passed."""

    rollout: Rollout
    done: bool
    missing: str | None
    expired: bool

    @property
    def available(self) -> int:
        """Replicas that serve."""
        return self.rollout.replicas if self.done else min(self.rollout.before, self.rollout.replicas)

    @property
    def updated(self) -> int:
        """Replicas of the new template: one more is tried where old ones still serve."""
        if self.done or not self.rollout.fresh:
            return self.rollout.replicas
        return min(1, self.rollout.replicas) if self.rollout.before else self.rollout.replicas

    @property
    def total(self) -> int:
        """Replicas of either template."""
        return max(self.rollout.replicas, self.available + self.updated if self.rollout.fresh else 0)


def template_hash(template: Json) -> str:
    """Return a short name for a pod template's content."""
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]


def progress(value: Json, rollout: Rollout, settings: Settings, now: float) -> Progress:
    """Return how far the rollout of a workload is."""
    missing = settings.missing(value["spec"]["template"]) if rollout.replicas else None
    deadline = min(settings.progress_deadline, value["spec"].get("progressDeadlineSeconds", settings.progress_deadline))
    done = missing is None and rollout.age(now) >= settings.ready_after
    return Progress(
        rollout, done or not rollout.replicas, missing, missing is not None and rollout.age(now) >= deadline
    )


def deployment_status(value: Json, state: Progress) -> Json:
    """Return what `status` shall hold, conditions without their times; null takes a field away."""
    name = f"{value['metadata']['name']}-{state.rollout.template}"
    unavailable = 0 if state.done else max(1, state.total - state.available)
    total = state.rollout.replicas if state.done else state.total
    if state.expired:
        progressing = ("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.')
    elif state.done:
        progressing = ("True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
    else:
        progressing = ("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
    enough = state.available >= state.rollout.replicas
    available = (
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        if enough
        else ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    return {
        "observedGeneration": value["metadata"]["generation"],
        "replicas": total or None,
        "updatedReplicas": state.updated or None,
        "readyReplicas": state.available or None,
        "availableReplicas": state.available or None,
        "unavailableReplicas": unavailable or None,
        "conditions": [_condition("Available", *available), _condition("Progressing", *progressing)],
    }


def stateful_set_status(value: Json, state: Progress) -> Json:
    """Return what `status` shall hold: revisions are named after the template."""
    revision = f"{value['metadata']['name']}-{state.rollout.template}"
    current = (value.get("status") or {}).get("currentRevision") or revision
    return {
        "observedGeneration": value["metadata"]["generation"],
        "replicas": state.rollout.replicas,
        "readyReplicas": state.available or None,
        "availableReplicas": state.available,
        "currentReplicas": (state.rollout.replicas if state.done else state.rollout.before) or None,
        "updatedReplicas": (state.updated if state.done or not state.rollout.fresh else 0) or None,
        "currentRevision": revision if state.done else current,
        "updateRevision": revision,
        "collisionCount": 0,
    }


def daemon_set_status(value: Json, state: Progress) -> Json:
    """Return what `status` shall hold on a cluster of one node."""
    return {
        "observedGeneration": value["metadata"]["generation"],
        "currentNumberScheduled": 1,
        "desiredNumberScheduled": 1,
        "numberMisscheduled": 0,
        "numberReady": state.available,
        "numberAvailable": state.available or None,
        "numberUnavailable": (1 - state.available) or None,
        "updatedNumberScheduled": 1,
    }


def job_status(value: Json, state: Progress, started: str, now: str) -> Json:
    """Return what `status` shall hold: every pod of a Job succeeds at its first try."""
    before = value.get("status") or {}
    wanted = value["spec"].get("completions", 1)
    if not state.done:
        return {"startTime": before.get("startTime", started), "active": 1, "ready": 0 if state.missing else 1}
    done = ("True", "CompletionsReached", "Reached expected number of succeeded pods")
    return {
        "startTime": before.get("startTime", started),
        "completionTime": before.get("completionTime", now),
        "active": None,
        "ready": 0,
        "succeeded": wanted,
        "conditions": [_condition("SuccessCriteriaMet", *done), _condition("Complete", *done)],
    }


def _condition(kind: str, status: str, reason: str, message: str) -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message}
