"""The lives of workloads on a cluster without nodes, with a clock of the test's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.apiserver.changes import Options, Target
from sandbox.apiserver.cluster import Cluster
from sandbox.apiserver.patches import MERGE_PATCH
from sandbox.apiserver.storage import Storage
from sandbox.workloads.controllers import Controllers
from sandbox.workloads.settings import Settings

Json = dict[str, Any]
LABELS = {"app.kubernetes.io/instance": "dev-web"}
MINE = Options(manager="test")


class World:
    """A cluster in memory, its controllers and their clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = 0.0
        self.start()

    def start(self) -> None:
        """Serve what the files hold."""
        self.storage = Storage(self.path, 1000)
        self.cluster = Cluster(self.storage)
        self.controllers = Controllers(self.cluster, Settings(ready_after=2, progress_deadline=5), lambda: self.time)

    def after(self, seconds: float = 0) -> None:
        """Let time pass and the controllers work."""
        self.time += seconds
        self.controllers.work()

    def create(self, plural: str, group: str, spec: Json, **more: Any) -> None:
        """Create an object named `web` in the namespace `default`."""
        target = Target(self.cluster.resource(plural, group), "default")
        self.cluster.create(target, {"metadata": {"name": "web"}, "spec": spec, **more}, MINE)

    def patch(self, plural: str, group: str, patch: Json) -> None:
        """Change the object."""
        target = Target(self.cluster.resource(plural, group), "default", "web")
        self.cluster.patch(target, MERGE_PATCH, patch, MINE)

    def get(self, resource: str, name: str = "web") -> Json:
        """Return an object."""
        entry = self.storage.get(resource, ("default", name))
        assert entry is not None
        return entry.object

    def status(self, resource: str = "deployments.apps") -> Json:
        """Return the status of `web`."""
        status: Json = self.get(resource)["status"]
        return status

    def conditions(self) -> dict[str, tuple[str, str]]:
        """Return status and reason of the Deployment's conditions."""
        return {one["type"]: (one["status"], one["reason"]) for one in self.status()["conditions"]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of a test's own."""
    made = World(tmp_path / "objects.db")
    yield made
    made.storage.close()


def spec(image: str = "nginx:1", **more: Any) -> Json:
    """The spec of a workload."""
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": image}]}}
    return {"selector": {"matchLabels": LABELS}, "template": template, **more}


def test_a_deployment_becomes_available(world: World) -> None:
    """It progresses for the delay, then all its replicas serve; the reasons are those of the real controller."""
    world.create("deployments", "apps", spec(replicas=2))
    world.after()
    assert world.conditions() == {
        "Available": ("False", "MinimumReplicasUnavailable"),
        "Progressing": ("True", "ReplicaSetUpdated"),
    }
    assert world.status()["unavailableReplicas"] == 2
    assert world.status()["observedGeneration"] == 1
    world.after(1.9)
    assert "availableReplicas" not in world.status()
    world.after(0.2)
    assert world.conditions() == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    assert [world.status()[name] for name in counts] == [2, 2, 2, 2]
    assert "unavailableReplicas" not in world.status()


def test_a_settled_world_is_left_alone(world: World) -> None:
    """Nothing is due any more, and working again writes nothing."""
    world.create("deployments", "apps", spec())
    world.after()
    world.after(2)
    revision = world.storage.revision
    assert world.controllers.work() is None
    world.after(100)
    assert world.storage.revision == revision


def test_a_missing_image_exceeds_the_deadline(world: World) -> None:
    """The first rollout of an image that is not there: nothing serves, and the deadline passes."""
    world.create("deployments", "apps", spec("ghcr.io/x/web:missing"))
    world.after()
    world.after(4)
    assert world.conditions()["Progressing"] == ("True", "ReplicaSetUpdated")
    world.after(1)
    assert world.conditions() == {
        "Available": ("False", "MinimumReplicasUnavailable"),
        "Progressing": ("False", "ProgressDeadlineExceeded"),
    }


def test_old_replicas_serve_on_beside_a_missing_image(world: World) -> None:
    """An update to an image that is not there gets stuck, and the old replicas stay; mending it ends well."""
    world.create("deployments", "apps", spec(replicas=2))
    world.after()
    world.after(2)
    world.patch("deployments", "apps", {"spec": spec("nginx:missing")})
    world.after()
    world.after(5)
    assert world.conditions() == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("False", "ProgressDeadlineExceeded"),
    }
    assert (world.status()["replicas"], world.status()["updatedReplicas"]) == (3, 1)
    assert (world.status()["availableReplicas"], world.status()["unavailableReplicas"]) == (2, 1)
    world.patch("deployments", "apps", {"spec": spec("nginx:2")})
    world.after()
    assert world.conditions()["Progressing"] == ("True", "ReplicaSetUpdated")
    world.after(2)
    assert world.conditions()["Progressing"] == ("True", "NewReplicaSetAvailable")


