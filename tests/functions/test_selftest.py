"""What `helm test` runs: throw-away claims that the real functions answer, and what is said when nobody does."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from functions.bootstrap.selftest import Clock, Selftest, SelftestSettings, probes
from shared.errors import Forbidden, InfraForgeError, KubeUnavailable
from shared.kinds import APPLICATION, INFRASTRUCTURE, PLATFORM
from shared.kube.client import Document, KubeNotFound, Resource
from tests.fakes import FakeKube
from tests.functions.gitea import GiteaServer
from tests.functions.platform import Platform

KINDS = ("InfrastructureClaim", "ApplicationClaim", "PlatformClaim")
LINE = re.compile(r"\w+Claim [-\w]+/infraforge-test-run1: (?:created|(?:answered \w+|gone) after \d+\.\d s)")


@dataclass
class Answering(FakeKube):
    """An API server that calls `answer` with every claim that is created, as a Trigger's function would be."""

    answer: Callable[[Document], object] = lambda _: None
    made: list[Document] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        created = super().create(resource, document)
        if created.get("kind") in KINDS:
            self.made.append(created)
            self.answer(created)
        return created


class Time:
    """A clock that goes on in pauses only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[tuple[float, Callable[[], object]]] = []

    def pause(self, seconds: float) -> None:
        self.now += seconds
        while self.events and self.events[0][0] <= self.now:
            self.events.pop(0)[1]()

    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.pause)


@dataclass
class Run:
    """One run and what it said."""

    kube: FakeKube
    time: Time = field(default_factory=Time)
    said: list[str] = field(default_factory=list)

    def __call__(self, **settings: Any) -> bool:
        read = SelftestSettings(**settings)
        return Selftest(read, self.kube, say=self.said.append, clock=self.time.clock()).run("run1")

    @property
    def text(self) -> str:
        return "\n".join(self.said)


@pytest.fixture
def platform(gitea_server: GiteaServer, tmp_path: Path) -> Iterator[Platform]:
    """The real functions, called when a claim is created."""
    kube = Answering()
    platform = Platform(gitea_server, tmp_path, kube=kube)
    kube.answer = platform.react
    yield platform
    platform.gitea.close()


def claims(kube: FakeKube) -> list[str]:
    """Kinds of the claims that are there, but for the platform's own."""
    return [document["kind"] for document in kube.objects.values() if document.get("kind") in KINDS]


def test_before_anything_is_bootstrapped(platform: Platform) -> None:
    """What an installation is a minute old: all are answered, all are gone, and Gitea was not even asked."""
    run = Run(platform.kube)
    assert run(test_namespace="team-a")
    assert run.text.count("answered NotBootstrapped after 0.0 s") == 3
    assert [line for line in run.said if not LINE.fullmatch(line)] == []
    assert len(run.said) == 9
    assert isinstance(platform.kube, Answering)
    assert [(one["kind"], one["metadata"]["namespace"]) for one in platform.kube.made] == [
        ("InfrastructureClaim", "platform-system"),
        ("ApplicationClaim", "team-a"),
        ("PlatformClaim", "team-a"),
    ]
    assert claims(platform.kube) == []
    assert platform.head() is None


@pytest.mark.parametrize(
    ("types", "reason"),
    [((), "ClusterTypeUnknown"), (("nonprod",), "EnvironmentUnknown")],
    ids=["all types are served", "one is"],
)
def test_beside_a_platform(platform: Platform, types: tuple[str, ...], reason: str) -> None:
    """Of an installation in use: nothing is in Git afterwards that was not before."""
    platform.settings["cluster_types"] = types
    platform.bootstrap()
    before = platform.head(), platform.head("charts")
    run = Run(platform.kube)
    assert run(cluster_types=frozenset(types)), run.text
    assert run.text.count(f"answered {reason} after") == 3
    assert (platform.head(), platform.head("charts")) == before
    assert claims(platform.kube) == []


def test_another_answer_is_a_failure_that_tells_it(platform: Platform) -> None:
    """The way is open, and the function is not set up as the test was told."""
    platform.settings["cluster_types"] = ("prod",)
    run = Run(platform.kube)
    assert not run(cluster_types=frozenset({"nonprod"}))
    assert run.text.count("not as it should when an environment is not there: ClusterTypeNotServed: spec.cl") == 3
    assert claims(platform.kube) == []


def test_nobody_answers() -> None:
    """After as long as patience lasts, once for all claims: where to look, in the order of an event's way."""
    run = Run(Answering())
    assert not run(patience=30)
    assert 30 <= run.time.now < 31
    for kind, function in zip(KINDS, ("bootstrap", "application", "platform"), strict=True):
        (said,) = [line for line in run.said if line.startswith(f"{kind} ") and "FAILED" in line]
        assert said.startswith(f"{kind} platform-system/infraforge-test-run1: FAILED after 30.")
        order = [
            *("no answer. Look at, in this order:", "get apiserversource infraforge-claims", "get broker infraforge"),
            *(f"get trigger infraforge-{kind.lower()}", f"get ksvc infraforge-{function};", "get deadletters"),
        ]
        assert [said.index(text) for text in order] == sorted(said.index(text) for text in order)
    assert claims(run.kube) == []


