"""The embedded charts, from the image to Gitea."""

from collections.abc import Mapping
from typing import Final

from shared.charts import PREFIX, Charts, read, self_contained
from shared.errors import PermanentError
from shared.git import Contents, Limits, Repository, Transaction
from shared.wording import listed

__all__ = ["Charts", "publish", "read", "self_contained"]

_LIMITS: Final = Limits(entries=2000, size=8 * 1024 * 1024)
"""Of one team's chart."""


def publish(repository: Repository, charts: Charts, revision: str) -> str:
    """Bring the charts to the repository's `main` and name the commit `revision`, unless it is there; returns it.

    A tag once made is never moved, and `main` only moves forward: an older installation that shares the repository
    finds its own tag and leaves the newer charts alone. Folders that are not embedded are their teams' own, and so is
    one on `main` that has an embedded chart's name and was never published like this: the tag holds the embedded
    chart, and `main` goes on holding theirs.

    Raises `PermanentError` when such a folder cannot be kept.
    """
    with repository.transaction() as git:
        if git.head is not None and revision in git.tags():
            return git.tags()[revision]
        theirs = _of_teams(git, charts)
        edits: dict[str, bytes | Mapping[str, bytes] | None] = dict(charts)
        names = ", ".join(sorted(charts))
        commit = git.commit(edits, f"Publish {revision}\n\nThe embedded charts: {names}.\n") or git.head
        if commit is None:
            raise AssertionError("charts make a commit in an empty repository")
        if revision not in git.tags():
            git.create_tag(revision, commit)
        if theirs:
            git.commit(dict(theirs), f"Keep what teams have made of {', '.join(sorted(theirs))}\n")
        git.push()
        return commit


def _of_teams(git: Transaction, charts: Charts) -> Charts:
    """Folders of `main` by the names of embedded charts that hold what neither `charts` nor any tag of ours holds."""
    there = [name for name in git.names() if name in charts and git.changed({name: charts[name]})]
    if git.head is None or not there:
        return {}
    found = git.folders(git.head, there, _LIMITS)
    for tag, commit in git.tags().items():
        if found and tag.startswith(PREFIX):
            published = git.folders(commit, sorted(found), _LIMITS)
            found = {name: contents for name, contents in found.items() if published.get(name) != contents}
    lost = sorted(name for name, contents in found.items() if not _is_kept(contents))
    if lost:
        raise PermanentError(
            f"the repository has folders of teams by the names of embedded charts that hold links or too much to be "
            f"kept beside them: rename {listed(lost, 10)}",
            reason="ChartNameTaken",
        )
    return {name: contents.files for name, contents in found.items()}


def _is_kept(contents: Contents) -> bool:
    return not contents.others and not contents.excess
