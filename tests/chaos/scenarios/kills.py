"""SIGKILL of a function, with all that it has started, at every boundary between two steps.

The crash points are the kinds' own lists of steps. One that no process was killed at is an error of this suite or of
the list: it fails.
"""

import signal
from collections.abc import Iterable, Mapping
from typing import Final

from shared.kinds import APPLICATION, BOOTSTRAP, PLATFORM
from tests.chaos.cluster import Document
from tests.chaos.stage import Row, Stage
from tests.chaos.waiting import NotInTime

_FUNCTIONS: Final = {"BootstrapClaim": "bootstrap", "ApplicationClaim": "application", "PlatformClaim": "platform"}


def steps() -> dict[str, tuple[str, ...]]:
    """Kind → the steps of a function's work on it, as the production code declares them."""
    return {kind.name: kind.steps_of_work for kind in (BOOTSTRAP, APPLICATION, PLATFORM)}


def run(stage: Stage) -> None:
    """The same place in each kind's list at the same time: the functions do not wait for each other."""
    declared = steps()
    with stage.observed("SIGKILL between two steps") as row:
        for place in range(max(len(names) for names in declared.values())):
            here = {kind: names[place] for kind, names in declared.items() if place < len(names)}
            _kill(stage, row, here)


def _kill(stage: Stage, row: Row, here: Mapping[str, str]) -> None:
    traps = {kind: stage.world.traps / f"{kind}.{step}" for kind, step in here.items()}
    for trap in traps.values():
        trap.write_text(str(signal.SIGKILL.value), encoding="ascii")
    row.claims |= set(stage.fleet.edit(_one_of_each(stage, here)))
    functions = [_FUNCTIONS[kind] for kind in here]
    try:
        stage.until("a kill at each of the steps", lambda: not any(stage.world.alive(name) for name in functions))
    except NotInTime:
        row.problems += [f"{kind} was never killed at {step}" for kind, step in here.items() if traps[kind].exists()]
    for trap in traps.values():
        trap.unlink(missing_ok=True)
    dead = [name for name in functions if not stage.world.alive(name)]
    row.injected += len(dead)
    stage.world.again(*dead)


def _one_of_each(stage: Stage, kinds: Iterable[str]) -> list[Document]:
    first = {"BootstrapClaim": stage.fleet.bootstrap}
    for claim in stage.fleet.claims:
        first.setdefault(claim["kind"], claim)
    return [first[kind] for kind in kinds]
