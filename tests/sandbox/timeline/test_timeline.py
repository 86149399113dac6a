"""The stand-in does in every recorded case what a real ArgoCD was seen to do.

Chains of cases run side by side, each in a world of its own, when the first of them is asked for; a test compares one
case. What may differ is listed with its reason in `cases.DIFFERENT`, and must differ.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.sandbox.timeline.cases import CHAINS, DIFFERENT, MOST_DIFFERENT
from tests.sandbox.timeline.chain import Case, Chain
from tests.sandbox.timeline.forge import Server
from tests.sandbox.timeline.recording import Change, recorded
from tests.sandbox.timeline.stories import Name, Outcome, Story, facts, tell
from tests.sandbox.timeline.world import Loop, World, world

Json = dict[str, Any]
Chains = Mapping[str, Future[list["Played | Exception"]]]
_SIDE_BY_SIDE = 12
_PLACES = {case.name: (chain, number) for chain in CHAINS for number, case in enumerate(chain.cases)}


def expected(chain: Chain) -> list[Outcome]:
    """What was recorded of a chain's cases."""
    rows: list[list[Change]] = [[] for _ in chain.cases]
    for number, case in enumerate(chain.cases):
        for change in recorded()[case.name]:
            if change.seconds > case.until:
                continue
            late = change.seconds <= case.late.get(change.name, -1.0)
            if not late:
                rows[number].append(change)
            elif number:
                rows[number - 1].append(change)
    outcomes: list[Outcome] = []
    for changes in rows:
        outcomes.append(tell(changes, outcomes[-1].objects if outcomes else {}))
    return outcomes


@dataclass(frozen=True)
class Played:
    """What the stand-in made of a case; `astray` are charts' objects that are there, or not, and should not be so."""

    outcome: Outcome
    astray: list[str]


def play(chain: Chain, made: World) -> list[Played | Exception]:
    """Do what was done, and return what came of the cases; one that fails ends the chain."""
    played: list[Played | Exception] = []
    try:
        made.case = chain.name
        for action in chain.before:
            action(made)
            made.rest()
        for case in chain.cases:
            before, made.case = made.objects(), case.name
            made.seen.clear()
            for action in case.actions:
                action(made)
                made.rest()
            played.append(Played(tell(list(made.seen), before), list(astray(made))))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised again by the tests that it concerns
        played += [error] * (len(chain.cases) - len(played))
    return played


def astray(made: World) -> Iterator[str]:
    """Yield what an Application that is gone left or took against its finalizer, and what a living one lacks.

    The recording shows no object of a chart; what became of them is in PROTOCOLS.md, case by case.
    """
    last = {change.name: change for change in made.seen if change.kind == "Application"}
    for name, change in last.items():
        finalizers = change.object["metadata"].get("finalizers") or ()
        takes = change.event == "DELETED" and any(one.startswith("resources-finalizer") for one in finalizers)
        for one in (change.object.get("status") or {}).get("resources") or ():
            found = made.holds(one["kind"], one["namespace"], one["name"])
            if found is takes and (takes or one["status"] == "Synced"):
                yield f"{name}: {one['kind']} {one['namespace']}/{one['name']} is {'' if found else 'not '}there"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chains]:
    """What the stand-in did, by chain: all chains are under way at once."""
    folder = tmp_path_factory.mktemp("timeline")
    loop = Loop()

    def run(number: int, chain: Chain) -> list[Played | Exception]:
        with world(loop, folder / f"world-{number}", server.forge(f"forge-{number}")) as made:
            return play(chain, made)

    with Server(folder / "forges") as server, ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        yield {chain.name: pool.submit(run, number, chain) for number, chain in enumerate(CHAINS)}
    loop.close()


def differences(case: Case, recorded_: Outcome, seen: Outcome) -> Iterator[str]:
    """What differs between two runs of a case, one line each."""
    for name in sorted(recorded_.stories.keys() | seen.stories.keys()):
        one, other = (outcome.stories.get(name, Story()) for outcome in (recorded_, seen))
        mine, theirs = ({"appears": story.appears, "path": story.path} for story in (one, other))
        if name[1] in case.races:
            mine["path"] = theirs["path"] = {}
        # Of an object that the recording never showed, only what happened to it is compared.
        if name in recorded_.objects or name in recorded_.stories:
            for document, outcome in ((mine, recorded_), (theirs, seen)):
                document["end"] = _end(name, outcome)
        yield from (f"{'/'.join(name)} {line}" for line in _compare(mine, theirs))


def _end(name: Name, outcome: Outcome) -> Json:
    value = outcome.objects.get(name)
    if value is None or "deletionTimestamp" in value["metadata"]:
        story = outcome.stories.get(name, Story())
        return {"gone": value is None, **story.last}
    return facts(value)


def _compare(one: Json, other: Json, where: str = "") -> Iterator[str]:
    for key in sorted(one.keys() | other.keys()):
        mine, theirs, place = one.get(key), other.get(key), f"{where}{key}"
        if isinstance(mine, dict) and isinstance(theirs, dict) and key != "spec":
            yield from _compare(mine, theirs, f"{place}.")
        elif mine != theirs:
            yield f"{place}: {json.dumps(mine)} was seen, {json.dumps(theirs)} is"


@pytest.mark.parametrize("name", recorded())
def test_case(name: str, played: Chains) -> None:
    """Which objects appear and go, the states they pass, and what they are in the end."""
    chain, number = _PLACES[name]
    case = played[chain.name].result()[number]
    if isinstance(case, Exception):
        raise case
    found = [*differences(chain.cases[number], expected(chain)[number], case.outcome), *case.astray]
    if name in DIFFERENT:
        assert found, f"no longer different ({DIFFERENT[name]}): take it off the list"
    else:
        assert not found, "\n".join(found)


def test_every_case_is_played_and_few_differ() -> None:
    """The table has each recorded case once, and the list of those that differ has reasons."""
    assert sorted(_PLACES) == sorted(recorded())
    assert len(recorded()) == 56
    assert set(DIFFERENT) <= set(recorded())
    assert len(DIFFERENT) <= MOST_DIFFERENT
    assert all(DIFFERENT.values())
