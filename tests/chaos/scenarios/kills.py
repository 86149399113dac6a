"""SIGKILL of a function, with all that it has started, at every boundary between two steps.

The crash points are the kinds' own lists of steps. One that no process was killed at is an error of this suite or of
the list: it fails.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import Final

from shared.kinds import APPLICATION, BOOTSTRAP, PLATFORM
from tests.chaos.cluster import Document, reference
from tests.chaos.stage import Row, Stage
from tests.chaos.waiting import NotInTime

_FUNCTIONS: Final = {"BootstrapClaim": "bootstrap", "ApplicationClaim": "application", "PlatformClaim": "platform"}
_KINDS: Final = (BOOTSTRAP, APPLICATION, PLATFORM)

Provoke = Callable[[Document], object]
"""Makes a function work on a claim; asked for once a second until it was killed in that."""


def run(stage: Stage) -> None:
    """The same place in each kind's list at the same time: the functions do not wait for each other."""
    fleet = stage.fleet
    working = {one["kind"]: one for one in (*fleet.platforms[:1], *fleet.applications[:1], fleet.bootstrap)}
    with stage.observed("SIGKILL between two steps") as row:
        for here in _places({kind.name: kind.steps_of_work for kind in _KINDS}):
            _kill(stage, row, here, working, lambda claim: fleet.edit([claim]))
    going = {one["kind"]: one for one in (*fleet.platforms[-1:], *fleet.applications[-1:], fleet.spare)}
    with stage.observed("SIGKILL while a claim is deleted") as row:
        for here in _places({kind.name: kind.steps_of_removal for kind in _KINDS}):
            if "BootstrapClaim" in here:
                stage.until("the spare platform", partial(fleet.recreate, fleet.spare))
                stage.until("the spare platform to be ready", stage.ready([fleet.spare]))
            _kill(stage, row, here, going, fleet.delete)
            _made_anew(stage, [going[kind] for kind in here])


def _places(declared: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    for names in zip_longest(*declared.values()):
        yield {kind: name for kind, name in zip(declared, names, strict=True) if name is not None}


def _kill(stage: Stage, row: Row, here: Mapping[str, str], claims: Mapping[str, Document], provoke: Provoke) -> None:
    """Kill each kind's function at the step that `here` names for it."""
    traps = {kind: stage.world.traps / f"{kind}.{step}" for kind, step in here.items()}
    for trap in traps.values():
        trap.write_text(str(signal.SIGKILL.value), encoding="ascii")
    functions = {kind: _FUNCTIONS[kind] for kind in here}
    again = time.monotonic()

    def all_dead() -> bool:
        nonlocal again
        alive = [kind for kind, name in functions.items() if stage.world.alive(name)]
        if time.monotonic() >= again:
            again = time.monotonic() + 1
            for kind in alive:
                provoke(claims[kind])
        return not alive

    try:
        stage.until("a kill", all_dead, 15)
    except NotInTime:
        row.problems += [f"{kind}: nothing was killed at {step}" for kind, step in here.items() if traps[kind].exists()]
    for trap in traps.values():
        trap.unlink(missing_ok=True)
    dead = {kind: name for kind, name in functions.items() if not stage.world.alive(name)}
    row.injected += len(dead)
    row.claims |= {reference(claims[kind]) for kind in dead}
    stage.world.again(*dead.values())


def _made_anew(stage: Stage, claims: Sequence[Document]) -> None:
    """Wait until the claims are gone, and create them again: those of the platform's, that is."""
    for claim in claims:
        stage.world.ping()
        if claim is stage.fleet.spare:
            stage.until("the spare platform to be gone", lambda: stage.world.cluster.get(stage.fleet.spare) is None)
        else:
            stage.until(f"{reference(claim)} to be gone", partial(stage.fleet.recreate, claim))
    here = [claim for claim in claims if claim is not stage.fleet.spare]
    stage.until("the claims made anew", stage.ready(here))