def test_scaling(world: World) -> None:
    """More replicas of the same template take their time; none at all are available at once."""
    world.create("deployments", "apps", spec())
    world.after()
    world.after(2)
    world.patch("deployments", "apps", {"spec": {"replicas": 3}})
    world.after()
    assert (world.status()["updatedReplicas"], world.status()["availableReplicas"]) == (3, 1)
    world.after(2)
    assert world.status()["availableReplicas"] == 3
    world.patch("deployments", "apps", {"spec": {"replicas": 0}})
    world.after()
    assert world.conditions()["Available"] == ("True", "MinimumReplicasAvailable")
    assert "replicas" not in world.status()


def test_times_of_conditions_turn_with_their_status(world: World) -> None:
    """The time of the last transition stays while the status does."""
    world.create("deployments", "apps", spec())
    world.after()
    before = {one["type"]: one for one in world.status()["conditions"]}
    world.after(2)
    after = {one["type"]: one for one in world.status()["conditions"]}
    assert after["Progressing"]["lastTransitionTime"] == before["Progressing"]["lastTransitionTime"]
    assert after["Progressing"]["reason"] != before["Progressing"]["reason"]


def test_a_restart_keeps_what_was_settled(world: World) -> None:
    """What is available when the controllers start is not rolled out again; what was under way starts again."""
    world.create("deployments", "apps", spec())
    world.after()
    world.after(2)
    world.storage.close()
    world.start()
    revision = world.storage.revision
    world.after()
    assert world.storage.revision == revision
    world.patch("deployments", "apps", {"spec": spec("nginx:2")})
    world.storage.close()
    world.start()
    world.after()
    assert world.conditions()["Progressing"] == ("True", "ReplicaSetUpdated")
    world.after(2)
    assert world.conditions()["Progressing"] == ("True", "NewReplicaSetAvailable")


def test_a_stateful_set_gets_its_volume_claims(world: World) -> None:
    """One for each template and replica, with the selector's labels, bound; they outlive the set."""
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}}
    templates = [{"metadata": {"name": "data", "labels": {"team": "a"}}, "spec": request}]
    world.create("statefulsets", "apps", spec(replicas=2, serviceName="web", volumeClaimTemplates=templates))
    world.after()
    assert world.status("statefulsets.apps")["availableReplicas"] == 0
    world.after(2)
    status = world.status("statefulsets.apps")
    names = ("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas")
    assert [status[name] for name in names] == [2] * 5
    assert status["currentRevision"] == status["updateRevision"]
    for name in ("data-web-0", "data-web-1"):
        claim = world.get("persistentvolumeclaims", name)
        assert claim["metadata"]["labels"] == LABELS | {"team": "a"}
        assert claim["status"]["phase"] == "Bound"
        assert claim["status"]["capacity"] == {"storage": "8Gi"}
    world.cluster.delete(Target(world.cluster.resource("statefulsets", "apps"), "default", "web"), {}, MINE)
    assert world.get("persistentvolumeclaims", "data-web-1")


def test_claims_go_with_a_set_that_says_so(world: World) -> None:
    """`whenDeleted: Delete` makes the set their owner."""
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    policy = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    templates = [{"metadata": {"name": "data"}, "spec": request}]
    world.create(
        "statefulsets", "apps", spec(volumeClaimTemplates=templates, persistentVolumeClaimRetentionPolicy=policy)
    )
    world.after()
    world.cluster.delete(Target(world.cluster.resource("statefulsets", "apps"), "default", "web"), {}, MINE)
    assert world.storage.get("persistentvolumeclaims", ("default", "data-web-0")) is None


