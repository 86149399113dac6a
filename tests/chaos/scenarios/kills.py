"""SIGKILL of a function, with all that it has started, at every boundary between two steps.

The crash points are the kinds' own lists of steps. One that no process was killed at is an error of this suite or of
the list: it fails.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, zip_longest
from typing import Final

from shared.kinds import APPLICATION, BOOTSTRAP, PLATFORM
from tests.chaos.cluster import Document, reference
from tests.chaos.stage import Row, Stage
from tests.chaos.waiting import NotInTime

_FUNCTIONS: Final = {"BootstrapClaim": "bootstrap", "ApplicationClaim": "application", "PlatformClaim": "platform"}
_KINDS: Final = (BOOTSTRAP, APPLICATION, PLATFORM)

Provoke = Callable[[str, int], object]
"""Makes a function work on a claim of a kind; asked for once a second, with the number of times it was in vain."""
_EDITS: Final = 2
"""Edits that lead to every step of a claim that is there; after them a claim is made anew."""


def run(stage: Stage) -> None:
    """The same place in each kind's list at the same time: the functions do not wait for each other."""
    fleet = stage.fleet
    staying = {one["kind"]: one for one in (fleet.platforms[0], fleet.applications[0], fleet.bootstrap)}
    going = {one["kind"]: one for one in (fleet.platforms[-1], fleet.applications[-1], fleet.spare)}

    def work(kind: str, times: int) -> None:
        if times < _EDITS:
            fleet.edit([staying[kind]])
        elif not fleet.recreate(going[kind]):
            fleet.delete(going[kind])

    with stage.observed("SIGKILL between two steps") as row:
        for here in _places({kind.name: kind.steps_of_work for kind in _KINDS}):
            _kill(stage, row, here, work)
            row.claims |= {reference(staying[kind]) for kind in here}
        _settled(stage, going, present=True)
    with stage.observed("SIGKILL while a claim is deleted") as row:
        for here in _places({kind.name: kind.steps_of_removal for kind in _KINDS}):
            gone = {kind: going[kind] for kind in here}
            _settled(stage, gone, present=True)
            _kill(stage, row, here, lambda kind, _: fleet.delete(going[kind]))
            _settled(stage, gone, present=False)
            row.claims |= {reference(one) for one in gone.values()}
        _settled(stage, {kind: one for kind, one in going.items() if one is not fleet.spare}, present=True)


def _places(declared: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    for names in zip_longest(*declared.values()):
        yield {kind: name for kind, name in zip(declared, names, strict=True) if name is not None}


def _kill(stage: Stage, row: Row, here: Mapping[str, str], provoke: Provoke) -> None:
    """Kill each kind's function at the step that `here` names for it."""
    traps = {kind: stage.world.traps / f"{kind}.{step}" for kind, step in here.items()}
    for trap in traps.values():
        trap.write_text(str(signal.SIGKILL.value), encoding="ascii")
    functions = {kind: _FUNCTIONS[kind] for kind in here}
    times = count()
    again = time.monotonic()

    def all_dead() -> bool:
        nonlocal again
        alive = [kind for kind, name in functions.items() if stage.world.alive(name)]
        if alive and time.monotonic() >= again:
            again = time.monotonic() + 1
            time_of = next(times)
            for kind in alive:
                provoke(kind, time_of)
        return not alive

    try:
        stage.until("a kill", all_dead, 20)
    except NotInTime:
        row.problems += [f"{kind}: nothing was killed at {step}" for kind, step in here.items() if traps[kind].exists()]
    for trap in traps.values():
        trap.unlink(missing_ok=True)
    dead = [name for name in functions.values() if not stage.world.alive(name)]
    row.injected += len(dead)
    stage.world.again(*dead)


def _settled(stage: Stage, claims: Mapping[str, Document], *, present: bool) -> None:
    """Wait until all the claims are there and Ready, or all of them gone; missed events are made good by a ping."""
    stage.world.ping()
    for claim in claims.values():
        if present:
            stage.until(f"{reference(claim)} to be there", partial(_there, stage, claim))
        else:
            stage.until(f"{reference(claim)} to be gone", partial(_gone, stage, claim))
    if present:
        stage.until("the claims made anew", stage.ready(list(claims.values())))


def _there(stage: Stage, claim: Document) -> bool:
    live = stage.world.cluster.get(claim)
    return "deletionTimestamp" not in live["metadata"] if live else stage.fleet.recreate(claim)


def _gone(stage: Stage, claim: Document) -> bool:
    return stage.world.cluster.get(claim) is None
