"""What a try finds out becomes a status that says nothing nobody has looked at."""

import pytest

from shared.claims.status import Commit, PlatformStatus, ServiceRow
from shared.conditions import COMMITTED, DEPLOYED, VALID, condition, find
from shared.errors import GiteaUnavailable, InfraForgeError, InvalidClaim, NotBootstrapped
from shared.report import Report

STEPS = (VALID, COMMITTED, DEPLOYED)
RECORDED = PlatformStatus(checksum="old", services=[ServiceRow(name="redis", state="Committed")])


def made(report: Report[PlatformStatus], now: str = "2026-01-01T00:00:00Z") -> PlatformStatus:
    return report.status(generation=3, now=now)


def test_steps_that_were_not_reached_are_unknown() -> None:
    """Whatever an earlier try said of them."""
    status = made(Report(RECORDED, STEPS))
    assert {(one.type, one.status, one.reason) for one in status.conditions} == {
        (step, "Unknown", "NotReached") for step in STEPS
    }
    assert status.observedGeneration == 3
    assert {one.observedGeneration for one in status.conditions} == {3}


def test_fields_that_are_not_set_keep_what_was_recorded() -> None:
    report = Report(RECORDED, STEPS)
    report.set(commit=Commit(sha="abc"))
    status = made(report)
    assert status.commit == Commit(sha="abc")
    assert status.checksum == "old"
    assert status.services == RECORDED.services


def test_changed() -> None:
    """Against what was recorded before; setting the same is no change."""
    report = Report(RECORDED, STEPS)
    report.set(checksum="old", commit=Commit(sha="abc"))
    assert not report.changed("checksum")
    assert report.changed("commit")
    assert report.changed("checksum", "commit")


def test_a_failure_before_any_step() -> None:
    report = Report(RECORDED, STEPS)
    report.fail(InvalidClaim("bad"))
    status = made(report)
    assert (found := find(status.conditions, "Ready")) is not None
    assert (found.status, found.reason, found.message) == ("False", "InvalidClaim", "bad")
    assert (valid := find(status.conditions, VALID)) is not None
    assert valid.reason == "NotReached"


def told() -> PlatformStatus:
    lost = condition("Delivered", "False", "GivenUp", "send it again").model_copy(
        update={"lastTransitionTime": "2025-12-31T00:00:00Z", "observedGeneration": 2}
    )
    return RECORDED.model_copy(update={"conditions": [lost]})


@pytest.mark.parametrize(
    ("error", "stays", "reason"),
    [
        (None, False, "a function has dealt with the claim since"),
        (InvalidClaim("bad"), False, "it has been dealt with, and the status says what came of it"),
        (NotBootstrapped("later"), False, "the same: an event wakes it"),
        (GiteaUnavailable("down"), True, "its event is tried again, and may be given up too"),
    ],
)
def test_what_was_given_up_is_told_until_somebody_has_dealt_with_the_claim(
    error: InfraForgeError | None, stays: bool, reason: str
) -> None:
    """It is the condition of another function, kept as it stands, and no part of readiness."""
    report = Report(told(), STEPS)
    if error is None:
        report.ready("Committed", "all is in Git")
    else:
        report.fail(error)
    status = made(report)
    found = find(status.conditions, "Delivered")
    assert (found == told().conditions[0], found is None) == (stays, not stays), reason
    assert [one.type for one in status.conditions] == sorted(one.type for one in status.conditions)


def test_what_is_transient_leaves_the_step_unknown() -> None:
    """Nobody knows whether it would hold."""
    report = Report(RECORDED, STEPS)
    report.enter(COMMITTED)
    report.fail(GiteaUnavailable("down"))
    assert (found := find(made(report).conditions, COMMITTED)) is not None
    assert found.status == "Unknown"


def test_a_long_message_fits() -> None:
    report = Report(RECORDED, STEPS)
    report.fail(InvalidClaim("x" * 5000))
    assert (found := find(made(report).conditions, "Ready")) is not None
    assert len(found.message) == 1024


def test_the_same_again_is_the_same_status() -> None:
    """Also at another time: transition times stay as long as the statuses do."""
    first = Report(RECORDED, STEPS)
    first.mark(VALID, "True", "Valid", "v")
    first.ready("Committed", "all")
    recorded = made(first)
    second = Report(recorded, STEPS)
    second.mark(VALID, "True", "Valid", "v")
    second.ready("Committed", "all")
    assert recorded == made(second, now="2027-01-01T00:00:00Z")


def test_held_is_no_longer_said_once_it_is_over() -> None:
    first = Report(RECORDED, STEPS)
    first.held("TagNotFound", "m")
    recorded = made(first)
    assert find(recorded.conditions, "Stalled") is not None
    second = Report(recorded, STEPS)
    second.ready("Committed", "all")
    assert find(made(second).conditions, "Stalled") is None
