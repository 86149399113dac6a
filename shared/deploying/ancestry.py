"""Whether a revision of `voltran` contains a commit."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from shared.errors import TransientError
from shared.git import Repository, RepositoryMissing, Transaction

MAX_AHEAD: Final = 2000
"""Commits that the branch may be ahead of either; what is further back counts as not of this history."""
REMEMBERED: Final = 10_000


class Ancestry:
    """Answers from Git, once for each question: neither commit ever changes. Thread-safe."""

    def __init__(self, repository: Callable[[str], Repository]) -> None:
        self._repository = repository
        self._known: OrderedDict[tuple[str, str], bool] = OrderedDict()
        self._lock = Lock()

    def contains(self, organization: str, revision: str, commit: str) -> bool:
        """Whether `commit` is `revision` or before it; no, as long as that cannot be found out."""
        if revision == commit:
            return True
        key = revision, commit
        with self._lock:
            if key in self._known:
                return self._known[key]
        try:
            with self._repository(organization).transaction() as git:
                answer = _answer(git, revision, commit)
        except (TransientError, RepositoryMissing):
            return False
        if answer is not None:
            with self._lock:
                self._known[key] = answer
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return bool(answer)


def _answer(git: Transaction, revision: str, commit: str) -> bool | None:
    """None when either is not of the branch's history, as it is known here."""
    after_revision, after_commit = git.commits(revision, MAX_AHEAD), git.commits(commit, MAX_AHEAD)
    if after_revision is None or after_commit is None:
        return None
    return commit not in {one.sha for one in after_revision}
