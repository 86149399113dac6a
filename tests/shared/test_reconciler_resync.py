"""What the reconciler does not do again, and what it does all the same: echoes, resyncs, successors, company."""

import itertools
import threading
from collections import Counter
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.attempt import Attempt
from shared.claims import PlatformClaim
from shared.errors import Forbidden, GiteaUnavailable, InvalidClaim, KubeUnavailable, NotBootstrapped, TransientError
from shared.events import BOOTSTRAPPED, PING, SERVICES, ClaimRef, Delivery, Event, Version
from shared.kinds import PLATFORM
from shared.tracing import Tracing
from tests.fakes import FakeKube
from tests.shared.bench import INPUTS, REPLY, UPDATE, Bench, Failing, document, ready

ALL_READY = [("True", "Committed", "all")] * 3
PUSHED = Event("e", "io.infraforge.gitea.push", delivery=Delivery("o/voltran"))


def resync(bench: Bench) -> None:
    bench.reconciler.react(Event("e", PING))


def test_an_event_of_what_was_finished_costs_nothing() -> None:
    """The echo of our own status write is one of these: not even the claim is read."""
    bench = Bench()
    bench.put(document())
    bench.react()
    reads, lists = bench.kube.reads, bench.kube.lists
    assert bench.reconciler.react(bench.told(bench.live())) is None
    assert (bench.kube.reads, bench.kube.lists) == (reads, lists)
    assert bench.handler.converged == ["p"]


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


def test_the_same_event_in_another_process_costs_a_read_and_no_write() -> None:
    bench = Bench()
    bench.put(document())
    bench.react()
    bench.restart()
    reads, writes, told = bench.kube.reads, len(bench.kube.status_writes), len(bench.kube.events)
    bench.reconciler.react(bench.told(bench.live()))
    assert bench.kube.reads == reads + 1
    assert (len(bench.kube.status_writes), len(bench.kube.events)) == (writes, told)


def test_a_late_event_of_an_older_state_costs_a_read() -> None:
    """The live claim is what counts, and that was dealt with."""
    bench = Bench()
    older = bench.told(bench.put(document()))
    bench.put(document(services=[{"name": "redis"}]))
    bench.react()
    reads = bench.kube.reads
    assert bench.reconciler.react(older) is None
    assert bench.kube.reads == reads + 1
    assert bench.handler.converged == ["p"]


ANOTHER_STATE: list[tuple[dict[str, str], str]] = [
    ({"resource_version": "999999"}, "a later state of the claim"),
    ({"uid": "another"}, "another claim of the same name, with the same version by chance"),
]


@pytest.mark.parametrize(("change", "why"), ANOTHER_STATE, ids=[case[1] for case in ANOTHER_STATE])
def test_an_event_of_another_state_is_looked_at(change: dict[str, str], why: str) -> None:
    bench = Bench()
    bench.put(document())
    bench.react()
    reads = bench.kube.reads
    metadata = bench.live()["metadata"]
    known = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
    ref = ClaimRef("PlatformClaim", "dev", "p")
    bench.reconciler.react(Event("e", UPDATE, ref, version=Version(**(known | change))))
    assert bench.kube.reads == reads + 1, why


FAILURES = [
    (GiteaUnavailable("down"), True, "another try can succeed, whatever the claim's state"),
    (InvalidClaim("bad"), False, "only another state of the claim can mend it"),
    (Forbidden("no"), False, "as above; the resync tries all the same"),
    (NotBootstrapped("soon"), False, "something else has to happen first, and tells by an event of its own"),
]


@pytest.mark.parametrize(("error", "again", "why"), FAILURES, ids=[type(case[0]).__name__ for case in FAILURES])
def test_what_is_remembered_of_a_failure(error: Exception, again: bool, why: str) -> None:
    bench = Bench(Failing(error))
    bench.put(document())
    try:
        bench.react()
    except TransientError:
        assert again
    bench.reconciler.react(bench.told(bench.live()))
    assert len(bench.handler.converged) == (2 if again else 1), why
    resync(bench)
    assert bench.condition("Ready") == ALL_READY[0], "a resync looks at everything that is not settled"


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


