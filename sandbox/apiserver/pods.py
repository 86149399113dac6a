"""Pods: their columns, what the real server fills into them and which of their fields may not change.

Nothing here runs them, and no account's token is mounted into them: a pod that no node took is gone when it is deleted,
one that a node took as soon as its finalizers are. Source: k8s.io/kubernetes, pkg/apis/core/v1/defaults.go,
pkg/registry/core/pod/strategy.go and pkg/printers/internalversion/printers.go.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from typing import Any, Final

from sandbox.apiserver.causes import Cause
from sandbox.apiserver.resources import Column

Json = dict[str, Any]
_NONE: Final = "<none>"
_SPEC: Final[Json] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}
_ADMITTED: Final[Json] = {
    "priority": 0,
    "preemptionPolicy": "PreemptLowerPriority",
    "tolerations": [
        {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for state in ("not-ready", "unreachable")
    ],
}
_PROBE: Final[Json] = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_ENDS: Final = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_MODE: Final = 0o644
_FILES: Final = ("secret", "configMap", "downwardAPI", "projected")
_CONTAINER: Final[Json] = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_MAY_CHANGE: Final = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations")
_CONTAINERS: Final = ("initContainers", "containers")
_CHANGED: Final = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
KIND: Final[Json] = {
    "kind": "Pod",
    "short_names": ("po",),
    "categories": ("all",),
    "returned": True,
    "status": True,
    "generation": True,
    "columns": (
        Column("Ready", "string", "", "The aggregate readiness state of this pod for accepting traffic."),
        Column("Status", "string", "", "The aggregate status of the containers in this pod."),
        Column(
            "Restarts",
            "string",
            "",
            "The number of times the containers in this pod have been restarted and when the last container in this "
            "pod has restarted.",
        ),
        Column("Age", "string"),
        Column("IP", "string", priority=1),
        Column("Node", "string", priority=1),
        Column("Nominated Node", "string", priority=1),
        Column("Readiness Gates", "string", priority=1),
    ),
    "selectable": {
        "spec.nodeName": ("spec", "nodeName"),
        "spec.restartPolicy": ("spec", "restartPolicy"),
        "spec.serviceAccountName": ("spec", "serviceAccountName"),
        "status.phase": ("status", "phase"),
        "status.podIP": ("status", "podIP"),
    },
    "subresources": ({"name": "log", "verbs": ["get"]},),
    "skeleton": {"spec": {"containers": None}, "status": {}},
}
"""What differs from a namespaced kind of the core group."""


def default(pod: Json) -> None:
    """Fill in what the real server fills in, in place."""
    spec = pod.setdefault("spec", {})
    for key, value in _SPEC.items():
        spec.setdefault(key, deepcopy(value))
    if account := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in (one for key in _CONTAINERS for one in spec.get(key) or ()):
        _default_container(container)
    for volume in spec.get("volumes") or ():
        for kind in (kind for kind in _FILES if kind in volume):
            volume[kind].setdefault("defaultMode", _MODE)
        for source in (volume.get("projected") or {}).get("sources") or ():
            source.get("serviceAccountToken", {}).setdefault("expirationSeconds", 3600)


def prepare(pod: Json, old: Json | None) -> None:
    """Give a new pod its status, and what the real server's admission adds (which its author does not own)."""
    if old is None:
        spec = pod["spec"]
        spec["serviceAccountName"] = spec["serviceAccount"] = spec.get("serviceAccountName", "default")
        for key, value in _ADMITTED.items():
            spec.setdefault(key, deepcopy(value))
        pod["status"] = {"phase": "Pending", "qosClass": _quality(pod["spec"].get("containers") or [])}


def validate(pod: Json, old: Json | None) -> list[Cause]:
    """Return what is wrong with a pod, or with a change of one."""
    if old is not None:
        return [] if _fixed(pod["spec"]) == _fixed(old["spec"]) else [Cause("FieldValueForbidden", _CHANGED, "spec")]
    spec, causes = pod["spec"], []
    if not spec.get("containers"):
        causes.append(Cause("FieldValueRequired", "Required value", "spec.containers"))
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for key in _CONTAINERS:
        for index, container in enumerate(spec.get(key) or ()):
            causes += _judged(container, f"spec.{key}[{index}]", volumes)
    return causes


