"""The way of a claim through any function: races, last attempts, statuses, and what nobody needs told."""

import copy
from typing import Any

import pytest

from shared.attempt import Attempt
from shared.claims import PlatformClaim
from shared.conditions import COMMITTED, VALID
from shared.errors import (
    Forbidden,
    GiteaUnavailable,
    InvalidClaim,
    KubeConflict,
    KubeUnavailable,
    NotBootstrapped,
    PermanentError,
    PushRejected,
)
from shared.events import ClaimRef, Event
from shared.kinds import PLATFORM
from shared.reconciler import ATTEMPTS
from shared.steps import READ, RECORD, TELL
from tests.fakes import FakeKube
from tests.shared.bench import REPLY, Bench, Failing, document, ready


def test_a_claim_converges() -> None:
    """Its status is the last thing written, and the reply is the function's own."""
    bench = Bench()
    bench.put(document())
    assert bench.react() == REPLY
    assert bench.condition("Ready") == ("True", "Committed", "all")
    assert bench.status()["observedGeneration"] == 1
    assert {one["lastTransitionTime"] for one in bench.status()["conditions"]} == {"2026-11-23T12:00:00Z"}
    assert bench.metrics.status_writes._value.get() == 1
    assert bench.steps == [READ, RECORD, TELL]


def test_an_unchanged_status_is_not_written() -> None:
    bench = Bench()
    bench.put(document())
    bench.react()
    bench.restart()
    assert bench.react() == REPLY, "it was looked at again"
    assert bench.handler.converged == ["p", "p"]
    assert len(bench.kube.status_writes) == 1
    assert len(bench.kube.events) == 1


NOT_OURS = [
    (Event("e", "dev.knative.apiserver.resource.add", ClaimRef("ApplicationClaim", "dev", "p")), "another kind"),
    (Event("e", "dev.knative.apiserver.resource.add", ClaimRef("Secret", "dev", "p")), "no claim at all"),
    (Event("e", "dev.knative.apiserver.resource.delete", ClaimRef("PlatformClaim", "dev", "gone")), "deleted"),
    (Event("e", "io.infraforge.gitea.push", None), "an event of a type that wakes nobody"),
]


@pytest.mark.parametrize(("event", "why"), NOT_OURS, ids=[case[1] for case in NOT_OURS])
def test_well_formed_and_nothing_to_do(event: Event, why: str) -> None:
    failing = Failing(AssertionError("must not be called"))
    bench = Bench(failing)
    bench.put(document())
    assert bench.reconciler.react(event) is None, why
    assert failing.calls == 0
    assert not bench.kube.status_writes


FAILURES = [
    (InvalidClaim("bad", reason="R"), "False", "Stalled", None, "only a person can mend it"),
    (Forbidden("no"), "False", "Stalled", None, "as above"),
    (NotBootstrapped("soon"), "False", "Reconciling", None, "an event will come"),
    (GiteaUnavailable("down"), "Unknown", "Reconciling", GiteaUnavailable, "the Broker comes back"),
]


@pytest.mark.parametrize(
    ("error", "step", "kind", "raised", "why"), FAILURES, ids=[type(case[0]).__name__ for case in FAILURES]
)
def test_a_failure_is_in_the_status(
    error: PermanentError, step: str, kind: str, raised: type[Exception] | None, why: str
) -> None:
    """At the step that was under way, in `Ready`, and in the one that says who has to act; later steps are unknown."""

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        attempt.report.mark(VALID, "True", "Valid", "v")
        attempt.report.enter(COMMITTED)
        raise error

    bench = Bench(converge)
    bench.put(document())
    if raised:
        with pytest.raises(raised):
            bench.react()
    else:
        assert bench.react() is None, why
    expected = (error.reason, str(error))
    assert bench.condition("Ready") == ("False", *expected)
    assert bench.condition(kind) == ("True", *expected)
    assert bench.condition("Committed") == (step, *expected)
    assert bench.condition("Valid") == ("True", "Valid", "v")
    assert bench.condition("Deployed") == ("Unknown", "NotReached", "an earlier step is in the way")


def test_a_claim_that_cannot_be_read_is_invalid() -> None:
    failing = Failing()
    bench = Bench(failing)
    bench.put(document(services="none"))
    assert bench.react() is None
    assert bench.condition("Valid") == ("False", "InvalidClaim", "spec.services: must be a list")
    assert failing.calls == 0


def test_a_lost_race_starts_over() -> None:
    """With the claim read anew, after a pause that grows and differs from function to function."""
    failing = Failing(KubeConflict("c"), KubeConflict("c"))
    bench = Bench(failing)
    bench.put(document())
    assert bench.react() == REPLY
    assert failing.calls == 3
    assert len(bench.pauses) == 2
    assert 0 <= bench.pauses[0] <= 0.1
    assert 0 <= bench.pauses[1] <= 0.2
    assert len(bench.kube.status_writes) == 1, "a race that was won in the end is nobody's news"