def gone(document: dict[str, Any], bench: Bench) -> Event:
    bench.kube.remove(PLATFORM.resource, document["metadata"]["namespace"], document["metadata"]["name"])
    return bench.told(document, "dev.knative.apiserver.resource.delete")


def test_a_deletion_wakes_who_waited_for_the_environment() -> None:
    """The rival's state has not changed, so no event of its own would come; other environments are left alone."""
    bench = Bench(Failing(InvalidClaim("belongs to the first", reason="EnvironmentConflict")))
    first = bench.put(document("first"))
    bench.put(document("second"), created="2026-11-24T00:00:00Z")
    bench.put(document("elsewhere", environment="qa"))
    bench.react("second")
    assert bench.condition("Ready", "second") == ("False", "EnvironmentConflict", "belongs to the first")
    assert bench.reconciler.react(gone(first, bench)) == REPLY, "what the successor has to tell"
    assert bench.condition("Ready", "second") == ALL_READY[0]
    assert bench.handler.converged == ["second", "second"]


def test_a_claim_that_is_let_go_may_tell_of_it() -> None:
    """Nobody is left to write a status to; who depended on the claim may have to know."""

    def part(attempt: Attempt[PlatformClaim]) -> None:
        attempt.let_go = True

    bench = Bench(part)
    bench.put(document())
    assert bench.react() == REPLY
    assert bench.kube.status_writes == []


def test_a_deletion_without_a_place_wakes_nobody() -> None:
    """A reference says only who is gone: the resync finds the successor."""
    bench = Bench()
    first = bench.put(document("first"))
    bench.put(document("second"))
    event = gone(first, bench)
    bench.reconciler.react(Event("e", "dev.knative.apiserver.ref.delete", event.claim))
    assert bench.handler.converged == []


def test_two_events_of_one_claim_go_one_after_the_other() -> None:
    """Each finds what the other left; never two at work on one claim in one process."""
    at_work: Counter[str] = Counter()
    worst: list[int] = []
    here, on = threading.Event(), threading.Event()

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        at_work["p"] += 1
        worst.append(at_work["p"])
        here.set()
        assert on.wait(10)
        at_work["p"] -= 1
        ready(attempt)

    bench = Bench(converge)
    bench.put(document())
    threads = [threading.Thread(target=bench.reconciler.react, args=(Event("e", PING),)) for _ in range(4)]
    threads += [threading.Thread(target=bench.react) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert here.wait(10)
    on.set()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert worst
    assert set(worst) == {1}
    assert len(bench.kube.status_writes) == 1, "and none wrote over the other"


def test_who_waited_for_a_turn_asks_whether_it_is_still_needed() -> None:
    """Of many events of one state the first does the work; the others cost a read each at most."""
    here, on = threading.Event(), threading.Event()

    def converge(_: Attempt[PlatformClaim]) -> None:
        here.set()
        assert on.wait(10)
        raise InvalidClaim("bad")

    bench = Bench(converge)
    event = bench.told(bench.put(document()))
    threads = [threading.Thread(target=bench.reconciler.react, args=(event,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert here.wait(10)
    on.set()
    for thread in threads:
        thread.join(10)
    assert bench.handler.converged == ["p"]
    assert bench.kube.reads <= len(threads)


def test_one_look_answers_for_all_events_that_came_before_it() -> None:
    """Also for those that do not say of which state they are: the claim is not even read for them."""
    here, on, arrivals, ticks = threading.Event(), threading.Event(), threading.Semaphore(0), itertools.count()

    def clock() -> float:
        arrivals.release()
        return float(next(ticks))

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        here.set()
        assert on.wait(10)
        ready(attempt)

    bench = Bench(converge, clock=clock)
    bench.put(document())
    threads = [threading.Thread(target=bench.react) for _ in range(6)]
    threads[0].start()
    assert here.wait(10)
    for thread in threads[1:]:
        thread.start()
    for _ in range(1 + len(threads)):  # the first asked for the time twice: when it came, and when its look began
        assert arrivals.acquire(timeout=10)
    bench.put(document(services=[{"name": "db", "type": "internal"}]))
    on.set()
    for thread in threads:
        thread.join(10)
    assert bench.handler.converged == ["p", "p"], "the first, which started over at the changed claim"
    assert bench.kube.reads == 2


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
