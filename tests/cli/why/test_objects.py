"""Objects and their pods, by their own statuses."""

from typing import Any

import pytest

from cli.why import health
from cli.why.chain import chain
from cli.why.facts import Rendered
from cli.why.object_links import object_links
from tests.cli.why.facts import condition, deployed_by, recorded

DEADLINE = condition("Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "x" has timed out progressing.')


def made(kind: str, status: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **more: Any) -> Any:
    return {"kind": kind, "metadata": {"name": "x", "generation": 2} | more, "spec": spec or {}, "status": status or {}}


def container(**state: Any) -> dict[str, Any]:
    return {"name": "app"} | state


def pod(*containers: dict[str, Any], phase: str = "Pending", **status: Any) -> Any:
    return made("Pod", {"phase": phase, "containerStatuses": list(containers)} | status)


SEEN = {"observedGeneration": 2}
DONE = SEEN | {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
PULL = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x:9"'}}
CRASH = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}}
EXITED = {"terminated": {"exitCode": 1, "reason": "Error"}}
TWO = {"replicas": 2}
CASES: list[tuple[Any, str, str, str]] = [
    (made("Deployment", DONE, TWO), "ok", "", "a rollout that is over"),
    (made("Deployment", DONE, {}), "ok", "", "one replica by default"),
    (made("Deployment", DONE, {"replicas": 0}), "ok", "", "none wanted"),
    (made("Deployment", {}, TWO), "waiting", "its controller has not looked at it yet", "new"),
    (made("Deployment", DONE | {"updatedReplicas": 1}, TWO), "waiting", "1 of 2 replicas are updated", "rolling"),
    (
        made(
            "Deployment",
            DONE | {"availableReplicas": 0, "conditions": [condition("Available", "False", "A", "b")]},
            TWO,
        ),
        "waiting",
        "0 of 2 replicas are available; A: b",
        "not available",
    ),
    (
        made("Deployment", SEEN | {"conditions": [DEADLINE]}, TWO),
        "wrong",
        'ProgressDeadlineExceeded: ReplicaSet "x" has timed out progressing.',
        "the deadline passed",
    ),
    (
        made("Deployment", SEEN | {"conditions": [condition("ReplicaFailure", "True", "FailedCreate", "quota")]}, TWO),
        "wrong",
        "FailedCreate: quota",
        "no pod may be made",
    ),
    (made("StatefulSet", SEEN | {"updatedReplicas": 1, "availableReplicas": 1}), "ok", "", "a database"),
    (made("StatefulSet", SEEN | {"updatedReplicas": 1}), "waiting", "0 of 1 replicas are available", "starting"),
    (made("StatefulSet", SEEN | {"readyReplicas": 1}), "ok", "", "a cluster that counts no available ones"),
    (
        made("DaemonSet", SEEN | {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}),
        "ok",
        "",
        "everywhere",
    ),
    (
        made("DaemonSet", SEEN | {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3}),
        "waiting",
        "0 of 3",
        "nowhere",
    ),
    (made("DaemonSet"), "waiting", "has not looked", "a new one"),
    (made("StatefulSet"), "waiting", "has not looked", "a new one of these"),
    (made("Job", {"conditions": [condition("Complete")]}), "ok", "", "done"),
    (made("Job"), "waiting", "it has not finished yet", "at work"),
    (
        made("Job", {"conditions": [condition("Failed", "True", "BackoffLimitExceeded", "gave up")]}),
        "wrong",
        "gave up",
        "failed",
    ),
    (made("PersistentVolumeClaim", {"phase": "Bound"}), "ok", "", "bound"),
    (made("PersistentVolumeClaim", {"phase": "Pending"}), "waiting", "it is Pending", "no volume yet"),
    (made("PersistentVolumeClaim", {"phase": "Lost"}), "wrong", "it is Lost", "its volume is gone"),
    (made("Ingress"), "waiting", "no ingress controller", "nobody serves it"),
    (made("Ingress", {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}), "ok", "", "served"),
    (made("Service"), "ok", "", "inside the cluster"),
    (made("Service", {}, {"type": "LoadBalancer"}), "waiting", "no address yet", "no load balancer"),
    (made("Service", {"loadBalancer": {"ingress": [{"ip": "1"}]}}, {"type": "LoadBalancer"}), "ok", "", "balanced"),
    (
        made(
            "HorizontalPodAutoscaler", {"conditions": [condition("ScalingActive", "False", "FailedGet", "no metrics")]}
        ),
        "wrong",
        "FailedGet: no metrics",
        "no metrics",
    ),
    (made("HorizontalPodAutoscaler", {"conditions": [condition("ScalingActive")]}), "ok", "", "scaling"),
    (made("ConfigMap"), "ok", "", "nothing to go wrong"),
    (
        made("Certificate", {"conditions": [condition("Ready", "False", "Pending", "dns")]}),
        "waiting",
        "Pending: dns",
        "any kind",
    ),
    (made("Kustomization", {"conditions": [condition("Stalled", "True", "Bad", "no")]}), "wrong", "Bad: no", "kstatus"),
    (made("ConfigMap", deletionTimestamp="now"), "waiting", "it is being deleted", "going"),
    (pod(container(state=PULL)), "wrong", 'container app: ImagePullBackOff: Back-off pulling image "x:9"', "no image"),
    (
        pod(container(state=CRASH, lastState=EXITED), phase="Running"),
        "wrong",
        "container app: CrashLoopBackOff: back-off 5m0s; it ended with exit code 1 (Error)",
        "it crashes",
    ),
    (pod(container(state=EXITED), phase="Running"), "wrong", "exit code 1", "it has just crashed"),
    (
        pod(container(state={"waiting": {"reason": "ContainerCreating"}})),
        "waiting",
        "container app: ContainerCreating",
        "it needs a moment",
    ),
    (
        pod(conditions=[condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available")]),
        "wrong",
        "Unschedulable: 0/3 nodes are available",
        "no room",
    ),
    (pod(phase="Failed", reason="Evicted", message="low on memory"), "wrong", "Evicted: low on memory", "evicted"),
    (pod(phase="Succeeded"), "ok", "", "a job's"),
    (pod(container(state={"running": {}}), phase="Running", conditions=[condition("Ready")]), "ok", "", "runs"),
    (
        pod(
            container(state={"running": {}}),
            phase="Running",
            conditions=[condition("Ready", "False", "ContainersNotReady", "app")],
        ),
        "waiting",
        "ContainersNotReady: app",
        "its probe does not answer",
    ),
    (
        made("Pod", {"phase": "Pending", "initContainerStatuses": [container(state=PULL)]}),
        "wrong",
        "ImagePullBackOff",
        "an init container",
    ),
]


@pytest.mark.parametrize(("document", "state", "message", "reason"), CASES, ids=[case[3] for case in CASES])
def test_health(document: Any, state: str, message: str, reason: str) -> None:
    found = health.of(document)
    assert found.state == state
    assert message in found.message
    assert bool(found.message) == (state != "ok")


STUCK = made("Deployment", SEEN | {"conditions": [DEADLINE]}, TWO)
SLOW = made("Deployment", DONE | {"availableReplicas": 1}, TWO)


def rendered(live: Any, *pods: Any, name: str = "shop", **more: Any) -> Rendered:
    return Rendered("Deployment", "dev", name, "Synced", live, pods=pods, **more)


def test_a_pod_says_more_than_its_deployment() -> None:
    waiting = pod(container(state=PULL))
    (link,) = object_links((rendered(SLOW, waiting),))
    assert link.subject == "deployment/shop in dev"
    assert link.state == "wrong", "the pod does not mend itself"
    assert link.message.startswith("1 of 2 replicas are available; pod x: container app: ImagePullBackOff")
    assert link.look == "kubectl describe pod/x -n dev"


@pytest.mark.parametrize("state", [CRASH, EXITED])
def test_of_a_pod_that_crashes_the_log_is_what_helps(state: Any) -> None:
    (link,) = object_links((rendered(SLOW, pod(container(state=state))),))
    assert link.look == "kubectl logs x -n dev --all-containers --previous"


def test_a_pod_that_goes_is_not_looked_at() -> None:
    going = pod(container(state=PULL)) | {"metadata": {"name": "old", "deletionTimestamp": "now"}}
    (link,) = object_links((rendered(SLOW, going),))
    assert link.look == "kubectl describe deployment/shop -n dev"


def test_events_are_shown_a_few() -> None:
    event = {"involvedObject": {"kind": "Pod", "name": "x"}, "reason": "Failed", "message": "no such image"}
    (link,) = object_links((rendered(STUCK, events=(event,) * 9),))
    assert link.details == ("pod/x: Failed: no such image",) * 3


def test_what_does_not_mend_itself_comes_first() -> None:
    """And what is well, or could not be looked at, is not told."""
    found = object_links(
        (
            rendered(SLOW, name="slow"),
            rendered(made("Deployment", DONE, TWO), name="well"),
            rendered(None, name="elsewhere", is_seen=False),
            rendered(None, name="gone"),
            rendered(STUCK, name="stuck"),
        )
    )
    assert [(link.subject.partition(" ")[0], link.state) for link in found] == [
        ("deployment/gone", "wrong"),
        ("deployment/stuck", "wrong"),
        ("deployment/slow", "waiting"),
    ]


def test_a_degraded_application_is_explained_by_its_objects() -> None:
    """Its own word is only which object it is; where the object cannot be seen, that has to do."""
    application = recorded("deployment-stuck", "Application", "dev-user-service")
    objects = {"dev-user-service": (rendered(STUCK, name="user-service"),)}
    found = chain(deployed_by(application, objects=objects))
    assert found.first is not None
    assert (found.first.step, found.first.subject) == ("object", "deployment/user-service in dev")
    assert [link.step for link in found.branches[0].links] == ["row", "application", "object"]
    alone = chain(deployed_by(application)).first
    assert alone is not None
    assert alone.message.endswith("Caused by apps/Deployment:dev/user-service")


def test_objects_of_a_healthy_application_are_not_doubted() -> None:
    """ArgoCD knows of more kinds than we do."""
    application = recorded("credentials-added-then-refresh", "Application", "dev-order-service")
    assert chain(deployed_by(application, objects={"dev-order-service": (rendered(SLOW),)})).first is None
