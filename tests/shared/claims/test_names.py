"""What can be a name."""

import pytest

from shared.claims.names import MAX_LABEL, is_label
from tests.hostile.strategies import ADDRESSES, OPTIONS, TEMPLATES


@pytest.mark.parametrize("name", ["a", "0", "user-service", "con", "a" * MAX_LABEL])
def test_a_label(name: str) -> None:
    assert is_label(name)


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "A", "a.b", "a b", "a\n", "ä", "\udcff", "a" * (MAX_LABEL + 1), *TEMPLATES, *OPTIONS, *ADDRESSES],
)
def test_no_label(name: str) -> None:
    assert not is_label(name)
