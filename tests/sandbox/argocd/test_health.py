"""Health of each kind, and of an Application from its objects."""

from typing import Any

import pytest

from sandbox.argocd.health import Health, aggregate, of

Json = dict[str, Any]


def _object(kind: str, status: Json | None = None, spec: Json | None = None, **metadata: Any) -> Json:
    api_version, _, name = kind.rpartition("/")
    whole: Json = {"apiVersion": api_version, "kind": name, "metadata": {"name": "x", "generation": 2, **metadata}}
    return whole | ({"status": status} if status is not None else {}) | {"spec": spec or {}}


def _rolled(**status: int) -> Json:
    return {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2} | status


_STUCK = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
DEPLOYMENT, SET = "apps/v1/Deployment", "apps/v1/StatefulSet"
TWO = {"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}


@pytest.mark.parametrize(
    ("live", "status", "reason"),
    [
        (_object(DEPLOYMENT, {}, TWO), "Progressing", "not seen by its controller"),
        (_object(DEPLOYMENT, _rolled(), TWO), "Healthy", "rolled out"),
        (_object(DEPLOYMENT, _rolled(updatedReplicas=1), TWO), "Progressing", "half updated"),
        (_object(DEPLOYMENT, _rolled(replicas=3), TWO), "Progressing", "an old one still runs"),
        (_object(DEPLOYMENT, _rolled(availableReplicas=1), TWO), "Progressing", "half available"),
        (_object(DEPLOYMENT, _rolled() | {"conditions": [_STUCK]}, TWO), "Degraded", "stuck"),
        (_object(DEPLOYMENT, _rolled(), {"paused": True}), "Suspended", "paused"),
        (_object(SET, {}, TWO), "Progressing", "not seen by its controller"),
        (_object(SET, {"observedGeneration": 2, "readyReplicas": 1}, TWO), "Progressing", "half ready"),
        (_object(SET, {"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 2}, TWO), "Healthy", "ready"),
        (_object("v1/Service"), "Healthy", "inside the cluster"),
        (_object("v1/Service", {}, {"type": "LoadBalancer"}), "Progressing", "no address yet"),
        (_object("networking.k8s.io/v1/Ingress", {"loadBalancer": {}}), "Progressing", "no address yet"),
        (_object("networking.k8s.io/v1/Ingress", {"loadBalancer": {"ingress": [{"ip": "::"}]}}), "Healthy", "one"),
        (_object("v1/PersistentVolumeClaim", {"phase": "Pending"}), "Progressing", "no volume yet"),
        (_object("v1/PersistentVolumeClaim", {"phase": "Bound"}), "Healthy", "bound"),
        (_object("v1/PersistentVolumeClaim", {"phase": "Lost"}), "Degraded", "lost"),
        (_object("batch/v1/Job", {}), "Progressing", "runs"),
        (_object("batch/v1/Job", {"conditions": [{"type": "Complete", "status": "True"}]}), "Healthy", "done"),
        (_object("batch/v1/Job", {"conditions": [{"type": "Failed", "status": "True"}]}), "Degraded", "failed"),
        (_object("batch/v1/Job", {}, {"suspend": True}), "Suspended", "suspended"),
        (_object("batch/v1/CronJob", {}), "Healthy", "not its time yet"),
        (_object("batch/v1/CronJob"), "Progressing", "no status at all"),
        (
            _object("batch/v1/CronJob", {"lastScheduleTime": "2", "lastSuccessfulTime": "1"}),
            "Degraded",
            "last one failed",
        ),
        (
            _object("batch/v1/CronJob", {"lastScheduleTime": "1", "lastSuccessfulTime": "2"}),
            "Healthy",
            "last one did not",
        ),
        (_object("autoscaling/v2/HorizontalPodAutoscaler", {}), "Progressing", "says nothing"),
        (
            _object(
                "autoscaling/v2/HorizontalPodAutoscaler", {"conditions": [{"type": "AbleToScale", "status": "True"}]}
            ),
            "Healthy",
            "can scale",
        ),
        (
            _object(
                "autoscaling/v2/HorizontalPodAutoscaler",
                {"conditions": [{"type": "AbleToScale", "status": "False", "reason": "FailedGetScale"}]},
            ),
            "Degraded",
            "cannot",
        ),
        (_object("policy/v1/PodDisruptionBudget", {}), "Progressing", "says nothing"),
        (
            _object(
                "policy/v1/PodDisruptionBudget", {"conditions": [{"status": "False", "reason": "InsufficientPods"}]}
            ),
            "Healthy",
            "too few pods are none of its faults",
        ),
        (
            _object(
                "argoproj.io/v1alpha1/ApplicationSet", {"conditions": [{"type": "ErrorOccurred", "status": "True"}]}
            ),
            "Degraded",
            "an error",
        ),
        (_object("v1/ConfigMap", deletionTimestamp="now"), "Progressing", "going"),
    ],
)
def test_objects(live: Json, status: str, reason: str) -> None:
    found = of(live)
    assert found is not None
    assert found.status == status, reason


def test_most_kinds_have_no_health() -> None:
    assert of(_object("v1/ConfigMap")) is None


_FINE, _SLOW = _object("v1/Service"), _object(DEPLOYMENT, {}, TWO)
_BROKEN = _object(DEPLOYMENT, _rolled() | {"conditions": [_STUCK]}, TWO)


@pytest.mark.parametrize(
    ("objects", "health", "reason"),
    [
        ([], Health("Healthy"), "nothing can be wrong with nothing"),
        ([("a", None), ("b", None)], Health("Missing"), "nothing is there"),
        ([("a", None), ("b", _FINE)], Health("Healthy"), "something is: the sync status tells of the rest"),
        ([("a", _FINE), ("b", _SLOW)], Health("Progressing", "Caused by b"), "the worst counts, by name"),
        ([("a", _BROKEN), ("b", _SLOW)], Health("Degraded", "Caused by a"), "and not the last"),
    ],
)
def test_applications(objects: list[tuple[str, Json | None]], health: Health, reason: str) -> None:
    assert aggregate(objects) == health, reason