def test_a_job_completes_and_a_daemon_set_serves(world: World) -> None:
    """Each after the delay; a Job of a missing image stays active."""
    job = {key: item for key, item in spec().items() if key == "template"}
    world.create("jobs", "batch", job)
    world.create("daemonsets", "apps", spec())
    world.after()
    assert world.status("jobs.batch")["active"] == 1
    assert world.status("daemonsets.apps")["numberReady"] == 0
    world.after(2)
    assert world.status("jobs.batch")["succeeded"] == 1
    assert [one["type"] for one in world.status("jobs.batch")["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert world.status("daemonsets.apps")["numberAvailable"] == 1


def test_what_stands_around_workloads(world: World) -> None:
    """An autoscaler holds its minimum, a budget counts replicas, an Ingress and a load balancer get an address."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    scaler = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 4}
    world.create("deployments", "apps", spec())
    world.create("horizontalpodautoscalers", "autoscaling", scaler)
    world.create("poddisruptionbudgets", "policy", {"maxUnavailable": "50%", "selector": {"matchLabels": LABELS}})
    world.create("ingresses", "networking.k8s.io", {"rules": [{"host": "a.example"}]})
    world.create("services", "", {"type": "LoadBalancer", "ports": [{"port": 80}]})
    world.after()
    world.after(2)
    assert world.get("deployments.apps")["spec"]["replicas"] == 2
    assert world.status("horizontalpodautoscalers.autoscaling")["conditions"][0]["type"] == "AbleToScale"
    budget = world.status("poddisruptionbudgets.policy")
    names = ("expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed")
    assert [budget[name] for name in names] == [2, 2, 1, 1]
    for resource in ("ingresses.networking.k8s.io", "services"):
        assert world.status(resource)["loadBalancer"]["ingress"]


def test_what_is_being_deleted_is_left_alone(world: World) -> None:
    """A workload that a finalizer holds changes no more."""
    world.create("deployments", "apps", spec())
    world.patch("deployments", "apps", {"metadata": {"finalizers": ["example.com/hold"]}})
    world.cluster.delete(Target(world.cluster.resource("deployments", "apps"), "default", "web"), {}, MINE)
    revision = world.storage.revision
    world.after(10)
    assert world.storage.revision == revision


@pytest.mark.parametrize(
    ("image", "missing", "why"),
    [
        ("nginx:1.27", False, "an image like any other"),
        ("ghcr.io/x/web:missing", True, "the tag that is never there"),
        ("ghcr.io/x/web:missing-2", True, "and its like"),
        ("ghcr.io/x/web:missing@sha256:0123", True, "whatever it was resolved to"),
        ("ghcr.io/missing/web:1", False, "the tag decides, not the name"),
        ("ghcr.io/infraforge/ecommerce-platform:v1.3.0-rc.1", True, "the registry has it, and it never starts"),
        ("ghcr.io/infraforge/ecommerce-platform:v1.2.3", False, "as the one before it does"),
    ],
)
def test_missing_images(image: str, missing: bool, why: str) -> None:
    """Which images are never pulled, init containers' included."""
    assert (Settings().missing({"spec": {"containers": [{"image": image}]}}) == image) is missing, why
    assert (Settings().missing({"spec": {"initContainers": [{"image": image}]}}) == image) is missing, why


def test_much_work_is_done_in_slices(world: World) -> None:
    """A slice serves so many objects and says that there is more, until nothing is left but what is due later."""
    for plural in ("deployments", "statefulsets"):
        world.create(plural, "apps", spec())
    served = []
    while world.controllers.work(1) == 0:
        served.append([bool(world.get(f"{plural}.apps").get("status")) for plural in ("deployments", "statefulsets")])
    assert served[0] == [True, False]
    assert served[-1] == [True, True]
    assert world.controllers.work(1) == 2


@pytest.mark.parametrize(
    ("labels", "image", "played"),
    [
        ({"app.kubernetes.io/part-of": "infraforge"}, "ghcr.io/infraforge/bootstrap:1", False),
        ({"app.kubernetes.io/part-of": "infraforge"}, "nginx:1", True),
        ({}, "ghcr.io/infraforge/bootstrap:1", True),
    ],
)
def test_our_own_jobs_are_the_nodes(labels: dict[str, str], image: str, played: bool, world: World) -> None:
    """What really runs must not be said to be done before it is."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "web", "image": image}]}}
    world.create("jobs", "batch", {"template": template}, metadata={"name": "web", "labels": labels})
    world.after(3)

    assert bool(world.get("jobs.batch").get("status")) is played
