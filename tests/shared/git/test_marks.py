"""Going back to a mark within a transaction."""

import pytest

from .backend import Backend
from .conftest import NAME, Opener


def test_going_back_to_a_mark(backend: Backend, opened: Opener) -> None:
    """Commits and tags since are undone; those before and after are not; equal content may be written again."""
    with opened().transaction() as transaction:
        first = transaction.commit({"a": b"1"}, "first\n")
        assert first
        mark = transaction.mark()
        sha = transaction.commit({"b": {"x": b"1"}}, "undone\n")
        assert sha
        transaction.create_tag("undone", sha)
        transaction.rollback(mark)
        assert transaction.tip == first
        assert transaction.names() == ("a",)
        assert transaction.tags() == {}
        with pytest.raises(ValueError, match="not of this transaction"):
            transaction.create_tag("undone", sha)
        transaction.rollback(mark)
        transaction.commit({"c": {"x": b"1"}}, "second\n")
        transaction.push()
        with pytest.raises(ValueError, match="pushed"):
            transaction.rollback(mark)
    assert backend.git(NAME, "log", "--format=%s", "main").splitlines() == ["second", "first"]
    assert backend.git(NAME, "ls-tree", "-r", "--name-only", "main").splitlines() == ["a", "c/x"]
    backend.git(NAME, "fsck", "--strict")


def test_going_back_to_the_start_leaves_nothing_to_push(backend: Backend, opened: Opener) -> None:
    with opened().transaction() as transaction:
        mark = transaction.mark()
        assert not transaction.is_prepared
        transaction.commit({"a": b"1"}, "a\n")
        assert transaction.is_prepared
        transaction.rollback(mark)
        assert not transaction.is_prepared
        backend.exchanges.clear()
        transaction.push()
    assert backend.exchanges == []
