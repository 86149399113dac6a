"""Objects as Git itself names and orders them."""

import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from shared.git.objects import FILE, FOLDER, Author, Entry, decode_tree, encode_commit, encode_tree, name_of

EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def git(directory: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", "-C", str(directory), *arguments], input=stdin, check=True, capture_output=True
    ).stdout


def test_trees_are_those_of_git(tmp_path: Path) -> None:
    """A folder sorts as if its name ended with a slash; names that are no UTF-8 are kept."""
    git(tmp_path, "init", "-q", "--bare")
    entries = {name: Entry(FILE, EMPTY) for name in (b"a.b", b"a-b", b"a0", b"\xff\xfe", "é".encode())}
    entries[b"a"] = Entry(FOLDER, "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
    entries[b"run"] = Entry(0o100755, EMPTY)
    lines = b"".join(
        b"%06o %s %s\t%s\0" % (entry.mode, b"tree" if entry.is_folder else b"blob", entry.sha.encode(), name)
        for name, entry in entries.items()
    )
    expected = git(tmp_path, "mktree", "-z", "--missing", stdin=lines).decode().strip()
    data = encode_tree(entries)
    assert expected == name_of("tree", data)
    assert entries == decode_tree(data)


@pytest.mark.parametrize("data", [b"100644", b"100644 a", b"100644 a\0short", b"x a\0" + b"0" * 20])
def test_bytes_that_are_no_tree_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_tree(data)


def test_a_commit_carries_the_zone_of_its_clock() -> None:
    author = Author("Ünï", "a@example.com")
    tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    content = encode_commit(tree, None, author, datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-3.5))), "m\n")
    assert content.decode().splitlines()[1] == "author Ünï <a@example.com> 1767238200 -0330"


@pytest.mark.parametrize("name", ["", "a\nb", "a<b", "a>b", " a", "a\0"])
def test_an_author_is_one_line(name: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Author(name, "a@example.com")
    with pytest.raises(ValueError, match="one line"):
        Author("a", name)


def test_a_date_without_a_zone_and_a_message_with_a_nul_are_refused() -> None:
    author = Author("a", "b")
    with pytest.raises(ValueError, match="time zone"):
        author.at(datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="NUL"):
        encode_commit(EMPTY, None, author, datetime(2026, 1, 1, tzinfo=UTC), "a\0b")
