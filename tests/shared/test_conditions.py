"""Conditions keep their transition times as long as their status stays."""

import pytest

from shared import conditions
from shared.claims import Condition

BEFORE = "2025-01-01T00:00:00Z"
NOW = "2025-01-02T00:00:00Z"


def recorded(status: str, reason: str = "R", message: str = "m") -> Condition:
    """A Ready condition as a claim's status holds it."""
    return Condition.model_validate(
        {
            "type": "Ready",
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": BEFORE,
            "observedGeneration": 1,
        }
    )


MERGES = [
    ("nothing was there", [], conditions.condition("Ready", "True", "R", "m"), NOW),
    ("the status stayed", [recorded("True")], conditions.condition("Ready", "True", "R", "m"), BEFORE),
    ("reason and message do not count", [recorded("True")], conditions.condition("Ready", "True", "S", "n"), BEFORE),
    ("the status changed", [recorded("False")], conditions.condition("Ready", "True", "R", "m"), NOW),
    ("another type is another condition", [recorded("True")], conditions.condition("Valid", "True", "R", "m"), NOW),
]


@pytest.mark.parametrize(("reason", "old", "new", "since"), MERGES, ids=[reason for reason, *_ in MERGES])
def test_merge(reason: str, old: list[Condition], new: Condition, since: str) -> None:
    merged = conditions.merge(old, [new], generation=2, now=NOW)

    assert [new.model_copy(update={"lastTransitionTime": since, "observedGeneration": 2})] == merged, reason


def test_what_no_longer_holds_is_left_out() -> None:
    """`Reconciling` and `Stalled` stand in the list only while they are True."""
    old = [conditions.condition(conditions.STALLED, "True", "R", "m"), recorded("False")]

    merged = conditions.merge(old, [conditions.condition("Ready", "True", "R", "m")], generation=2, now=NOW)

    assert [one.type for one in merged] == ["Ready"]


def test_the_order_is_that_of_the_types() -> None:
    """Whatever the order in which the steps report, an unchanged status is the same bytes."""
    current = [conditions.condition(kind, "True", "R", "m") for kind in ("Valid", "Committed", "Ready")]

    forwards = conditions.merge([], current, generation=1, now=NOW)

    assert [one.type for one in forwards] == ["Committed", "Ready", "Valid"]
    assert forwards == conditions.merge(forwards, reversed(current), generation=1, now=BEFORE)


@pytest.mark.parametrize(
    ("message", "expected"),
    [("", ""), ("x" * 1024, "x" * 1024), ("x" * 1025, "x" * 1023 + "…")],
    ids=["empty", "as long as allowed", "one longer"],
)
def test_a_message_fits(message: str, expected: str) -> None:
    assert expected == conditions.condition("Ready", "False", "R", message).message


def test_find() -> None:
    ready = recorded("True")

    assert ready == conditions.find([conditions.condition("Valid", "True", "R", "m"), ready], "Ready")
    assert conditions.find([ready], "Valid") is None
