"""What strangers did to a claim's files: seen as a difference where the claim and its inputs have not changed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from shared.claims.status import HistoryEntry
from shared.history import PastCommit
from shared.wording import listed

DRIFTED: Final = "Drifted"
MAX_ASKED: Final = 10
"""Paths whose last commit is asked for; more are counted."""
MAX_AUTHOR: Final = 256
MAX_PATH: Final = 300


@dataclass(frozen=True)
class Drift:
    """Paths that somebody else changed, and the commits that did it, the latest first.

    No commit is known when the history was rewritten, so that the branch no longer has what was written to it.
    """

    paths: Sequence[str]
    commits: Sequence[PastCommit]

    @property
    def message(self) -> str:
        """One line for people."""
        return f"{listed([_line(path, MAX_PATH) for path in self.paths], MAX_ASKED)}: changed {self._by()}"

    def entry(self, restored: str | None, now: str) -> HistoryEntry:
        """What the claim's status keeps of it; `restored` is the commit that put it right."""
        latest = self.commits[0] if self.commits else None
        return HistoryEntry(
            time=now,
            reason=DRIFTED,
            message=f"{self.message}; restored",
            commit=latest.sha if latest else None,
            author=_line(latest.author, MAX_AUTHOR) if latest else None,
            restored=restored,
        )

    def _by(self) -> str:
        if not self.commits:
            return "by rewriting the branch: it no longer holds what was written to it"
        return "by " + ", ".join(f"{commit.sha[:12]} ({_line(commit.author, MAX_AUTHOR)})" for commit in self.commits)


def _line(text: str, most: int) -> str:
    """`text` as a terminal shows it on one line: names of files and of people are whatever a stranger has chosen."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text[:most])
    return f"{shown[:-1]}…" if len(text) > most else shown


def _askable(path: str) -> str:
    """`path`, or the folder of what is no text: a request holds UTF-8 alone."""
    while not path.isascii() and any("\ud800" <= character <= "\udfff" for character in path):
        path = path.rpartition("/")[0]
    return path


def explain(paths: Iterable[str], ask: Callable[[str], PastCommit | None], claim: str, generation: int) -> Drift | None:
    """The drift of `paths`, which are not as `claim` wrote them when its generation was `generation`.

    None when it is no drift: a later generation's commit, whose status was never written, made them so.
    """
    paths = sorted(paths)
    asked = dict.fromkeys(map(_askable, paths[:MAX_ASKED]))
    found = {past.sha: past for past in map(ask, asked) if past is not None}
    if any(past.claim == claim and past.generation > generation for past in found.values()):
        return None
    strangers = [past for past in found.values() if past.claim is None]
    return Drift(paths, sorted(strangers, key=lambda past: past.when, reverse=True))
