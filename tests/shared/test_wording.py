"""Lists and numbers in messages for people."""

import pytest

from shared.wording import counted, listed


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 claims"), (1, "1 claim"), (2, "2 claims")], ids=["none", "one", "more"]
)
def test_counted(number: int, expected: str) -> None:
    assert counted(number, "claim") == expected


@pytest.mark.parametrize(
    ("items", "separator", "expected"),
    [
        ([], ", ", ""),
        (["a", "b"], ", ", "a, b"),
        (["a", "b", "c"], ", ", "a, b and 1 more"),
        (["a", "b", "c", "d"], "; ", "a; b; and 2 more"),
    ],
    ids=["nothing", "as many as fit", "more", "clauses"],
)
def test_listed(items: list[str], separator: str, expected: str) -> None:
    assert listed(items, 2, separator) == expected
