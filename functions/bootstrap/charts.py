"""The embedded charts, from the image to Gitea."""

from collections.abc import Mapping

from shared.charts import Charts, read, self_contained
from shared.git import Repository

__all__ = ["Charts", "publish", "read", "self_contained"]


def publish(repository: Repository, charts: Charts, revision: str) -> str:
    """Bring the charts to the repository's `main` and name the commit `revision`, unless it is there; returns it.

    A tag once made is never moved, and `main` only moves forward: an older installation that shares the repository
    finds its own tag and leaves the newer charts alone. Folders that are not embedded are their teams' own.
    """
    with repository.transaction() as git:
        if git.head is not None and revision in git.tags():
            return git.tags()[revision]
        edits: dict[str, bytes | Mapping[str, bytes] | None] = dict(charts)
        names = ", ".join(sorted(charts))
        commit = git.commit(edits, f"Publish {revision}\n\nThe embedded charts: {names}.\n") or git.head
        if commit is None:
            raise AssertionError("charts make a commit in an empty repository")
        if revision not in git.tags():
            git.create_tag(revision, commit)
        git.push()
        return commit