def test_a_race_that_is_lost_every_time_is_recorded() -> None:
    """The last attempt says so in the status, and asks the Broker to come back."""
    failing = Failing(*(KubeConflict("somebody was faster") for _ in range(ATTEMPTS)))
    bench = Bench(failing)
    bench.put(document())
    with pytest.raises(KubeConflict):
        bench.react()
    assert failing.calls == ATTEMPTS
    assert len(bench.kube.status_writes) == 1
    assert bench.condition("Ready") == ("False", "KubeConflict", "somebody was faster")
    assert bench.condition("Reconciling") == ("True", "KubeConflict", "somebody was faster")


def test_a_push_that_the_writer_gave_up_is_not_begun_again_here() -> None:
    """The writer has tried often enough, for everybody in the batch: now it is the Broker's turn."""
    failing = Failing(PushRejected("somebody was faster"))
    bench = Bench(failing)
    bench.put(document())
    with pytest.raises(PushRejected):
        bench.react()
    assert failing.calls == 1
    assert bench.condition("Reconciling") == ("True", "PushRejected", "somebody was faster")


class Contested(FakeKube):
    """Somebody else writes the object just before every status write."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def patch_status(self, resource: Any, document: Any, status: Any) -> Any:
        if self.times:
            self.times -= 1
            raise KubeConflict("the object has been modified")
        return super().patch_status(resource, document, status)


def test_a_status_conflict_starts_over() -> None:
    failing = Failing()
    bench = Bench(failing, Contested(1))
    bench.put(document())
    assert bench.react() == REPLY
    assert failing.calls == 2


def test_a_status_that_never_gets_through() -> None:
    failing = Failing()
    bench = Bench(failing, Contested(99))
    bench.put(document())
    with pytest.raises(KubeConflict):
        bench.react()
    assert failing.calls == ATTEMPTS


def test_a_claim_deleted_meanwhile_has_no_status() -> None:
    bench = Bench()

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        bench.kube.remove(PLATFORM.resource, "dev", "p")
        ready(attempt)

    bench = Bench(converge)
    bench.put(document())
    bench.react()
    assert not bench.kube.status_writes
    assert not bench.kube.events


def test_a_claim_deleted_before_it_is_read_again() -> None:
    """Gone between the first look and the one behind Git's head: nothing is left to do."""
    bench = Bench()

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        bench.kube.remove(PLATFORM.resource, "dev", "p")
        attempt.reread()
        raise AssertionError("there is no claim")

    bench = Bench(converge)
    bench.put(document())
    assert bench.react() is None


def test_reading_again_starts_the_report_over() -> None:
    """Nothing that was found out about an older version may stand in the status of a newer one."""
    bench = Bench()

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        attempt.report.held("Old", "of the version before")
        newer = document(services=[{"name": "redis"}])
        bench.put(newer)
        assert [one.name for one in attempt.reread().spec.services] == ["redis"]
        assert attempt.spec["services"] == [{"name": "redis"}]
        ready(attempt)

    bench = Bench(converge)
    bench.put(document())
    bench.react()
    assert bench.condition("Stalled") is None
    assert bench.status()["observedGeneration"] == 2


def test_an_api_server_that_is_down_is_no_claims_status() -> None:
    class Down(FakeKube):
        def get(self, *_: Any) -> Any:
            raise KubeUnavailable("down")

    with pytest.raises(KubeUnavailable):
        Bench(kube=Down()).react()


def test_a_field_that_is_no_longer_said_is_removed() -> None:
    """A merge patch keeps what it does not mention: null takes it away, what another version wrote included."""
    sent: list[dict[str, Any]] = []

    class Watched(FakeKube):
        def patch_status(self, resource: Any, document: Any, status: Any) -> Any:
            sent.append(copy.deepcopy(dict(status)))
            return super().patch_status(resource, document, status)

    bench = Bench(kube=Watched())
    bench.put(document())
    live = bench.kube.objects["platformclaims", "dev", "p"]
    live["status"] = {"ofAnotherVersion": {"a": 1}, "checksum": "abc"}
    bench.react()
    assert sent[0]["ofAnotherVersion"] is None
    assert "ofAnotherVersion" not in bench.status()
    assert bench.status()["checksum"] == "abc", "what this try did not look at stays"


def test_a_status_that_nobody_can_read_is_written_anew() -> None:
    bench = Bench()
    bench.put(document())
    bench.kube.objects["platformclaims", "dev", "p"]["status"] = {"conditions": "none", "services": 7}
    bench.react()
    assert bench.condition("Ready") == ("True", "Committed", "all")
    assert "services" not in bench.status() or bench.status()["services"] == []


def test_events_tell_what_changes_for_a_reader() -> None:
    """Readiness, its reason, or the commit; a message alone is no news."""
    outcomes = iter([("A", "1"), ("A", "2"), ("B", "3")])

    def converge(attempt: Attempt[PlatformClaim]) -> None:
        reason, message = next(outcomes)
        attempt.report.held(reason, message)

    bench = Bench(converge)
    bench.put(document())
    for _ in range(3):
        bench.react()
        bench.restart()
    told = [(event["type"], event["reason"], event["message"]) for event in bench.kube.events]
    assert told == [("Warning", "A", "1"), ("Warning", "B", "3")]
    assert len(bench.kube.status_writes) == 3
