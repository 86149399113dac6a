"""Events of what was dealt with already, which cost next to nothing, and of what only looks so."""

import pytest

from shared.errors import Forbidden, GiteaUnavailable, InvalidClaim, NotBootstrapped, TransientError
from shared.events import ClaimRef, Event, Version
from tests.shared.bench import ALL_READY, UPDATE, Bench, Failing, document, resync


def test_an_event_of_what_was_finished_costs_nothing() -> None:
    """The echo of our own status write is one of these: not even the claim is read."""
    bench = Bench()
    bench.put(document())
    bench.react()
    reads, lists = bench.kube.reads, bench.kube.lists
    assert bench.reconciler.react(bench.told(bench.live())) is None
    assert (bench.kube.reads, bench.kube.lists) == (reads, lists)
    assert bench.handler.converged == ["p"]


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
