"""What a resync and other wake-ups look at, what they leave alone, and what they tell."""

from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.attempt import Attempt
from shared.claims import PlatformClaim
from shared.errors import GiteaUnavailable, InvalidClaim, KubeUnavailable
from shared.events import BOOTSTRAPPED, PING, SERVICES, ClaimRef, Delivery, Event
from shared.tracing import Tracing
from tests.fakes import FakeKube
from tests.shared.bench import ALL_READY, INPUTS, REPLY, Bench, document, ready, resync

PUSHED = Event("e", "io.infraforge.gitea.push", delivery=Delivery("o/voltran"))


def test_a_wake_up_for_one_environment() -> None:
    """Only the claims there are looked at, and those that are settled are not."""
    bench = Bench()
    bench.put(document("here"))
    bench.put(document("there", environment="qa"))
    wake_up = Event("e", SERVICES, environment=("nonprod", "dev"))
    for _ in range(2):
        bench.reconciler.react(wake_up)
        assert bench.handler.converged == ["here"]
    bench.handler.inputs = lambda _: "something else"
    bench.reconciler.react(wake_up)
    assert bench.handler.converged == ["here", "here"]


@pytest.mark.parametrize("wake_up", [Event("e", PING), Event("e", BOOTSTRAPPED), PUSHED], ids=lambda one: one.type)
def test_a_wake_up_converges_every_claim(wake_up: Event) -> None:
    bench = Bench()
    for name in ("a", "b", "c"):
        bench.put(document(name, environment=name))
    assert bench.reconciler.react(wake_up) == REPLY
    assert [bench.condition("Ready", name) for name in ("a", "b", "c")] == ALL_READY


def test_a_wake_up_that_is_no_news_is_answered_at_once() -> None:
    """The delivery of our own push, for one."""
    bench = Bench()
    bench.put(document())
    bench.handler.inputs = None
    assert bench.reconciler.react(PUSHED) is None
    assert (bench.kube.reads, bench.kube.lists, bench.handler.converged) == (0, 0, [])


def test_a_resync_of_settled_claims_reads_none_of_them() -> None:
    """One list, and nothing for each claim."""
    bench = Bench()
    for name in ("a", "b", "c"):
        bench.put(document(name, environment=name))
    resync(bench)
    reads, writes, lists = bench.kube.reads, len(bench.kube.status_writes), bench.kube.lists
    for _ in range(3):
        resync(bench)
    assert (bench.kube.reads, len(bench.kube.status_writes)) == (reads, writes)
    assert bench.kube.lists == lists + 3
    assert sorted(bench.handler.converged) == ["a", "b", "c"]


def test_a_resync_counts_the_claims() -> None:
    """As it met them, those included that nobody has looked at yet; a wake-up for one environment counts nothing."""
    bench = Bench()
    bench.put(document("good"))
    resync(bench)
    bench.put(document("new", environment="qa"))
    bench.put(document("other", environment="qa"))
    bench.reconciler.react(Event("e", SERVICES, environment=("nonprod", "qa")))

    def counted(status: str) -> float | None:
        labels = {"kind": "PlatformClaim", "condition": "Ready", "status": status}
        return bench.metrics.registry.get_sample_value("infraforge_claims", labels)

    assert (counted("True"), counted("Unknown")) == (0, 1)
    bench.put(document("newer", environment="prod"))
    resync(bench)
    assert (counted("True"), counted("Unknown")) == (3, 1)


STRANGE: list[tuple[object, str]] = [
    (None, "no status"),
    ([], "a status that is no map"),
    ({"conditions": {"Ready": "True"}}, "conditions that are no list"),
    ({"conditions": [[], None, "Ready"]}, "conditions that are no maps"),
    ({"conditions": [{"type": [], "status": "True"}]}, "a type that is no text"),
    ({"conditions": [{"type": "Ready", "status": {}}]}, "a status that is no text"),
]


@pytest.mark.parametrize(("status", "reason"), STRANGE, ids=[reason for _, reason in STRANGE])
def test_a_status_that_nobody_validated_is_counted_as_unknown(status: object, reason: str) -> None:
    bench = Bench()
    bench.put(document() | {"status": status})
    resync(bench)
    labels = {"kind": "PlatformClaim", "condition": "Ready", "status": "Unknown"}
    assert bench.metrics.registry.get_sample_value("infraforge_claims", labels) == 1, reason


def edited(bench: Bench) -> None:
    bench.put(document("b", environment="b", services=[{"name": "redis"}]))


def moved(bench: Bench) -> None:
    bench.handler.inputs = lambda one: "another chart" if one["metadata"]["name"] == "b" else INPUTS


