"""The embedded charts, from the image's file system to Gitea."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.errors import PermanentError
from shared.git import Repository

MAX_FILE: Final = 1024 * 1024

Charts = Mapping[str, Mapping[str, bytes]]


def read(directory: Path) -> Charts:
    """Chart → path → content of every chart folder in `directory`.

    Raises `PermanentError` when there is none: an image without charts is built wrong.
    """
    charts = {
        chart.parent.name: {
            file.relative_to(chart.parent).as_posix(): _content(file)
            for file in sorted(chart.parent.rglob("*"))
            if file.is_file() and not file.is_symlink()
        }
        for chart in sorted(directory.glob("*/Chart.yaml"))
    }
    if not charts:
        raise PermanentError(f"{directory} holds no Helm charts: the image is built wrong", reason="ChartsMissing")
    return charts


def publish(repository: Repository, charts: Charts, revision: str) -> str | None:
    """Bring the charts to the repository's `main` and name the commit `revision`; None when that name is there.

    A tag once made is never moved, and `main` only moves forward: an older installation that shares the repository
    finds its own tag and leaves the newer charts alone. Folders that are not embedded are their teams' own.
    """
    with repository.transaction() as git:
        if git.head is not None and revision in git.tags():
            return None
        edits: dict[str, bytes | Mapping[str, bytes] | None] = dict(charts)
        names = ", ".join(sorted(charts))
        commit = git.commit(edits, f"Publish {revision}\n\nThe embedded charts: {names}.\n") or git.head
        if commit is None:
            raise AssertionError("charts make a commit in an empty repository")
        if revision not in git.tags():
            git.create_tag(revision, commit)
        git.push()
        return commit


def _content(file: Path) -> bytes:
    if file.stat().st_size > MAX_FILE:
        raise PermanentError(f"{file.name} is larger than {MAX_FILE} bytes: not a chart's file", reason="ChartsMissing")
    return file.read_bytes()
