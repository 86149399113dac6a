"""Where the charts of applications and services come from, and what of them is at hand.

::

    embedded     this installation's own copy, if its content's tag is the revision; else Gitea at that tag
    repository   Gitea, the newest commit of `main`
    oci          the registry

What cannot be had for a reason that passes is `Unknown`: it says nothing of the chart. What the repository or the
registry answers not to have is `Missing`.
"""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from shared import charts
from shared.argocd import BRANCH, Chart
from shared.errors import InfraForgeError, PermanentError
from shared.git import Contents, Limits, Repository, Transaction
from shared.oci import ChartMissing, HostNotAllowed
from shared.rendering.package import MAX_BYTES, MAX_FILES, Unfit, harmless, unpack
from shared.wording import listed

CHART_MISSING: Final = ChartMissing.__name__
MANIFEST: Final = "Chart.yaml"
MAX_CHARTS: Final = 64
MAX_KEPT: Final = 8 * 1024 * 1024
"""Bytes of charts that are kept; a chart of ours has about 100,000."""
MOVING: Final = 10.0
"""Seconds for which `main`, and what was not to be had, are not asked for again."""
VERSION: Final = 600.0
"""Seconds for which a registry is not asked again for the same version."""
MAX_PULLS: Final = 4
MAX_NAMED: Final = 20

_LIMITS: Final = Limits(entries=MAX_FILES, size=MAX_BYTES)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Files:
    """A chart: path → content, fit for Helm's engine."""

    content: Mapping[str, bytes]

    @cached_property
    def digest(self) -> bytes:
        """One hash of everything in it."""
        found = hashlib.sha256()
        for path, data in sorted(self.content.items()):
            found.update(hashlib.sha256(path.encode()).digest() + hashlib.sha256(data).digest())
        return found.digest()

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self.content.values()))


@dataclass(frozen=True)
class Missing:
    """There is no such chart, or none that this installation may have; the message says what there is."""

    message: str
    reason: str = CHART_MISSING
    size: int = 0


@dataclass(frozen=True)
class Unknown:
    """It cannot be told."""

    message: str
    size: int = 0


Found = Files | Missing | Unknown
Key = tuple[str, str, Chart]
"""Organization, its chart repository (`charts`, `platform-charts`), chart."""


class Puller(Protocol):
    """`shared.oci.ChartRegistries`."""

    def pull(self, registry: str, name: str, version: str) -> bytes:
        """The chart's archive."""


