"""Which commit a status may name: the one just made, the one it remembers, or, when that cannot be, what Gitea says."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from shared.attempt import Attempt
from shared.changes import Written
from shared.claims.status import Commit, Row
from shared.events import ClaimRef
from shared.gitea import Gitea
from shared.history import PastCommit, Remembered, checksum, last_commit

REPOSITORY: Final = "voltran"

MAX_ASKED: Final = 60
"""Folders of rows whose last commits Gitea is asked for, to find the claim's."""

MAX_UNRECORDED: Final = 1000
"""Claims of which a process remembers the commit that it made last, in case that their statuses are not written."""


class Provenance:
    """The commits of each organization's `voltran`, as far as statuses tell of them. Thread-safe.

    After a rewriting of the branch, what statuses remember of commits counts no more: Gitea is asked once for each
    claim.
    """

    def __init__(self, gitea: Gitea, gitea_url: str) -> None:
        self._gitea = gitea
        self._gitea_url = gitea_url
        self._asked_since_rewriting: dict[str, set[ClaimRef]] = {}
        self._unrecorded: dict[ClaimRef, tuple[tuple[str | None, str], str, frozenset[str]]] = {}

    def rewritten(self, organization: str) -> None:
        """The branch has another history than before."""
        self._asked_since_rewriting[organization] = set()

    def asked(self, organization: str) -> Callable[[str], PastCommit | None]:
        """Who answers which commit changed a path last: Gitea."""
        return lambda path: self._gitea.last_commit(organization, REPOSITORY, path)

    def recall(self, attempt: Attempt[Any], written: Written) -> Written:
        """`written`, or the commit before that did the same when its status could not be written."""
        named = attempt.claim.status.commit.sha if attempt.claim.status.commit else None
        state = named, written.change.checksum
        made = self._unrecorded.pop(attempt.ref, None)
        if not written.commit and made is not None and made[0] == state:
            written = replace(written, commit=made[1], touched=made[2])
        if written.commit:
            self._unrecorded[attempt.ref] = state, written.commit, written.touched
            for oldest in list(self._unrecorded)[:-MAX_UNRECORDED]:
                self._unrecorded.pop(oldest, None)
        return written

    def wrote(self, organization: str, attempt: Attempt[Any], path: str) -> bool:
        """Whether the last commit that changed `path` was the claim's own."""
        past = self.asked(organization)(path)
        return past is not None and past.claim == str(attempt.ref)

    def row(
        self,
        organization: str,
        written: Written,
        attempt: Attempt[Any],
        folder: str,
        recorded: Row | None,
    ) -> dict[str, str | None]:
        """What a row says of its files: `path`, `checksum`, and the last `commit` that changed them."""
        current = checksum(written.change.folders[folder])
        known = recorded is not None and self._trusts(organization, attempt)
        remembered = Remembered(recorded.checksum, recorded.commit) if recorded and known else Remembered(None, None)
        new = written.commit if folder in written.touched else None
        commit = last_commit(new, current, remembered, [folder], self.asked(organization))
        return {"path": folder, "checksum": current, "commit": commit}

    def commit(self, organization: str, written: Written, attempt: Attempt[Any], scope: Sequence[str]) -> Commit | None:
        """The claim's own commit, and its address for people; `scope` is where to look when nobody remembers it."""
        status, current = attempt.claim.status, written.change.checksum
        known = status.commit is not None and self._trusts(organization, attempt)
        remembered = Remembered(status.checksum, status.commit.sha if status.commit and known else None)
        ask, others_paths = self.asked(organization), list[str]()

        def own(path: str) -> PastCommit | None:
            past = ask(path)
            if past is None or past.claim in {None, str(attempt.ref)}:
                return past
            others_paths.append(path)  # in a folder that claims share, the last word may be another's
            return None

        sha = last_commit(written.commit, current, remembered, scope, own)
        if others_paths:
            closer = [*scope, *list(written.change.folders)[:MAX_ASKED]]
            sha = last_commit(written.commit, current, Remembered(None, None), closer, own)
        self._asked_since_rewriting.get(organization, set()).add(attempt.ref)
        return Commit(sha=sha, url=f"{self._gitea_url}/{organization}/{REPOSITORY}/commit/{sha}") if sha else None

    def _trusts(self, organization: str, attempt: Attempt[Any]) -> bool:
        """Whether the commits that a status remembers are still those of the branch, as far as this process knows."""
        asked = self._asked_since_rewriting.get(organization)
        return _is_fresh(attempt) and (asked is None or attempt.ref in asked)


def _is_fresh(attempt: Attempt[Any]) -> bool:
    """Whether the status may be trusted about commits: it knows of all generations but, at most, the present one.

    Otherwise the files may have been changed and changed back, by commits whose statuses were never written.
    """
    observed: int = attempt.claim.status.observedGeneration or 0
    generation: int = attempt.claim.metadata.generation
    return observed >= generation - 1
