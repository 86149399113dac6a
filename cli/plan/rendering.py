"""What Helm renders of two states of a set, and how they differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import yaml

from cli.helm_values import Unreadable as NoValues
from cli.helm_values import read
from cli.plan.charts import Absent, Chart, Charts, Missing
from cli.plan.objects import Rendered, compare, objects
from cli.plan.report import Fault, ObjectChange
from cli.plan.tree import Tree
from cli.plan.workloads import Unreadable, Workload, workloads
from shared.helm import Engine, RenderFailed
from shared.rendering.explanation import explain
from shared.rendering.package import Unfit, harmless
from shared.rendering.places import Values
from shared.rendering.process import Process
from shared.rendering.trial import Trial

NO_ENGINE = "Helm's engine is not installed (pip install helm-python-sdk), so manifests are not shown"


@dataclass(frozen=True)
class Asked:
    """Which Applications to compare: those of the set at `set_path` whose rows `owns` accepts.

    `places` are row → where the claim has it, e.g. `applications[0]`, "" for a claim that is one row; `held` are rows
    that go only once a person has confirmed it.
    """

    set_path: str
    owns: Callable[[str], bool]
    places: Mapping[str, str]
    held: frozenset[str] = frozenset()


@dataclass
class Renderer:
    """Renders sets, with the charts that they name. `notes` say what could not be rendered, and why."""

    charts: Charts
    engine: Engine | None
    notes: list[str] = field(default_factory=list)
    _outcomes: dict[Workload, list[Rendered] | RenderFailed | Missing] = field(default_factory=dict)
    _trials: Process = field(default_factory=Process)

    def compare(self, before: Tree, after: Tree, asked: Asked) -> tuple[list[ObjectChange], list[Fault]]:
        """The objects that differ between two trees, and what does not render of the second."""
        if self.engine is None:
            self._note(NO_ENGINE)
            return [], []
        try:
            old, new = (workloads(tree, asked.set_path, self.engine) for tree in (before, after))
        except Unreadable as error:
            self._note(f"{error}: manifests are not shown")
            return [], []
        changes: list[ObjectChange] = []
        faults: list[Fault] = []
        order = {row: number for number, row in enumerate(asked.places)}
        rows = {name: one.row for all_ in (old, new) for name, one in all_.items() if asked.owns(one.row)}
        for name in sorted(rows, key=lambda name: (order.get(rows[name], len(order)), name)):
            found = self._application(name, old.get(name), new.get(name), asked.places, faults)
            changes += [replace(one, held=rows[name] in asked.held) for one in found]
        return changes, faults

    def close(self) -> None:
        """End what was started."""
        self._trials.close()

    def _application(
        self,
        name: str,
        before: Workload | None,
        after: Workload | None,
        places: Mapping[str, str],
        faults: list[Fault],
    ) -> Iterator[ObjectChange]:
        new = self._objects(after)
        if isinstance(new, RenderFailed) and after is not None:
            faults.append(self._fault(after, new, places.get(after.row, "")))
            return
        if isinstance(new, Absent) and after is not None:
            faults.append(Fault(f"{places.get(after.row, name)}.chart", str(new), "ChartMissing"))
            return
        if before == after:
            return
        old = self._objects(before)
        for outcome in (old, new):
            if isinstance(outcome, Missing):
                self._note(f"{name} is not rendered: {outcome}")
                return
        if isinstance(old, RenderFailed):
            self._note(f"{name} is compared with nothing: what is in Git does not render")
            old = []
        if isinstance(old, list) and isinstance(new, list):
            yield from compare(name, old, new)

    def _objects(self, workload: Workload | None) -> list[Rendered] | RenderFailed | Missing:
        if workload is None:
            return []
        if workload not in self._outcomes:
            try:
                self._outcomes[workload] = self._rendered(workload)
            except (RenderFailed, Missing) as error:
                self._outcomes[workload] = error
        return self._outcomes[workload]

    def _rendered(self, workload: Workload) -> list[Rendered]:
        chart = self._chart(workload)
        values = _merged(workload.values)
        if not self.charts.is_embedded(workload.repository, workload.revision):
            self._try_out(chart, workload, values)
        if self.engine is None:
            raise Missing(NO_ENGINE)
        stream = self.engine.render(chart, release=workload.name, namespace=workload.namespace, values=values)
        return objects(stream, workload.namespace)

    def _try_out(self, chart: Chart, workload: Workload, values: bytes) -> None:
        """A stranger's chart first renders where it can be stopped."""
        verdict = self._trials.run(Trial(chart, workload.name, workload.namespace, values))
        if verdict.outcome in ("refused", "invalid"):
            raise RenderFailed(verdict.message)
        if verdict.outcome != "renders":
            raise Missing(verdict.message)

    def _chart(self, workload: Workload) -> Chart:
        if workload.registry:
            raise Missing(f"its chart is in the registry {workload.registry}, which a plan does not ask")
        found = self.charts.get(workload.organization, workload.repository, workload.revision, workload.chart)
        try:
            return harmless(found)
        except Unfit as error:
            raise Missing(str(error)) from error

    def _fault(self, workload: Workload, failure: RenderFailed, place: str) -> Fault:
        chart = self._chart(workload)
        name = _chart_name(chart) or workload.chart
        defaults = _values(chart.get("values.yaml", b""))
        said = explain(str(failure), name, Values(place, _values(_merged(workload.values)), defaults))
        return Fault("", said, "RenderFailed")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _merged(files: Sequence[bytes]) -> bytes:
    """The values; our sets name one file."""
    if len(files) > 1:
        raise Missing("its values are in several files")
    return files[0] if files else b""


def _values(content: bytes) -> Mapping[str, object]:
    try:
        return read(content)
    except NoValues:
        return {}


def _chart_name(chart: Chart) -> str:
    try:
        found = yaml.safe_load(chart.get("Chart.yaml", b""))
    except yaml.YAMLError:
        return ""
    return str(found.get("name", "")) if isinstance(found, dict) else ""