class Sources:
    """Charts by where they come from, the ones used last kept. Thread-safe.

    `embedded` are the folders of this installation's own charts by their repository's name; one that does not exist is
    no fault. Without `registries` nothing is known of charts in OCI registries.
    """

    def __init__(
        self,
        repository: Callable[[str, str], Repository],
        registries: Puller | None = None,
        *,
        embedded: Mapping[str, Path],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository = repository
        self._registries = registries
        self._own = {name: _Own(directory) for name, directory in embedded.items()}
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[Found, float]] = OrderedDict()

    def fetch(self, organization: str, wanted: Iterable[tuple[str, Chart]]) -> None:
        """Have the charts at hand, each as new as it has to be. Raises nothing."""
        now = self._clock()
        with self._lock:
            keys = dict.fromkeys((organization, repository, chart) for repository, chart in wanted)
            stale = [key for key in keys if key not in self._kept or self._kept[key][1] <= now]
            for key in keys:
                if key in self._kept:
                    self._kept.move_to_end(key)
        pulled = [key for key in stale if key[2].registry is not None]
        in_git: dict[str, list[Key]] = {}
        for key in stale:
            own = self._own[key[1]].chart(key[2]) if key[1] in self._own and key[2].registry is None else None
            if own is not None:
                self._keep(key, own, float("inf"))
            elif key[2].registry is None:
                in_git.setdefault(key[1], []).append(key)
        for repository, missing in in_git.items():
            self._from_git(organization, repository, missing)
        if pulled:
            with ThreadPoolExecutor(min(MAX_PULLS, len(pulled)), thread_name_prefix="charts") as pool:
                for key, found in zip(pulled, pool.map(self._pulled, pulled), strict=True):
                    self._keep(key, found, now + (VERSION if isinstance(found, Files) else MOVING))

    def get(self, organization: str, repository: str, chart: Chart) -> Found:
        """The chart as it was fetched last; fetched now only if it never was, or had to make room for others."""
        key = (organization, repository, chart)
        for _ in range(2):
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key][0]
            self.fetch(organization, [(repository, chart)])
        return Unknown("it is larger than what is kept")

    def _from_git(self, organization: str, repository: str, keys: Sequence[Key]) -> None:
        now = self._clock()
        found: dict[Key, Found]
        try:
            with self._repository(organization, repository).transaction() as git:
                found = {}
                for revision in dict.fromkeys(key[2].revision for key in keys):
                    found |= _at(git, repository, revision, [key for key in keys if key[2].revision == revision])
        except (InfraForgeError, ValueError) as error:
            found = dict.fromkeys(keys, Unknown(f"{organization}/{repository} cannot be read: {error}"))
        for key, one in found.items():
            is_final = isinstance(one, Files) and key[2].revision != BRANCH  # a tag once made is never moved
            self._keep(key, one, float("inf") if is_final else now + MOVING)

    def _pulled(self, key: Key) -> Found:
        chart = key[2]
        if self._registries is None:
            return Unknown("this function asks no registries")
        try:
            return Files(harmless(unpack(self._registries.pull(chart.registry or "", chart.name, chart.revision))))
        except (ChartMissing, HostNotAllowed) as error:
            return Missing(str(error), error.reason)
        except (InfraForgeError, Unfit) as error:
            return Unknown(f"{chart.registry}/{chart.name} {chart.revision} cannot be read: {error}")

    def _keep(self, key: Key, found: Found, until: float) -> None:
        if isinstance(found, Unknown):
            log.warning("the chart %s is not rendered: %s", key[2].name, found.message)
        with self._lock:
            self._kept[key] = (found, until)
            self._kept.move_to_end(key)
            size = sum(one.size for one, _ in self._kept.values())
            while len(self._kept) > MAX_CHARTS or (size > MAX_KEPT and len(self._kept) > 1):
                _, (oldest, _) = self._kept.popitem(last=False)
                size -= oldest.size


class _Own:
    """The charts in a folder of this installation's image, read when they are first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def chart(self, chart: Chart) -> Files | None:
        """The chart, if it is one of ours at the revision that ours have."""
        with self._lock:
            revision, found = self._read
        return found.get(chart.name) if chart.revision == revision else None

    @cached_property
    def _read(self) -> tuple[str, Mapping[str, Files]]:
        try:
            found = charts.read(self._directory)
        except PermanentError:  # an image without charts is whole: Gitea has them
            return "", {}
        return charts.revision(found), {name: Files(content) for name, content in found.items()}


def _at(git: Transaction, repository: str, revision: str, keys: Sequence[Key]) -> dict[Key, Found]:
    """The charts of `keys` at one revision of their repository."""
    commit = git.head if revision == BRANCH else git.tags().get(revision)
    if commit is None:
        return dict.fromkeys(keys, Unknown(f"{repository} has no {revision} yet"))
    folders = git.folders(commit, [key[2].name for key in keys], _LIMITS)
    names = [name for name in git.names(commit=commit) if not name.startswith(".")]
    return {key: _checked(folders.get(key[2].name), key[2], repository, names) for key in keys}


def _checked(folder: Contents | None, chart: Chart, repository: str, names: Sequence[str]) -> Found:
    where = f"{repository} at {chart.revision}"
    if folder is None:
        return Missing(f'there is no chart "{chart.name}" in {where}; there are: {listed(names, MAX_NAMED) or "none"}')
    if folder.excess:
        return Unknown(folder.excess)
    if folder.others:
        return Unknown(f"it holds links or submodules: {listed(folder.others, MAX_NAMED)}")
    if MANIFEST not in folder.files:
        return Missing(f'"{chart.name}" in {where} is no Helm chart: it has no {MANIFEST}')
    try:
        return Files(harmless(folder.files))
    except Unfit as error:
        return Unknown(str(error))
