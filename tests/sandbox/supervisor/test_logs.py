"""Reading logs while they grow."""

from pathlib import Path

import pytest

from sandbox.supervisor.logs import Log, tail


@pytest.mark.parametrize(
    ("lines", "expected"), [(2, ["two", "three"]), (9, ["one", "two", "three"]), (0, [])], ids=["some", "all", "none"]
)
def test_the_end_of_a_log(tmp_path: Path, lines: int, expected: list[str]) -> None:
    (tmp_path / "log").write_text("one\ntwo\nthree\n")
    assert tail(tmp_path / "log", lines) == expected


def test_no_log_has_no_end(tmp_path: Path) -> None:
    assert tail(tmp_path / "absent", 5) == []


def test_following_tells_what_is_added_line_by_line(tmp_path: Path) -> None:
    """Whole lines only, from each log, also from one that appears later or begins anew."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("before\n")
    log = Log({"first": first, "second": second})
    assert list(log.read()) == []
    with first.open("a") as handle:
        handle.write("half a")
    assert list(log.read()) == []
    with first.open("a") as handle:
        handle.write(" line\nand one more\n")
    second.write_text("later\n")
    assert list(log.read()) == [("first", "half a line"), ("first", "and one more"), ("second", "later")]
    first.write_text("anew\n")
    assert list(log.read()) == []
    assert list(log.read()) == [("first", "anew")]
