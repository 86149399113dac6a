"""What ArgoCD's events cost, and what they change."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.attempt import Attempt
from shared.claims import ApplicationClaim, ApplicationRow, Commit, Deployed
from shared.claims.status import ClaimStatus
from shared.conditions import condition, find, replace
from shared.deploying import Snapshot, View
from shared.errors import KubeConflict, NotBootstrapped
from shared.events import ClaimRef, DeploymentRef, Event, Version
from shared.follower import Follower
from shared.kinds import APPLICATION
from shared.kube.client import Document, Resource
from shared.memory import Memory, Settled
from shared.reconciler import Inputs, Reconciler
from shared.telemetry import Metrics
from shared.web import Reply
from tests.fakes import FakeKube

REF = ClaimRef("ApplicationClaim", "dev", "dev-apps")
SHA = "b" * 40
SPEC: dict[str, Any] = {"clusterType": "nonprod", "environment": "dev", "applications": []}
OF_DEV = DeploymentRef("Application", "dev-web", "nonprod", "dev")


class Handler:
    """Says of every claim what it is told to say; `reconciled` are those that went the whole way."""

    def __init__(self) -> None:
        self.says = Deployed(status="False", reason="Progressing", message="it starts", commit=SHA)
        self.error: Exception | None = None
        self.reconciled: list[ClaimRef] = []
        self.there = True

    def converge(self, attempt: Attempt[ApplicationClaim]) -> None:
        self.reconciled.append(attempt.ref)
        attempt.report.ready("Committed", "all is in Git")

    def survey(self, event: Event) -> Inputs | None:
        return lambda _: None

    def announce(self, attempt: Attempt[ApplicationClaim]) -> Reply | None:
        return None

    def concerned(self, ref: DeploymentRef) -> dict[str, str] | None:
        if ref.cluster_type != "nonprod":
            return None
        return {"spec.clusterType": "nonprod"} | ({"spec.environment": ref.environment} if ref.environment else {})

    def snapshot(self) -> Snapshot | None:
        return Snapshot({}, {}) if self.there else None

    def deployed(self, claim: ApplicationClaim, now: str, at: View | None = None) -> ClaimStatus | None:
        if self.error:
            raise self.error
        status = claim.status
        if status.commit is None:
            return None
        rows = [row.model_copy(update={"deployed": self.says}) for row in status.applications]
        said = condition("Deployed", self.says.status, self.says.reason, self.says.message)
        conditions = replace(status.conditions, said, status.observedGeneration, now)
        return status.model_copy(update={"applications": rows, "conditions": conditions})


class Conflicts(FakeKube):
    """Whose claim is changed by somebody at each of the first writes of its status."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number

    def patch_status(self, resource: Resource, document: Document, status: Any) -> Document:
        if self.left:
            self.left -= 1
            raise KubeConflict("the object has been modified")
        return super().patch_status(resource, document, status)


class World:
    def __init__(self, kube: FakeKube | None = None) -> None:
        self.kube = kube or FakeKube()
        self.handler, self.memory, self.now = Handler(), Memory(), 0.0
        self._ticked = threading.Condition()
        metrics = Metrics()
        reconciler = Reconciler(
            APPLICATION, self.kube, self.handler, memory=self.memory, metrics=metrics, pause=lambda _: None
        )
        self.follower = Follower(
            APPLICATION,
            self.kube,
            self.handler,
            reconciler,
            memory=self.memory,
            metrics=metrics,
            clock=self._tick,
        )
        self.claim(REF)

    def _tick(self) -> float:
        with self._ticked:
            self.now += 1
            self._ticked.notify_all()
            return self.now

    def wait_for(self, readings: int) -> None:
        """Until the clock has been read so often."""
        with self._ticked:
            assert self._ticked.wait_for(lambda: self.now >= readings, 10)

    def claim(self, ref: ClaimRef, environment: str = "dev", **metadata: Any) -> None:
        document = {
            "apiVersion": "platform.infraforge.io/v1alpha1",
            "kind": ref.kind,
            "metadata": {"namespace": ref.namespace, "name": ref.name, **metadata},
            "spec": SPEC | {"environment": environment},
        }
        live = self.kube.put(APPLICATION.resource, document)
        row = ApplicationRow(name="web", state="Committed", reason="Committed", commit=SHA)
        status = ClaimStatus(observedGeneration=1, commit=Commit(sha=SHA), checksum="sum")
        live["status"] = status.model_dump(mode="json", exclude_none=True) | {
            "applications": [row.model_dump(mode="json", exclude_none=True)]
        }

    @property
    def status(self) -> Any:
        return APPLICATION.recorded_status(self.live)

    @property
    def live(self) -> Document:
        document = self.kube.get(APPLICATION.resource, REF.namespace, REF.name)
        assert document is not None
        return document

    def send(self, ref: DeploymentRef = OF_DEV) -> None:
        self.follower.react(Event("e", "dev.knative.apiserver.resource.update", deployment=ref))


def test_a_change_reaches_the_claim() -> None:
    world = World()
    world.send()
    assert world.status.applications[0].deployed == world.handler.says
    deployed = find(world.status.conditions, "Deployed")
    assert deployed is not None
    assert (deployed.status, deployed.reason, deployed.message) == ("False", "Progressing", "it starts")
    assert world.handler.reconciled == []


TOLD = {
    "it runs": (Deployed(status="True", reason="Deployed"), [("Normal", "Deployed")]),
    "it does not": (Deployed(status="False", reason="Degraded", message="crashes"), [("Warning", "Degraded")]),
    "it is under way": (Deployed(status="False", reason="Progressing", message="it starts"), []),
}


