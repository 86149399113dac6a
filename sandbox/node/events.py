"""Kubernetes Events about Jobs and Pods: the story that `kubectl describe` tells."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sandbox.argocd.api import CONFLICT, ApiError
from sandbox.node import clock
from sandbox.node.api import EVENT, NodeApi
from sandbox.node.errors import CONTAINER_CREATING

Json = dict[str, Any]

_LONGEST: Final = 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class News:
    """Something that happened. `mark` tells it from the same thing happening again."""

    reason: str
    message: str
    warning: bool = False
    mark: str = ""


def of_pod(status: Json) -> Iterator[News]:
    """What a Pod's status tells of its containers, in the kubelet's words."""
    for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state, mark = one["state"], str(one["restartCount"])
        waiting = state.get("waiting") or {}
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if "running" in state or "terminated" in state:
            yield News("Started", f"Started container {one['name']}", mark=mark)
        elif reason == "CrashLoopBackOff":
            text = f"Back-off restarting failed container {one['name']} in pod"
            yield News("BackOff", text, warning=True, mark=mark)
        elif message and reason == CONTAINER_CREATING:
            yield News("FailedMount", message, warning=True)
        elif message:
            yield News("Failed", f"Error: {message}", warning=True)


def of_job(status: Json) -> Iterator[News]:
    """What a Job's status tells of its end."""
    for condition in status.get("conditions") or ():
        if condition["type"] == "Complete":
            yield News("Completed", "Job completed")
        elif condition["type"] == "Failed":
            yield News(condition["reason"], condition["message"], warning=True)


def record(api: NodeApi, about: Json, news: News, component: str, now: float) -> None:
    """Write an Event about a Job or a Pod, once. What cannot be written is logged: an Event is news, never state."""
    metadata, time = about["metadata"], clock.written(now)
    api_version, kind = ("batch/v1", "Job") if "template" in about["spec"] else ("v1", "Pod")
    content = "\0".join((metadata["uid"], news.reason, news.message, news.mark))
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name']}.{hashlib.sha256(content.encode()).hexdigest()[:16]}",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": api_version,
            "kind": kind,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": "Warning" if news.warning else "Normal",
        "reason": news.reason,
        "message": news.message[:_LONGEST],
        "source": {"component": component},
        "reportingComponent": component,
        "reportingInstance": component,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
    try:
        api.create(EVENT, body)
    except ApiError as error:
        if error.code != CONFLICT:
            log.warning("no Event for %s %s: %s", kind, metadata["name"], error)