def cell(name: str, pod: Json, _: datetime) -> Any:
    """Return the cell of a column, or None for one that is filled as for other kinds."""
    spec, status = pod["spec"], pod.get("status") or {}
    containers = status.get("containerStatuses") or ()
    match name:
        case "Ready":
            ready = sum(bool(one.get("ready")) and "running" in (one.get("state") or {}) for one in containers)
            return f"{ready}/{len(spec.get('containers') or ())}"
        case "Status":
            return _shown_status(pod)
        case "Restarts":
            return str(sum(one.get("restartCount", 0) for one in containers))
        case "IP":
            return status.get("podIP") or _NONE
        case "Node":
            return spec.get("nodeName") or _NONE
        case "Nominated Node":
            return status.get("nominatedNodeName") or _NONE
        case "Readiness Gates":
            gates = spec.get("readinessGates") or ()
            return f"0/{len(gates)}" if gates else _NONE
    return None


def ended(pod: Json) -> list[Json]:
    """Return the conditions of a pod's row: that it has ended, and how."""
    reason = (pod.get("status") or {}).get("phase", "")
    return (
        [{"type": "Completed", "status": "True", "reason": reason, "message": _ENDS[reason]}] if reason in _ENDS else []
    )


def _default_container(container: Json) -> None:
    for key, value in _CONTAINER.items():
        container.setdefault(key, deepcopy(value))
    name = container.get("image", "").rpartition("/")[2]
    floating = "@" not in name and name.partition(":")[2] in {"", "latest"}
    container.setdefault("imagePullPolicy", "Always" if floating else "IfNotPresent")
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        if reference := (variable.get("valueFrom") or {}).get("fieldRef"):
            reference.setdefault("apiVersion", "v1")
    resources = container["resources"]
    if limits := resources.get("limits"):
        resources["requests"] = {**limits, **(resources.get("requests") or {})}
    for probe in (container[key] for key in _PROBES if key in container):
        for key, number in _PROBE.items():
            probe.setdefault(key, number)
        if "httpGet" in probe:
            probe["httpGet"].setdefault("path", "/")
            probe["httpGet"].setdefault("scheme", "HTTP")


def _quality(containers: list[Json]) -> str:
    """Return the class that the containers' resources put a pod into."""
    resources = [one.get("resources") or {} for one in containers]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    whole = all({"cpu", "memory"} <= set(one.get("limits") or ()) for one in resources)
    return "Guaranteed" if whole and all(one["requests"] == one["limits"] for one in resources) else "Burstable"


def _fixed(spec: Json) -> Json:
    """Return the part of a spec that never changes."""
    kept = {key: value for key, value in spec.items() if key not in _MAY_CHANGE}
    for key in _CONTAINERS:
        if key in kept:
            kept[key] = [{name: value for name, value in one.items() if name != "image"} for one in kept[key]]
    return kept


def _judged(container: Json, path: str, volumes: set[str | None]) -> Iterator[Cause]:
    for key in ("name", "image"):
        if not container.get(key):
            yield Cause("FieldValueRequired", "Required value", f"{path}.{key}")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            text = f"Not found: {json.dumps(mount.get('name', ''))}"
            yield Cause("FieldValueNotFound", text, f"{path}.volumeMounts[{index}].name")


def _shown_status(pod: Json) -> str:
    status = pod.get("status") or {}
    shown = status.get("reason") or status.get("phase") or ""
    waiting = _initializing(status.get("initContainerStatuses") or (), len(pod["spec"].get("initContainers") or ()))
    running = False
    if waiting:
        shown = waiting
    else:
        for container in reversed(status.get("containerStatuses") or ()):
            shown = _stopped(container) or shown
            running = running or (bool(container.get("ready")) and "running" in (container.get("state") or {}))
        if shown == "Completed" and running:
            ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
            shown = "Running" if ready else "NotReady"
    if "deletionTimestamp" in pod["metadata"] and status.get("phase") not in {"Succeeded", "Failed"}:
        return "Terminating"
    return shown


def _initializing(containers: Any, total: int) -> str:
    """Return what the first init container that has not ended well says, or nothing."""
    for index, container in enumerate(containers):
        state = container.get("state") or {}
        if (state.get("terminated") or {}).get("exitCode") == 0:
            continue
        waiting = (state.get("waiting") or {}).get("reason", "PodInitializing")
        if "terminated" in state or waiting != "PodInitializing":
            return f"Init:{_stopped(container)}"
        return f"Init:{index}/{total}"
    return ""


def _stopped(container: Json) -> str:
    """Return why a container does not run, or nothing."""
    state = container.get("state") or {}
    if reason := (state.get("waiting") or {}).get("reason"):
        return str(reason)
    ended = state.get("terminated")
    if ended is None:
        return ""
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"
