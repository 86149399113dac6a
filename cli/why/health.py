"""How an object is, by its own status. Pure.

The conditions and fields are those of the Kubernetes API (apps/v1, batch/v1, v1); any other kind is well unless its
condition Ready says otherwise.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from cli.why.links import Document, State, conditions, items, part, text

_PASSING: Final = ("ContainerCreating", "PodInitializing")


class Health(NamedTuple):
    """`state` and, when it is not well, why, in the object's own words."""

    state: State
    message: str = ""


WELL: Final = Health("ok")


def of(document: Document) -> Health:
    """The health of an object as the API server gave it."""
    if text(part(document, "metadata"), "deletionTimestamp"):
        return Health("waiting", "it is being deleted")
    judge = _JUDGES.get(text(document, "kind"), _any)
    return judge(document)


def _number(document: Document, name: str, default: int = 0) -> int:
    found = document.get(name)
    return found if isinstance(found, int) else default


def _is_behind(document: Document) -> bool:
    return _number(part(document, "status"), "observedGeneration") < _number(part(document, "metadata"), "generation")


def _said(document: Document, type_: str, status: str) -> str | None:
    """Reason and message of the condition, if it has that status."""
    found = conditions(document).get(type_)
    if found is None or text(found, "status") != status:
        return None
    return f"{text(found, 'reason')}: {text(found, 'message')}"


def _deployment(document: Document) -> Health:
    failed = _said(document, "ReplicaFailure", "True") or _said(document, "Progressing", "False")
    if failed:
        return Health("wrong", failed)
    if _is_behind(document):
        return Health("waiting", "its controller has not looked at it yet")
    wanted, status = _number(part(document, "spec"), "replicas", 1), part(document, "status")
    return _rollout(wanted, _number(status, "updatedReplicas"), _number(status, "availableReplicas"), document)


def _stateful_set(document: Document) -> Health:
    if _is_behind(document):
        return Health("waiting", "its controller has not looked at it yet")
    wanted, status = _number(part(document, "spec"), "replicas", 1), part(document, "status")
    ready = _number(status, "availableReplicas", _number(status, "readyReplicas"))
    return _rollout(wanted, _number(status, "updatedReplicas", ready), ready, document)


def _daemon_set(document: Document) -> Health:
    if _is_behind(document):
        return Health("waiting", "its controller has not looked at it yet")
    status = part(document, "status")
    wanted = _number(status, "desiredNumberScheduled")
    return _rollout(wanted, _number(status, "updatedNumberScheduled"), _number(status, "numberAvailable"), document)


def _rollout(wanted: int, updated: int, available: int, document: Document) -> Health:
    if updated < wanted:
        return Health("waiting", f"{updated} of {wanted} replicas are updated")
    if available < wanted:
        more = _said(document, "Available", "False")
        return Health("waiting", f"{available} of {wanted} replicas are available{f'; {more}' if more else ''}")
    return WELL


def _job(document: Document) -> Health:
    failed = _said(document, "Failed", "True")
    if failed:
        return Health("wrong", failed)
    done = _said(document, "Complete", "True") or _said(document, "Suspended", "True")
    return WELL if done else Health("waiting", "it has not finished yet")


def _volume_claim(document: Document) -> Health:
    phase = text(part(document, "status"), "phase")
    if phase == "Bound":
        return WELL
    return Health("wrong" if phase == "Lost" else "waiting", f"it is {phase or 'Pending'}")


def _pod(document: Document) -> Health:
    status = part(document, "status")
    phase = text(status, "phase")
    if phase == "Succeeded":
        return WELL
    for one in (*items(status, "initContainerStatuses"), *items(status, "containerStatuses")):
        found = _container(one)
        if found is not None:
            return found
    if phase == "Failed":
        return Health("wrong", f"{text(status, 'reason') or phase}: {text(status, 'message')}")
    unscheduled = _said(document, "PodScheduled", "False")
    if unscheduled:
        return Health("wrong", unscheduled)
    if phase == "Running" and text(conditions(document).get("Ready"), "status") == "True":
        return WELL
    return Health("waiting", _said(document, "Ready", "False") or f"it is {phase or 'Pending'}")


def _container(status: Document) -> Health | None:
    """What keeps a container from running, or what ended it; None when nothing does."""
    name, waiting = text(status, "name"), part(status, "state", "waiting")
    ended = part(status, "state", "terminated") or part(status, "lastState", "terminated")
    how = f"; it ended with exit code {ended.get('exitCode')} ({text(ended, 'reason')})" if ended else ""
    if waiting:
        reason, said = text(waiting, "reason"), text(waiting, "message")
        message = f"container {name}: {reason}{f': {said}' if said else ''}{how}"
        return Health("waiting" if reason in _PASSING else "wrong", message)
    if part(status, "state", "terminated") and ended.get("exitCode") != 0:
        return Health("wrong", f"container {name}{how}")
    return None


def _ingress(document: Document) -> Health:
    if items(part(document, "status", "loadBalancer"), "ingress"):
        return WELL
    return Health("waiting", "no ingress controller has given it an address yet")


def _service(document: Document) -> Health:
    if text(part(document, "spec"), "type") != "LoadBalancer":
        return WELL
    if items(part(document, "status", "loadBalancer"), "ingress"):
        return WELL
    return Health("waiting", "its load balancer has no address yet")


def _autoscaler(document: Document) -> Health:
    failed = _said(document, "AbleToScale", "False") or _said(document, "ScalingActive", "False")
    return Health("wrong", failed) if failed else WELL


def _any(document: Document) -> Health:
    stalled = _said(document, "Stalled", "True")
    if stalled:
        return Health("wrong", stalled)
    unready = _said(document, "Ready", "False")
    return Health("waiting", unready) if unready else WELL


_JUDGES: Final[dict[str, Callable[[Document], Health]]] = {
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "HorizontalPodAutoscaler": _autoscaler,
    "Ingress": _ingress,
    "Job": _job,
    "PersistentVolumeClaim": _volume_claim,
    "Pod": _pod,
    "Service": _service,
    "StatefulSet": _stateful_set,
}
