"""The charts that ArgoCD would render: from Gitea or a clone, and from this installation where they are the same."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cli.clone import Clone
from shared.argocd import Role
from shared.charts import Charts as Embedded
from shared.charts import read, revision
from shared.errors import PermanentError
from shared.wording import listed

CHARTS: Final[Mapping[Role, str]] = {"apps": "charts", "platform": "platform-charts"}
MAX_NAMED: Final = 20
_ROOT: Final = Path(__file__).resolve().parents[2]

Chart = Mapping[str, bytes]


class Missing(Exception):
    """A chart cannot be had here; the message says why."""


class Absent(Missing):
    """There is no such chart: ArgoCD will not find it either."""


@dataclass
class Charts:
    """Charts by repository, revision and name. `clone` gives a repository's clone, or None where there is none."""

    clone: Callable[[str, str], Clone | None]
    _loaded: dict[tuple[str, str, str, str], Chart] = field(default_factory=dict)

    def get(self, organization: str, repository: str, revision: str, name: str) -> Chart:
        """Path → content of a chart's folder at a revision; raises `Missing`."""
        key = (organization, repository, revision, name)
        if key not in self._loaded:
            self._loaded[key] = self._read(*key)
        return self._loaded[key]

    @functools.cached_property
    def revisions(self) -> Mapping[Role, str]:
        """Those of the charts of this installation; empty texts where it has none."""
        return {role: revision(charts) if charts else "" for role, charts in self.embedded.items()}

    def is_embedded(self, repository: str, revision: str) -> bool:
        """Whether it is this installation's own charts that a repository has at a revision."""
        return any(known == repository and revision == self.revisions[role] for role, known in CHARTS.items())

    def _read(self, organization: str, repository: str, revision: str, name: str) -> Chart:
        if self.is_embedded(repository, revision):
            embedded = next(self.embedded[role] for role, known in CHARTS.items() if known == repository)
            if name not in embedded:
                raise _absent(repository, revision, name, sorted(embedded))
            return embedded[name]
        clone = self.clone(organization, repository)
        if clone is None:
            raise Missing(f"there is no clone of {repository} to find chart {name} at {revision} in")
        commit = _commit(clone, revision)
        if commit is None:
            raise Missing(f"{repository} has no revision {revision}")
        inside = f"{name}/"
        files = {path.removeprefix(inside): data for path, data in clone.files(commit, [name]).items()}
        if "Chart.yaml" not in files:
            names = (clone.run("ls-tree", "-d", "-z", "--name-only", commit) or b"").decode(errors="replace")
            raise _absent(repository, revision, name, sorted(filter(None, names.split("\0"))))
        return files

    @functools.cached_property
    def embedded(self) -> Mapping[Role, Embedded]:
        """Those of this installation, whole; none where a command was installed without charts."""
        found: dict[Role, Embedded] = {}
        for role, name in CHARTS.items():
            try:
                found[role] = read(_ROOT / name)
            except PermanentError:
                found[role] = {}
        return found


def _absent(repository: str, revision: str, name: str, there: list[str]) -> Absent:
    return Absent(f"{repository} has no chart {name} at {revision}; it has {listed(there, MAX_NAMED)}")


def _commit(clone: Clone, revision: str) -> str | None:
    for name in (f"refs/tags/{revision}", f"refs/heads/{revision}", f"refs/remotes/origin/{revision}"):
        found = clone.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found:
            return found.decode().strip()
    return None
