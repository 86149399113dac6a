"""Health of objects as ArgoCD's own checks give it (gitops-engine pkg/health, resource_customizations)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from sandbox.argocd.api import Json

HEALTHY: Final = "Healthy"
PROGRESSING: Final = "Progressing"
SUSPENDED: Final = "Suspended"
DEGRADED: Final = "Degraded"
MISSING: Final = "Missing"
UNKNOWN: Final = "Unknown"

_WORSE: Final = (HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN)


@dataclass(frozen=True)
class Health:
    """How an object is, and why."""

    status: str
    message: str = ""


def of(live: Json) -> Health | None:
    """The health of a live object; None for a kind that has none."""
    if live["metadata"].get("deletionTimestamp"):
        return Health(PROGRESSING, "Pending deletion")
    check = _CHECKS.get(f"{_group(live)}/{live['kind']}")
    return check(live) if check else None


def aggregate(objects: Iterable[tuple[str, Json | None]]) -> Health:
    """The health of an Application from its objects, each with what it is called; a missing one is None.

    All missing is Missing; of the others the worst counts, and the message names it.
    """
    known = list(objects)
    if known and all(live is None for _, live in known):
        return Health(MISSING)
    worst = Health(HEALTHY)
    for name, live in known:
        found = of(live) if live is not None else None
        if found and _WORSE.index(found.status) > _WORSE.index(worst.status):
            worst = Health(found.status, f"Caused by {name}")
    return worst


def _group(live: Json) -> str:
    group, _, version = live["apiVersion"].partition("/")
    return group if version else ""


def _deployment(live: Json) -> Health:
    spec, status = live.get("spec") or {}, live.get("status") or {}
    if spec.get("paused"):
        return Health(SUSPENDED, "Deployment is paused")
    if live["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return Health(
            PROGRESSING, "Waiting for rollout to finish: observed deployment generation less than desired generation"
        )
    progressing = _condition(live, "Progressing")
    if progressing and progressing.get("reason") == "ProgressDeadlineExceeded":
        return Health(DEGRADED, f'Deployment "{live["metadata"]["name"]}" exceeded its progress deadline')
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    there, available = status.get("replicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return Health(
            PROGRESSING, f"Waiting for rollout to finish: {updated} out of {wanted} new replicas have been updated..."
        )
    if there > updated:
        return Health(
            PROGRESSING, f"Waiting for rollout to finish: {there - updated} old replicas are pending termination..."
        )
    if available < updated:
        return Health(
            PROGRESSING, f"Waiting for rollout to finish: {available} of {updated} updated replicas are available..."
        )
    return Health(HEALTHY)


def _stateful_set(live: Json) -> Health:
    spec, status = live.get("spec") or {}, live.get("status") or {}
    if not status.get("observedGeneration") or live["metadata"].get("generation", 0) > status["observedGeneration"]:
        return Health(PROGRESSING, "Waiting for statefulset spec update to be observed...")
    wanted, ready, updated = spec.get("replicas", 1), status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if ready < wanted:
        return Health(PROGRESSING, f"Waiting for {wanted - ready} pods to be ready...")
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "RollingUpdate" and rolling is not None:
        pending = wanted - (rolling.get("partition") or 0)
        if updated < pending:
            text = (
                f"Waiting for partitioned roll out to finish: {updated} out of {pending} new pods have been updated..."
            )
            return Health(PROGRESSING, text)
        return Health(HEALTHY)
    if strategy.get("type") != "OnDelete" and status.get("updateRevision") != status.get("currentRevision"):
        text = f"{updated} pods at revision {status.get('updateRevision')}..."
        return Health(PROGRESSING, f"waiting for statefulset rolling update to complete {text}")
    return Health(HEALTHY)


def _daemon_set(live: Json) -> Health:
    status = live.get("status") or {}
    if live["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return Health(
            PROGRESSING, "Waiting for rollout to finish: observed daemon set generation less than desired generation"
        )
    wanted = status.get("desiredNumberScheduled", 0)
    if status.get("updatedNumberScheduled", 0) < wanted or status.get("numberAvailable", 0) < wanted:
        return Health(PROGRESSING, f"Waiting for daemon set {live['metadata']['name']} rollout to finish")
    return Health(HEALTHY)


def _service(live: Json) -> Health:
    if (live.get("spec") or {}).get("type") != "LoadBalancer":
        return Health(HEALTHY)
    return _balanced(live)


def _balanced(live: Json) -> Health:
    given = ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    return Health(HEALTHY) if given else Health(PROGRESSING)


def _volume_claim(live: Json) -> Health:
    phase = (live.get("status") or {}).get("phase")
    return Health({"Lost": DEGRADED, "Pending": PROGRESSING, "Bound": HEALTHY}.get(str(phase), UNKNOWN))


def _job(live: Json) -> Health:
    failed, complete = _condition(live, "Failed"), _condition(live, "Complete")
    if failed and failed.get("status") == "True":
        return Health(DEGRADED, failed.get("message", ""))
    if complete and complete.get("status") == "True":
        return Health(HEALTHY, complete.get("message", ""))
    if (live.get("spec") or {}).get("suspend"):
        return Health(SUSPENDED)
    return Health(PROGRESSING)


def _cron_job(live: Json) -> Health:
    spec, status = live.get("spec") or {}, live.get("status")
    if spec.get("suspend"):
        return Health(SUSPENDED, "CronJob is Suspended")
    if status is None:
        return Health(PROGRESSING, "Waiting for CronJob")
    last, good = status.get("lastScheduleTime"), status.get("lastSuccessfulTime")
    if not last:
        return Health(HEALTHY, "CronJob has not been scheduled yet")
    if good and not status.get("active") and good < last:
        return Health(DEGRADED, "CronJob has not completed its last execution successfully")
    return Health(HEALTHY)


def _autoscaler(live: Json) -> Health:
    for condition in (live.get("status") or {}).get("conditions") or []:
        type_, reason = condition["type"], condition.get("reason", "")
        if (type_, reason) in _DEGRADED_AUTOSCALER:
            return Health(DEGRADED, condition.get("message", ""))
        if type_ in ("AbleToScale", "ScalingLimited") and condition.get("status") == "True":
            return Health(HEALTHY, condition.get("message", ""))
    return Health(PROGRESSING, "Waiting to Autoscale")


_DEGRADED_AUTOSCALER: Final = {
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "InvalidSelector"),
}


def _application_set(live: Json) -> Health:
    error, current = _condition(live, "ErrorOccurred"), _condition(live, "ResourcesUpToDate")
    if error and error.get("status") == "True":
        return Health(DEGRADED, error.get("message", ""))
    if current:
        return Health(HEALTHY if current.get("status") == "True" else DEGRADED, current.get("message", ""))
    return Health(PROGRESSING, "Waiting for the status to be reported")


def _budget(live: Json) -> Health:
    found = Health(PROGRESSING, "Waiting for status")
    for condition in (live.get("status") or {}).get("conditions") or []:
        message = f"PodDisruptionBudget has {condition.get('reason')}"
        if condition.get("status") == "False" and condition.get("reason") != "InsufficientPods":
            return Health(DEGRADED, message)
        found = Health(HEALTHY, message)
    return found


def _condition(live: Json, type_: str) -> Json | None:
    conditions = (live.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == type_), None)


_CHECKS: Final[dict[str, Callable[[Json], Health]]] = {
    "apps/Deployment": _deployment,
    "apps/StatefulSet": _stateful_set,
    "apps/DaemonSet": _daemon_set,
    "/Service": _service,
    "networking.k8s.io/Ingress": _balanced,
    "/PersistentVolumeClaim": _volume_claim,
    "batch/Job": _job,
    "batch/CronJob": _cron_job,
    "autoscaling/HorizontalPodAutoscaler": _autoscaler,
    "policy/PodDisruptionBudget": _budget,
    "argoproj.io/ApplicationSet": _application_set,
}
