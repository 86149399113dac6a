"""What the render gate costs for an application: remembered, rendered, and with everything to be started first.

    remembered          the gate asked again of the same chart and values, as under Git's lock
    rendered            values that it has not seen, in the process that runs already
    with its start      the first rendering of a function: the embedded charts read, the process started
    baseline            `helm template` of the same chart and values where Helm is installed; otherwise a new process of
                        the engine for each rendering, which is what a command does
    together            as many applications as a claim may well have, before Git is locked, by the application
    RSS                 of the process that renders; it ends after a minute without work. 1 MB = 1,000,000 bytes

The charts are the embedded ones, which take turns.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.measure import Aim, Row
from shared import charts
from shared.argocd import Chart
from shared.git import Repository
from shared.rendering.gate import Gate
from shared.rendering.process import Process
from shared.rendering.sources import Sources
from shared.rendering.wanted import Wanted

SECTION: Final = "render gate, an application"
ROOT: Final = Path(__file__).parents[1]
TOGETHER: Final = 50
MEGABYTE: Final = 1_000_000
CHARTS: Final = "charts"


@dataclass
class Samples:
    """Milliseconds that an application takes, a round each."""

    remembered: list[float] = field(default_factory=list)
    rendered: list[float] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)


def measure(rounds: int, directory: Path) -> list[Row]:
    """The rows; each round looks at every embedded application chart."""
    own = charts.read(ROOT / CHARTS)
    revision, names = charts.revision(own), sorted(own)
    helm, sources, samples = shutil.which("helm"), _sources(), Samples()
    with closing(Process()) as process:
        gate = Gate(sources, process)
        _judge(gate, _row(names[0], revision, "warm"))
        for number in range(rounds):
            rows = [_row(name, revision, f"r{number}") for name in names]
            samples.rendered.append(_each(lambda row: _judge(gate, row), rows))
            samples.remembered.append(_each(lambda row: _judge(gate, row), rows))
            if helm is not None:
                samples.baseline.append(_each(lambda row: _template(helm, row, own[row.chart.name], directory), rows))
            else:
                samples.baseline.append(_each(lambda row: _alone(sources, row), rows))
            samples.started.append(_each(lambda row: _alone(_sources(), row), rows[:1]))
        many = [_row(names[number % len(names)], revision, f"m{number}") for number in range(TOGETHER)]
        begun = time.perf_counter()
        gate.rehearse("acme", many)
        together = _since(begun) / TOGETHER
        memory = _resident(process)
    against = "helm template" if helm else "a process each"
    return [*_rows(samples, against), Row.plain(SECTION, f"{TOGETHER} together, each", [together], unit="ms"), *memory]


def _rows(samples: Samples, against: str) -> list[Row]:
    thousand = 1000  # microseconds in a millisecond
    remembered = [value * thousand for value in samples.remembered]
    commands = [value * thousand for value in samples.baseline]
    return [
        Row.compared(SECTION, f"remembered, to {against}", remembered, commands, unit="µs", aim=Aim(0.05)),
        Row.compared(
            SECTION, f"rendered, to {against}", samples.rendered, samples.baseline, unit="ms", aim=Aim(0.5)
        ),
        Row.plain(SECTION, "with its start", samples.started, unit="ms"),
    ]  # fmt: skip


def _sources() -> Sources:
    return Sources(_nowhere, embedded={CHARTS: ROOT / CHARTS})


def _nowhere(organization: str, name: str) -> Repository:
    raise AssertionError(f"the embedded charts are at hand, and {organization}/{name} is not asked")


def _row(chart: str, revision: str, word: str) -> Wanted:
    values = f"image: {{repository: ghcr.io/acme/shop, tag: {word}}}\n".encode()
    return Wanted(word, Chart(chart, revision), CHARTS, f"dev-{word}", "dev", values)


def _judge(gate: Gate, row: Wanted) -> None:
    held = gate.judge("acme", row, "applications[0]")
    if held is not None:
        raise RuntimeError(f"{row.chart.name} does not render, and nothing is measured: {held.message}")


def _alone(sources: Sources, row: Wanted) -> None:
    """A rendering in a process of its own."""
    with closing(Process()) as fresh:
        _judge(Gate(sources, fresh), row)


def _each(action: Callable[[Wanted], None], rows: Sequence[Wanted]) -> float:
    """Milliseconds that one takes, on average."""
    begun = time.perf_counter()
    for row in rows:
        action(row)
    return _since(begun) / len(rows)


def _since(begun: float) -> float:
    """Milliseconds."""
    return (time.perf_counter() - begun) * 1000


def _template(helm: str, row: Wanted, files: charts.Chart, directory: Path) -> None:
    """What Helm's command does of the same."""
    folder = directory / row.chart.name
    if not folder.is_dir():
        for path, data in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    command = [helm, "template", row.release, str(folder), "--namespace", row.namespace, "--values", "-"]
    subprocess.run(command, input=row.values, stdout=subprocess.DEVNULL, check=True)


def _resident(process: Process) -> list[Row]:
    """The memory of the process that renders; nothing where the system does not tell."""
    status = Path(f"/proc/{process.pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    name = "RSS of the process that renders"
    return [Row.plain(SECTION, name, [int(found[1]) * 1024 / MEGABYTE], unit="MB")] if found else []
