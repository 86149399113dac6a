"""The tags that a message proposes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oci.reference import is_tag
from shared.oci.tags import MAX_NEAREST, nearest


@pytest.mark.parametrize(
    ("wanted", "tags", "expected", "reason"),
    [
        ("1.2.4", ["1.2.3", "2.0.0", "1.2.9", "1.3.0"], ("1.2.3", "1.2.9", "1.3.0", "2.0.0"), "by number"),
        ("1.10.0", ["1.9.0", "1.1.0", "1.10.1"], ("1.10.1", "1.9.0", "1.1.0"), "1.10 is near 1.9, not near 1.1"),
        ("1.2.3", ["v1.2.3", "latest", "3.0.0"], ("v1.2.3", "3.0.0", "latest"), "the forgotten v first"),
        ("v1", ["1", "2"], ("1", "2"), "the v too many"),
        ("16-alpin", ["16-alpine", "15-alpine", "16"], ("16", "16-alpine", "15-alpine"), "the same number first"),
        ("lates", ["latest", "1.0", "main"], ("latest", "main", "1.0"), "words by their letters"),
        ("main", [], (), "nothing to propose"),
        ("1", [f"1.{n}" for n in range(9)], ("1.0", "1.1", "1.2", "1.3", "1.4"), "at most five"),
        ("1", ["ok", "<script>", "a b", "\n", "x" * 129, ""], ("ok",), "only what is a tag can be shown"),
        ("1", ["sha256-" + "a" * 64 + ".sig", "2"], ("2",), "signatures are no tags for people"),
        ("9" * 128, ["1", "8" * 128], ("8" * 128, "1"), "too long for a number is a word"),
    ],
)
def test_nearest(wanted: str, tags: list[str], expected: tuple[str, ...], reason: str) -> None:
    assert nearest(wanted, tags) == expected, reason


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True), st.lists(st.text(max_size=20), max_size=20))
def test_only_known_well_formed_tags_without_doubles(wanted: str, tags: list[str]) -> None:
    found = nearest(wanted, tags)
    assert len(found) == len(set(found)) <= MAX_NEAREST
    assert all(tag in tags and is_tag(tag) for tag in found)
