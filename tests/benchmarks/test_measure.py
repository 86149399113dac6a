"""Ratios of rounds, their spread, and whether an aim is met."""

import pytest

from benchmarks.measure import Aim, Row, spread, table


def test_a_slow_minute_hits_both_sides() -> None:
    """Rounds that are ten times as slow change neither the ratio nor its spread."""
    row = Row.compared("s", "n", [2.0, 20.0, 2.0, 20.0], [1.0, 10.0, 1.0, 10.0], aim=Aim(2.0))
    assert (row.ratio, row.low, row.high, row.rounds, row.met) == (2.0, 2.0, 2.0, 4, True)


def test_sides_of_different_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Row.compared("s", "n", [1.0, 2.0], [1.0])


AIMS = [
    (Aim(1.5), 1.5, 9.0, True, "a limit is met when it is reached"),
    (Aim(1.5), 1.51, 9.0, False, "above a ratio's limit"),
    (Aim(10, least=True), 9.9, 9.0, False, "below what is least"),
    (Aim(90, "ours"), 3.0, 90.0, True, "of our own figure, whatever the ratio"),
    (Aim(90, "ours"), 3.0, 91.0, False, "of our own figure"),
    (None, 3.0, 91.0, None, "no aim, no verdict"),
]


@pytest.mark.parametrize(("aim", "ratio", "ours", "met", "reason"), AIMS, ids=[case[-1] for case in AIMS])
def test_aims(aim: Aim | None, ratio: float, ours: float, met: bool | None, reason: str) -> None:
    row = Row("s", "n", "s", ours, 1.0, ratio, None, None, 1, aim)
    assert row.met is met, reason
    assert row.document()["met"] is met, reason


SPREADS = [
    ([3.0], (3.0, 3.0), "one round is its own spread"),
    ([3.0, 1.0, 2.0], (1.0, 3.0), "too few for quartiles"),
    ([5.0, 1.0, 2.0, 3.0, 4.0], (2.0, 4.0), "quartiles leave the extremes out"),
]


@pytest.mark.parametrize(("values", "expected", "reason"), SPREADS, ids=[case[-1] for case in SPREADS])
def test_spread(values: list[float], expected: tuple[float, float], reason: str) -> None:
    assert spread(values) == expected, reason


def test_the_table_names_sections_once_and_says_what_is_missed() -> None:
    rows = [
        Row.compared("first", "a", [3.0], [1.0], aim=Aim(1.5)),
        Row.plain("first", "b", [7.0], unit="MB", aim=Aim(90, "ours")),
        Row.plain("second", "c", [0.25]),
    ]
    lines = table(rows).splitlines()
    assert [line for line in lines if line in {"first", "second"}] == ["first", "second"]
    assert lines[3].split() == ["a", "3.000", "s", "1.000", "s", "3.00", "1", "≤", "1.5", "MISSED"]
    assert lines[4].split() == ["b", "7", "MB", "1", "≤", "90", "(ours)", "met"]
    assert lines[7].split() == ["c", "0.250", "s", "1"]