@pytest.mark.parametrize(("says", "events"), TOLD.values(), ids=TOLD)
def test_what_kubectl_describe_is_told(says: Deployed, events: list[tuple[str, str]]) -> None:
    world = World()
    world.handler.says = says
    world.send()
    assert [(one["type"], one["reason"]) for one in world.kube.events] == events


def test_a_thousand_events_that_change_nothing() -> None:
    """They cost no write; who would ask Git or annotate is not even called."""
    world = World()
    world.send()
    writes, told, version = len(world.kube.status_writes), len(world.kube.events), world.live["metadata"]
    for _ in range(1000):
        world.send()
    assert (len(world.kube.status_writes), len(world.kube.events)) == (writes, told)
    assert world.live["metadata"] == version
    assert world.handler.reconciled == []


def test_our_own_write_is_no_news() -> None:
    """The echo of it is answered from memory, and what is settled stays so."""
    world = World()
    uid, before = world.live["metadata"]["uid"], world.live["metadata"]["resourceVersion"]
    world.memory.remember(REF, Version(uid, before), Settled("inputs", ("root",)), epoch=0)
    world.send()
    after = Version(uid, world.live["metadata"]["resourceVersion"])
    assert world.live["metadata"]["resourceVersion"] != before
    assert world.memory.is_finished(REF, after)
    assert world.memory.is_settled(REF, after, "inputs")


def test_a_write_of_ours_settles_nothing_that_was_not() -> None:
    world = World()
    world.send()
    live = world.live["metadata"]
    assert not world.memory.is_finished(REF, Version(live["uid"], live["resourceVersion"]))


def test_events_that_wait_together_share_a_look() -> None:
    """The first look began before they came, and the second after all of them."""
    world, looks, begun, goes_on = World(), list[int](), threading.Event(), threading.Event()

    def deployed(claim: ApplicationClaim, now: str, at: View | None = None) -> None:
        looks.append(1)
        begun.set()
        assert goes_on.wait(10)

    world.handler.deployed = deployed  # type: ignore[method-assign]  # to stand still in the middle of a look
    with ThreadPoolExecutor(6) as pool:
        sent = [pool.submit(world.send)]
        assert begun.wait(10)
        sent += [pool.submit(world.send) for _ in range(5)]
        world.wait_for(2 + 5)  # two readings of the clock are the first one's
        goes_on.set()
        for one in sent:
            one.result()
    assert len(looks) == 2


NOT_OURS: dict[str, DeploymentRef] = {
    "another environment": DeploymentRef("Application", "test-web", "nonprod", "test"),
    "another cluster type": DeploymentRef("Application", "dev-web", "prod", "dev"),
}


@pytest.mark.parametrize("ref", NOT_OURS.values(), ids=NOT_OURS)
def test_what_concerns_others(ref: DeploymentRef) -> None:
    world = World()
    world.send(ref)
    assert world.kube.status_writes == []


def test_a_root_application_concerns_all_environments_of_its_type() -> None:
    world = World()
    other = ClaimRef("ApplicationClaim", "test", "test-apps")
    world.claim(other, "test")
    world.send(DeploymentRef("Application", "nonprod-apps", "nonprod", None))
    assert len(world.kube.status_writes) == 2


def test_a_conflict_starts_over() -> None:
    world = World(Conflicts(2))
    world.send()
    assert world.status.applications[0].deployed == world.handler.says


def test_conflict_after_conflict_is_the_brokers() -> None:
    with pytest.raises(KubeConflict):
        World(Conflicts(100)).send()


def test_a_claim_in_deletion_goes_on_its_way_out() -> None:
    """It waits for ArgoCD to let go of its Applications."""
    world = World()
    world.claim(REF, finalizers=["platform.infraforge.io/cleanup"])
    world.kube.remove(APPLICATION.resource, REF.namespace, REF.name)
    world.send()
    assert world.handler.reconciled == [REF]


def test_what_is_no_longer_wanted_has_the_claim_looked_at() -> None:
    world = World()
    world.handler.says = Deployed(status="False", reason="Removing", message="dev-old is still there")
    world.send()
    world.send()
    assert world.handler.reconciled == [REF, REF]


def _never_in_git(world: World) -> None:
    del world.kube.objects[(APPLICATION.resource.plural, REF.namespace, REF.name)]["status"]


def _invalid(world: World) -> None:
    live = world.kube.objects[(APPLICATION.resource.plural, REF.namespace, REF.name)]
    live["spec"]["applications"] = "nonsense"


def _not_bootstrapped(world: World) -> None:
    world.handler.error = NotBootstrapped("the platform is gone")


SILENT: dict[str, Callable[[World], None]] = {
    "it never was in Git": _never_in_git,
    "it cannot be read": _invalid,
    "its environment is not there": _not_bootstrapped,
}


@pytest.mark.parametrize("spoil", SILENT.values(), ids=SILENT)
def test_what_the_claims_own_way_tells(spoil: Callable[[World], None]) -> None:
    world = World()
    spoil(world)
    world.send()
    world.follower.resync(Event("e", "dev.knative.sources.ping"))
    assert world.kube.status_writes == []


def test_resync_finds_what_no_event_told_of_once() -> None:
    world = World()
    world.follower.resync(Event("e", "dev.knative.sources.ping"))
    assert world.status.applications[0].deployed == world.handler.says
    world.follower.resync(Event("f", "dev.knative.sources.ping"))
    assert len(world.kube.status_writes) == 1


def test_resync_without_an_argocd() -> None:
    world = World()
    world.handler.there = False
    world.follower.resync(Event("e", "dev.knative.sources.ping"))
    assert world.kube.status_writes == []