def status(kube: FakeKube, generation: int) -> Callable[[Document], None]:
    """A function that writes the status of that generation."""

    def answer(claim: Document) -> None:
        condition = {"type": "Ready", "status": "False", "reason": "NotBootstrapped", "message": "m"}
        resource = next(one.resource for one in (APPLICATION, INFRASTRUCTURE, PLATFORM) if one.name == claim["kind"])
        kube.patch_status(resource, claim, {"observedGeneration": generation, "conditions": [condition]})

    return answer


@pytest.mark.parametrize(("generation", "good"), [(0, False), (1, True)], ids=["of before", "of this claim"])
def test_only_an_answer_to_this_claim_counts(generation: int, good: bool) -> None:
    kube = Answering()
    kube.answer = status(kube, generation)
    assert Run(kube)(patience=5) is good


def test_a_late_answer(gitea_server: GiteaServer) -> None:
    """A function that scaled to zero takes its time, which is told; one that never comes does not hide it."""
    kube, time = Answering(), Time()

    def later(claim: Document) -> None:
        if claim["kind"] != "PlatformClaim":
            time.events.append((7.0, lambda: status(kube, 1)(claim)))

    kube.answer = later
    run = Run(kube, time)
    assert not run(patience=20)
    assert run.text.count("answered NotBootstrapped after 7.0 s") == 2
    assert run.text.count("FAILED") == 1


def test_a_claim_that_is_held() -> None:
    """It was deleted and stays: the test says so, and how it is let go."""

    class Holding(Answering):
        def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> None:
            if resource != PLATFORM.resource:
                super().delete(resource, namespace, name, **options)

    kube = Holding()
    kube.answer = status(kube, 1)
    run = Run(kube)
    assert not run(patience=10)
    (failed,) = [line for line in run.said if "FAILED" in line]
    assert failed.endswith(
        "deleted, and still there: a finalizer holds it; "
        "to let it go: infraforge release PlatformClaim/platform-system/infraforge-test-run1"
    )
    assert run.text.count("gone after") == 2


def test_an_api_server_that_is_away_for_a_moment() -> None:
    class Shaky(Answering):
        asked = 0

        def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
            self.asked += 1
            if self.asked % 2:
                raise KubeUnavailable("the Kubernetes API does not answer")
            return super().get(resource, namespace, name)

    kube = Shaky()
    kube.answer = status(kube, 1)
    run = Run(kube)
    assert run(), run.text


def test_somebody_deletes_a_claim() -> None:
    """No answer can come: that is said at once."""
    kube = Answering()
    kube.answer = lambda claim: kube.remove(
        {"InfrastructureClaim": INFRASTRUCTURE, "ApplicationClaim": APPLICATION, "PlatformClaim": PLATFORM}[
            claim["kind"]
        ].resource,
        claim["metadata"]["namespace"],
        claim["metadata"]["name"],
    )
    run = Run(kube)
    assert not run()
    assert run.text.count("FAILED after 0.0 s: somebody deleted it meanwhile") == 3


REFUSALS = [
    (Forbidden("no"), "it cannot be created: no", "RBAC, or an admission policy"),
    (KubeNotFound("no such kind"), 'its kind or the namespace "platform-system" is not there: no such', "no CRDs"),
    (KubeUnavailable("gone"), "gone", "the answer is lost: it may have been made"),
]


@pytest.mark.parametrize(("error", "message", "why"), REFUSALS, ids=[case[2] for case in REFUSALS])
def test_what_was_made_before_a_failure_goes_again(error: Exception, message: str, why: str) -> None:
    class Refusing(Answering):
        def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
            created = super().create(resource, document)
            if document["kind"] == "PlatformClaim":
                raise error
            return created

    run = Run(Refusing())
    with pytest.raises(InfraForgeError, match=re.escape(message)):
        run()
    assert claims(run.kube) == [], why


def test_the_claims_are_ones_that_the_functions_take() -> None:
    """By the models; the CRDs' own word is in the tests below. Names differ from run to run and fit."""
    kinds = {kind.name: kind for kind in (APPLICATION, INFRASTRUCTURE, PLATFORM)}
    for run in ("0a1b2c3d", "ffffffff"):
        for probe in probes(SelftestSettings(), run):
            parsed = kinds[probe.kind].parse(probe.document | {"status": {}})
            assert run in parsed.metadata.name
            assert run in parsed.spec.environment
            assert probe.document["metadata"]["labels"]["app.kubernetes.io/component"] == "test"
