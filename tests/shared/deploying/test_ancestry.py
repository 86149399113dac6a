"""Which commits a revision contains, by the history that the branch has."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from shared.deploying import Ancestry
from shared.errors import GiteaUnavailable
from shared.git import Commit, Repository, RepositoryMissing

HISTORY = ["a", "b", "c", "d"]
"""The oldest first."""


class History:
    """A repository whose branch has that history; `looks` counts transactions."""

    def __init__(self, error: Exception | None = None) -> None:
        self.looks = 0
        self.error = error

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self.looks += 1
        if self.error:
            raise self.error
        yield self

    def commits(self, since: str, most: int) -> tuple[Commit, ...] | None:
        if since not in HISTORY:
            return None
        return tuple(Commit(sha, "n", "n@x", "m") for sha in HISTORY[HISTORY.index(since) + 1 :])


def ancestry(history: History) -> Ancestry:
    return Ancestry(lambda _: cast("Repository", history))


CASES = [
    ("b", "b", True, "itself"),
    ("c", "b", True, "an earlier one"),
    ("b", "c", False, "a later one"),
    ("x", "b", False, "a revision of another history"),
    ("d", "x", False, "a commit that was rewritten away"),
]


@pytest.mark.parametrize(("revision", "commit", "expected", "why"), CASES, ids=[case[3] for case in CASES])
def test_contains(revision: str, commit: str, expected: bool, why: str) -> None:
    assert ancestry(History()).contains("acme", revision, commit) is expected, why


def test_git_is_asked_once_for_what_never_changes() -> None:
    history = History()
    asked = ancestry(history)
    for _ in range(3):
        assert asked.contains("acme", "c", "b")
        assert not asked.contains("acme", "b", "c")
    assert history.looks == 2


def test_what_is_not_known_yet_is_asked_again() -> None:
    history = History()
    asked = ancestry(history)
    assert not asked.contains("acme", "x", "b")
    assert not asked.contains("acme", "x", "b")
    assert history.looks == 2


@pytest.mark.parametrize("error", [GiteaUnavailable("down"), RepositoryMissing("gone")], ids=["down", "gone"])
def test_without_git_nobody_can_say(error: Exception) -> None:
    assert not ancestry(History(error)).contains("acme", "c", "b")
