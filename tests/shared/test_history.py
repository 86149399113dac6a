"""Which commit is the last one of some files, by memory or by asking."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.history import PastCommit, Remembered, checksum, last_commit


@settings(deadline=None)  # a busy machine is no fault
@given(st.dictionaries(st.text(), st.binary()), st.randoms())
def test_a_checksum_knows_no_order(files: dict[str, bytes], random: Random) -> None:
    shuffled = list(files.items())
    random.shuffle(shuffled)
    assert checksum(files) == checksum(dict(shuffled))
    assert len(checksum(files)) == 16


DIFFERENT = [
    ({"a": b"1"}, {"a": b"2"}, "content"),
    ({"a": b"1"}, {"b": b"1"}, "path"),
    ({}, {"a": b""}, "an empty file is a file"),
    ({"a": b"b"}, {"ab": b""}, "a path's end is not a content's beginning"),
    ({"a": b"x\0b\x001\0y"}, {"a": b"x", "b": b"y"}, "a content that imitates the next entry"),
]


@pytest.mark.parametrize(("one", "other", "why"), DIFFERENT, ids=[case[2] for case in DIFFERENT])
def test_different_files_have_different_checksums(one: dict[str, bytes], other: dict[str, bytes], why: str) -> None:
    assert checksum(one) != checksum(other), why


def _never(_: str) -> PastCommit | None:
    raise AssertionError("nobody should be asked")


def _answers(**found: str) -> Callable[[str], PastCommit | None]:
    return lambda path: PastCommit(f"sha-{path}", found[path]) if path in found else None


KNOWN = Remembered("now", "remembered")
CASES = [
    ("new", KNOWN, _never, "new", "the commit just made"),
    (None, KNOWN, _never, "remembered", "nothing changed, and the status remembers"),
    (None, Remembered("before", "remembered"), _answers(a="1"), "sha-a", "remembered for another content"),
    (None, Remembered(None, "remembered"), _answers(a="1"), "sha-a", "remembered for nobody knows what"),
    (None, Remembered("now", None), _answers(a="1"), "sha-a", "a status that was lost"),
    (None, Remembered(None, None), _answers(a="1", b="2"), "sha-b", "the latest of several paths"),
    (None, Remembered(None, None), _answers(b="1"), "sha-b", "one path has none"),
    (None, Remembered(None, None), _answers(), None, "nobody knows"),
]


@pytest.mark.parametrize(("new", "remembered", "ask", "expected", "why"), CASES, ids=[case[4] for case in CASES])
def test_last_commit(
    new: str | None,
    remembered: Remembered,
    ask: Callable[[str], PastCommit | None],
    expected: str | None,
    why: str,
) -> None:
    assert last_commit(new, "now", remembered, ["a", "b"], ask) == expected, why
