"""What Helm renders of two states of a set, and how they differ."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cli.plan.charts import Library
from cli.plan.objects import Rendered, compare, objects
from cli.plan.report import ObjectChange
from cli.plan.tree import Tree
from cli.plan.workloads import Unreadable, Workload, workloads
from shared.argocd import Chart
from shared.helm import Engine, RenderFailed
from shared.rendering.gate import Gate
from shared.rendering.process import Process
from shared.rendering.sources import Files
from shared.rendering.trial import Trial, Verdict, run
from shared.rendering.wanted import Wanted

NO_ENGINE: Final = "Helm's engine is not installed (pip install helm-python-sdk), so manifests are not shown"


@dataclass(frozen=True)
class Asked:
    """Which Applications to compare: those of the set at `set_path` whose rows `owns` accepts.

    `rows` are those of the claim in its order; `held` are rows that go only once a person has confirmed it.
    """

    set_path: str
    owns: Callable[[str], bool]
    rows: Sequence[str]
    held: frozenset[str] = frozenset()


class NotShown(Exception):
    """An Application's objects cannot be told; the message says why."""


@contextmanager
def silent() -> Iterator[None]:
    """While Helm's Go code works: it writes warnings to the standard error itself."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - its descriptor is all that is wanted
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class Once:
    """Helm's engine, which renders the same only once: the gate asks for what is shown afterwards."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[tuple[int, str, str, bytes], str | RenderFailed] = {}
        self._charts: list[Mapping[str, bytes]] = []

    def render(self, chart: Mapping[str, bytes], *, release: str, namespace: str, values: bytes) -> str:
        """As the engine does, without a word on the standard error."""
        key = (id(chart), release, namespace, values)
        if key not in self._known:
            self._charts.append(chart)  # kept, so that no other one gets its number
            try:
                with silent():
                    self._known[key] = self._engine.render(chart, release=release, namespace=namespace, values=values)
            except RenderFailed as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, RenderFailed):
            raise found
        return found

    def read(self, document: str) -> dict[str, Any]:
        """As the engine does."""
        return self._engine.read(document)


class Trials:
    """Tries charts out: our own here, and strangers' where they can be stopped."""

    def __init__(self, library: Library, engine: Once) -> None:
        self._library = library
        self._engine = engine
        self._process = Process()

    def run(self, trial: Trial) -> Verdict:
        """The verdict. Raises nothing."""
        return run(self._engine, trial) if self.is_ours(trial.chart) else self._process.run(trial)

    def is_ours(self, chart: Mapping[str, bytes]) -> bool:
        """Whether a chart is one of this installation's."""
        return any(chart == one for charts in self._library.embedded.values() for one in charts.values())

    def close(self) -> None:
        """End what was started."""
        self._process.close()


@dataclass
class Renderer:
    """Renders sets, with the charts that they name. `notes` say what could not be rendered, and why."""

    library: Library
    engine: Engine | None
    notes: list[str] = field(default_factory=list)
    _outcomes: dict[Workload, list[Rendered] | NotShown] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._once = Once(self.engine) if self.engine is not None else None
        self._trials = Trials(self.library, self._once) if self._once is not None else None
        self.gate = Gate(self.library.sources, self._trials)

    def compare(self, before: Tree, after: Tree, asked: Asked) -> list[ObjectChange]:
        """The objects that differ between two trees."""
        if self.engine is None:
            self._note(NO_ENGINE)
            return []
        try:
            old, new = (workloads(tree, asked.set_path, self.engine) for tree in (before, after))
        except Unreadable as error:
            self._note(f"{error}: manifests are not shown")
            return []
        order = {row: number for number, row in enumerate(asked.rows)}
        rows = {name: one.row for all_ in (old, new) for name, one in all_.items() if asked.owns(one.row)}
        return [
            replace(one, held=rows[name] in asked.held)
            for name in sorted(rows, key=lambda name: (order.get(rows[name], len(order)), name))
            for one in self._changes(name, old.get(name), new.get(name))
        ]

    def close(self) -> None:
        """End what was started."""
        if self._trials is not None:
            self._trials.close()

    def _changes(self, name: str, before: Workload | None, after: Workload | None) -> Iterator[ObjectChange]:
        if before == after:
            return
        new = self._objects(after)
        old = self._objects(before)
        if isinstance(new, NotShown):
            self._note(f"{name} is not rendered: {new}")
        elif isinstance(old, NotShown):
            self._note(f"{name} is compared with nothing: what is in Git is not rendered: {old}")
            yield from compare(name, [], new)
        else:
            yield from compare(name, old, new)

    def _objects(self, workload: Workload | None) -> list[Rendered] | NotShown:
        if workload is None:
            return []
        if workload not in self._outcomes:
            try:
                self._outcomes[workload] = self._rendered(workload)
            except NotShown as error:
                self._outcomes[workload] = error
        return self._outcomes[workload]

    def _rendered(self, workload: Workload) -> list[Rendered]:
        wanted = _wanted(workload)
        found = self.library.sources.get(workload.organization, wanted.repository, wanted.chart)
        if not isinstance(found, Files):
            raise NotShown(found.message)
        if self._once is None or self._trials is None:
            raise NotShown(NO_ENGINE)
        if not self._trials.is_ours(found.content):
            verdict = self._trials.run(Trial(found.content, wanted.release, wanted.namespace, wanted.values))
            if verdict.outcome != "renders":
                raise NotShown(verdict.message)
        try:
            stream = self._once.render(
                found.content, release=wanted.release, namespace=wanted.namespace, values=wanted.values
            )
        except RenderFailed as error:
            raise NotShown(str(error)) from error
        return objects(stream, workload.namespace)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _wanted(workload: Workload) -> Wanted:
    chart = Chart(workload.chart, workload.revision, workload.registry or None)
    values = b"".join(_separated(workload.values))
    return Wanted(workload.row, chart, workload.repository, workload.name, workload.namespace, values)


def _separated(files: Sequence[bytes]) -> Iterator[bytes]:
    """Our sets name one file of values; several are no values that Helm reads, and that is what is told then."""
    for number, content in enumerate(files):
        yield b"---\n" + content if number else content
