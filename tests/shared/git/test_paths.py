"""What may be written where, decided without a repository."""

import pytest

from shared.git.paths import Edits, Replace, plan, segments

HOSTILE = [
    ("", "empty"),
    ("/etc/passwd", "absolute"),
    ("a//b", "empty segment"),
    ("a/", "trailing slash"),
    ("..", "parent"),
    ("environments/../../x", "parent inside"),
    ("./a", "here"),
    (".git/config", "Git's own folder"),
    ("a/.GIT/hooks/pre-push", "the same where case does not count"),
    ("a/.git./x", "NTFS drops trailing dots"),
    ("a/.git /x", "NTFS drops trailing blanks"),
    ("a/.git::$INDEX_ALLOCATION/x", "NTFS streams"),
    ("a/GIT~1/x", "NTFS short name"),
    ("a/.g\u200cit/x", "HFS+ drops invisible characters"),
    ("a\\..\\b", "a separator on Windows"),
    ("a\nb", "newline"),
    ("a\0b", "NUL"),
    ("a\x7fb", "delete"),
    ("a\u2028b", "line separator"),
    ("a\udc80b", "half a surrogate pair"),
    ("x" * 256, "longer than file systems hold"),
    ("é" * 128, "counted in bytes"),
]


@pytest.mark.parametrize(("path", "reason"), HOSTILE, ids=[reason for _, reason in HOSTILE])
def test_hostile_paths_are_refused(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match="cannot be written to Git"):
        segments(path)
    with pytest.raises(ValueError, match="cannot be written to Git"):
        plan({path: b""})
    with pytest.raises(ValueError, match="cannot be written to Git"):
        plan({"folder": {path: b""}})


@pytest.mark.parametrize("path", [".gitkeep", ".gitignore", "a/.github/x", "ünï/文件.yaml", "a b", "x" * 255, "a.git"])
def test_other_paths_are_accepted(path: str) -> None:
    assert "/".join(segments(path)) == path


OVERLAPS: list[tuple[Edits, str]] = [
    ({"a": {"x": b"1"}, "a/b": b"2"}, "a file inside a replaced folder"),
    ({"a/b": b"2", "a": {"x": b"1"}}, "the same the other way round"),
    ({"a": b"1", "a/b": b"2"}, "a file inside a file"),
    ({"a/b/c": None, "a/b": None}, "a removal inside a removal"),
    ({"f": {"a": b"1", "a/b": b"2"}}, "a file inside a file, within the content"),
    ({"f": {"a/b": b"2", "a": b"1"}}, "the same the other way round"),
]


@pytest.mark.parametrize(("edits", "reason"), OVERLAPS, ids=[reason for _, reason in OVERLAPS])
def test_edits_that_overlap_are_refused(edits: Edits, reason: str) -> None:
    with pytest.raises(ValueError, match=r"inside|is a file and a folder"):
        plan(edits)


def test_edits_become_a_tree() -> None:
    """Neighbours share their parents; an empty folder is a removal, since Git knows no empty folders."""
    edits: Edits = {"a/b": b"1", "a/c": {"d/e": b"2", "f": b"3"}, "a/g": None, "h": {}}
    assert plan(edits) == {
        "a": {"b": Replace(b"1"), "c": Replace({"d": {"e": b"2"}, "f": b"3"}), "g": Replace(None)},
        "h": Replace(None),
    }