def not_known(bench: Bench) -> None:
    bench.handler.inputs = lambda one: None if one["metadata"]["name"] == "b" else INPUTS


def touched(bench: Bench) -> None:
    bench.memory.forget(ClaimRef("PlatformClaim", "dev", "b"))


UNSETTLED = [
    (edited, "the claim was edited, and no event came"),
    (moved, "what it depends on has changed"),
    (not_known, "what it depends on is not there any more"),
    (touched, "somebody touched its files"),
]


@pytest.mark.parametrize(("change", "why"), UNSETTLED, ids=[case[1] for case in UNSETTLED])
def test_a_resync_looks_at_exactly_those_that_are_not_settled(change: Any, why: str) -> None:
    bench = Bench()
    for name in ("a", "b", "c"):
        bench.put(document(name, environment=name))
    resync(bench)
    bench.handler.converged.clear()
    change(bench)
    resync(bench)
    assert bench.handler.converged == ["b"], why


def test_a_resync_tries_again_what_is_held() -> None:
    """A tag that came, a confirmation: the claim's own state need not change for it."""

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        attempt.report.held("TagNotFound", "no such tag")

    bench = Bench(converge)
    bench.put(document())
    for _ in range(3):
        resync(bench)
    assert bench.handler.converged == ["p", "p", "p"]
    assert len(bench.kube.status_writes) == 1


RESYNCS = [
    (GiteaUnavailable("down"), GiteaUnavailable, "another try can succeed"),
    (ZeroDivisionError("ours"), ZeroDivisionError, "a fault of ours in one claim must not starve the rest"),
    (InvalidClaim("bad"), None, "a permanent fault is in the claim's own status"),
]


@pytest.mark.parametrize(("error", "raised", "why"), RESYNCS, ids=[type(case[0]).__name__ for case in RESYNCS])
def test_a_resync_goes_on_after_a_failure(error: Exception, raised: type[Exception] | None, why: str) -> None:
    """And raises when all have had their turn."""

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        if attempt.claim.metadata.name == "a":
            raise error
        ready(attempt)

    bench = Bench(converge)
    for name in ("a", "b", "c"):
        bench.put(document(name, environment=name))
    if raised is None:
        resync(bench)
    else:
        with pytest.raises(raised):
            resync(bench)
    assert [bench.condition("Ready", name) for name in ("b", "c")] == ALL_READY[:2], why


def test_a_resync_tells_of_a_fault_of_ours_first() -> None:
    """A 503 would hide it: what is down comes and goes, a fault stays."""

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        raise GiteaUnavailable("down") if attempt.claim.metadata.name != "b" else ZeroDivisionError("ours")

    bench = Bench(converge)
    for name in ("a", "b", "c"):
        bench.put(document(name, environment=name))
    with pytest.raises(ZeroDivisionError):
        resync(bench)


def test_a_resync_that_cannot_list_says_so() -> None:
    """A list that is cut off half-way is no list: nobody may be taken for deleted, or for looked at."""

    class Cut(FakeKube):
        def list(self, *arguments: Any, **selected: Any) -> Any:
            yield from super().list(*arguments, **selected)
            raise KubeUnavailable("410")

    bench = Bench(kube=Cut())
    bench.put(document())
    with pytest.raises(KubeUnavailable):
        resync(bench)
    assert bench.handler.converged == []


def test_what_was_found_before_a_survey_does_not_settle_a_claim_after_it() -> None:
    """Between our look at Git and the end of the claim's way somebody pushed, and a survey saw it."""
    bench = Bench()

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        ready(attempt)
        if len(bench.handler.converged) == 1:
            bench.memory.unsettle({"environments/nonprod/dev/platform/redis/values.yaml"})

    bench = Bench(converge)
    bench.put(document())
    resync(bench)
    resync(bench)
    assert bench.handler.converged == ["p", "p"], "the first look did not count"
    resync(bench)
    assert bench.handler.converged == ["p", "p"], "the second did"


def test_every_claim_of_a_resync_is_in_its_trace() -> None:
    """They are looked at in other threads."""
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter)
    bench = Bench(tracing=tracing)
    for name in "abc":
        bench.put(document(name, environment=name))
    with tracing.event(PING, "e", f"00-{'4b' * 16}-{'0a' * 8}-01"):
        resync(bench)
    tracing.close()
    traces = [(span.name, f"{span.context.trace_id:032x}") for span in exporter.get_finished_spans() if span.context]
    assert sorted(traces) == [*[("converge PlatformClaim", "4b" * 16)] * 3, (f"{PING} process", "4b" * 16)]
