"""Reading a claim's status."""

from typing import Any

import pytest

from cli.claims import ClaimView
from cli.cluster import Reference

REFERENCE = Reference("PlatformClaim", "platformclaim.platform.infraforge.io", "dev", "dev-platform", "/path")


def view(status: dict[str, Any] | None, generation: int = 2) -> ClaimView:
    return ClaimView.of(REFERENCE, {"metadata": {"generation": generation}, "status": status})


def status(observed: int, **conditions: str) -> dict[str, Any]:
    return {
        "observedGeneration": observed,
        "conditions": [
            {"type": name, "status": value, "reason": f"{name}Reason", "message": "because"}
            for name, value in conditions.items()
        ],
    }


@pytest.mark.parametrize(
    ("given", "ready", "stalled", "why"),
    [
        (None, False, False, "no function has seen it"),
        (status(2, Ready="True"), True, False, "all of this generation is in Git"),
        (status(1, Ready="True"), False, False, "that was an earlier generation"),
        (status(2, Ready="False", Reconciling="True"), False, False, "somebody works on it"),
        (status(2, Ready="False", Stalled="True"), False, True, "only a person can help"),
        (status(1, Ready="False", Stalled="True"), False, False, "a person has helped meanwhile"),
    ],
)
def test_when_a_claim_is_ready_or_stalled(given: dict[str, Any] | None, ready: bool, stalled: bool, why: str) -> None:
    seen = view(given)
    assert (seen.ready, seen.stalled) == (ready, stalled), why


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ("Waiting", "no function has looked at it yet")),
        (status(1, Ready="True"), ("Waiting", "the status speaks of an earlier generation")),
        (status(1, Ready="True", Delivered="False"), ("DeliveredReason", "because")),
        ({"conditions": status(1, Delivered="False")["conditions"]}, ("DeliveredReason", "because")),
        (status(2, Delivered="False", Ready="True"), ("ReadyReason", "because")),
        (status(2, Valid="True", Ready="False"), ("ReadyReason", "because")),
    ],
)
def test_what_holds_a_claim(given: dict[str, Any] | None, expected: tuple[str, str]) -> None:
    assert view(given).summary == expected


def test_a_claim_that_is_gone_is_not_ready() -> None:
    gone = ClaimView.of(REFERENCE, None)
    assert not gone.ready
    assert gone.document()["commit"] is None


def test_the_commit_and_the_rows() -> None:
    seen = view({"commit": {"sha": "abc", "url": "http://gitea.test/c/abc"}, "services": [{"name": "postgres"}]})
    assert seen.document()["commit"] == {"sha": "abc", "url": "http://gitea.test/c/abc"}
    assert seen.rows == ({"name": "postgres"},)
