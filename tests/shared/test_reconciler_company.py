"""Claims and events that meet: successors of what was deleted, and who looks at a claim when several are to."""

import itertools
import threading
from collections import Counter
from typing import Any

from shared.attempt import Attempt
from shared.claims import PlatformClaim
from shared.errors import InvalidClaim
from shared.events import PING, Event
from shared.kinds import PLATFORM
from tests.shared.bench import ALL_READY, REPLY, Bench, Failing, document, ready


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
