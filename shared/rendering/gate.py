"""The render gate: nothing is committed that Helm would refuse to render.

::

    gate.rehearse(organization, wanted)          # before Git is locked: fetches charts, renders, remembers
    gate.judge(organization, one, "applications[0]")   # under the lock: a matter of memory, or a few milliseconds
"""

import hashlib
import importlib.util
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import yaml

from shared.argocd import Chart
from shared.charts import PREFIX
from shared.drafts import Draft, Hold
from shared.helm import ENGINE
from shared.rendering.explanation import SCHEMA, explain, fault
from shared.rendering.places import Values
from shared.rendering.process import Process
from shared.rendering.sources import MANIFEST, Files, Found, Missing, Sources
from shared.rendering.trial import Renderer, Trial, Verdict
from shared.rendering.wanted import Wanted

RENDER_FAILED: Final = "RenderFailed"
MAX_VERDICTS: Final = 1024
PATIENCE: Final = 300.0
"""Seconds until a rendering that could not be judged is tried again, and so an engine that does not load."""
OFF: Final = "what claims come to is not rendered before it is committed"

_NOTHING: Final = Verdict("unknown")
_MAX_DEFAULTS: Final = 128 * 1024

log = logging.getLogger(__name__)


class Gate:
    """Says of a row's chart and values what Helm would. Thread-safe. Without an engine it is off, and says nothing."""

    def __init__(
        self, sources: Sources, renderer: Renderer | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sources = sources
        self._renderer = renderer
        self._clock = clock
        self._lock = threading.Lock()
        self._verdicts: OrderedDict[bytes, tuple[Verdict, float]] = OrderedDict()
        self._broken: tuple[str, float] | None = None
        if renderer is None:
            log.warning("the render gate is off: helm-python-sdk is not installed: %s", OFF)

    @classmethod
    def build(cls, sources: Sources) -> "Gate":
        """The gate with the engine that is installed, in a process of its own that the first rendering starts."""
        return cls(sources, Process() if importlib.util.find_spec(ENGINE) else None)

    @property
    def is_on(self) -> bool:
        """Whether anything is rendered."""
        return self._renderer is not None and not self._is_broken()

    def describe(self) -> str:
        """One line for `/readyz`."""
        if self._renderer is None:
            return f"off: helm-python-sdk is not installed: {OFF}"
        broken = self._broken
        return f"off: {broken[0]}: {OFF}" if broken and self._is_broken() else "on"

    def prepare(self, organization: str, wanted: Iterable[tuple[str, Chart]]) -> None:
        """Have these charts, each with its repository's name, at hand. Raises nothing for one that cannot be had."""
        if self.is_on:
            self._sources.fetch(organization, wanted)

    def rehearse(self, organization: str, wanted: Sequence[Wanted]) -> None:
        """Fetch what these renderings need, and render them, so that `judge` only has to remember."""
        self.prepare(organization, [(one.repository, one.chart) for one in wanted])
        for one in wanted:
            self._look(organization, one)

    def check(self, organization: str, wanted: Wanted, claim_path: str) -> str | None:
        """The message of `judge`."""
        hold = self.judge(organization, wanted, claim_path)
        return hold.message if hold else None

    def judge(self, organization: str, wanted: Wanted, claim_path: str) -> Hold | None:
        """Why the row is to be held back; None when it renders, or nobody can tell.

        `claim_path` is as `shared.rendering.places.Values` takes it: `applications[0]`, `namespaces[2]`.
        """
        found, verdict = self._look(organization, wanted)
        if isinstance(found, Missing):
            return Hold(found.reason, f"{claim_path}.chart: {found.message}".removeprefix("."))
        if not isinstance(found, Files) or verdict.outcome not in {"refused", "invalid"}:
            return None
        if not verdict.message.startswith(SCHEMA) and _asks_the_cluster(found.content):
            log.warning("%s may render in its cluster, and does not here: %s", wanted.release, verdict.message[:500])
            return None
        values = Values(claim_path, _map(wanted.values), _defaults(found.content))
        if verdict.outcome == "refused":
            name = _map(found.content[MANIFEST]).get("name")
            return Hold(RENDER_FAILED, explain(verdict.message, str(name), values))
        return Hold(RENDER_FAILED, fault("what it renders is no Kubernetes object", values, verdict.message))

    def hold_back(
        self, organization: str, draft: Draft, rows: str, names: Sequence[str], wanted: Mapping[str, Wanted]
    ) -> None:
        """Hold back the rows of `draft` that are refused. `names` are all rows of the spec's list `rows`, in order."""
        for index, name in enumerate(names):
            if name in draft.folders and name in wanted:
                hold = self.judge(organization, wanted[name], f"{rows}[{index}]")
                if hold is not None:
                    draft.hold_back(name, hold)

    def _look(self, organization: str, wanted: Wanted) -> tuple[Found | None, Verdict]:
        """What is known of the chart, and, if it is there, of the rendering."""
        if not self.is_on:
            return None, _NOTHING
        found = self._sources.get(organization, wanted.repository, wanted.chart)
        return found, self._verdict(found, wanted) if isinstance(found, Files) else _NOTHING

    def _verdict(self, chart: Files, wanted: Wanted) -> Verdict:
        """The remembered verdict, or a new one."""
        key = _key(chart, wanted)
        with self._lock:
            known = self._verdicts.get(key)
            if known is not None and known[1] > self._clock():
                self._verdicts.move_to_end(key)
                return known[0]
        assert self._renderer is not None  # noqa: S101 - the gate is on
        verdict = self._renderer.run(Trial(chart.content, wanted.release, wanted.namespace, wanted.values))
        if verdict.outcome == "broken":
            log.error("the render gate is off: %s: %s", verdict.message, OFF)
            self._broken = (verdict.message, self._clock() + PATIENCE)
            return verdict
        if verdict.outcome == "unknown":
            log.warning("%s cannot be rendered here: %s", wanted.release, verdict.message)
        until = self._clock() + PATIENCE if verdict.outcome == "unknown" else float("inf")
        with self._lock:
            self._verdicts[key] = (verdict, until)
            while len(self._verdicts) > MAX_VERDICTS:
                self._verdicts.popitem(last=False)
        return verdict

    def _is_broken(self) -> bool:
        broken = self._broken
        return broken is not None and broken[1] > self._clock()


def _asks_the_cluster(chart: Mapping[str, bytes]) -> bool:
    """Whether a template looks at the versions of the cluster, which ArgoCD knows and nobody here does."""
    return any(b".Capabilities" in data for path, data in chart.items() if "templates/" in path)


def _key(chart: Files, wanted: Wanted) -> bytes:
    """What the verdict follows from. An embedded chart takes names from release and namespace, and nothing else."""
    parts = [chart.digest, wanted.values]
    if not wanted.chart.revision.startswith(PREFIX):
        parts += [wanted.release.encode(), wanted.namespace.encode()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


def _map(text: bytes) -> Mapping[str, Any]:
    """A YAML map; an empty one for what is none, or too large to be worth it."""
    try:
        found = yaml.load(text, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _defaults(chart: Mapping[str, bytes]) -> Mapping[str, Any]:
    """The chart's own values: only to find what a misspelt name was meant to be."""
    text = chart.get("values.yaml", b"")
    return _map(text) if len(text) <= _MAX_DEFAULTS else {}
