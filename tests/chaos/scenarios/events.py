"""The way of the events: some are dropped, doubled, late, or overtaken, while claims come and go."""

import random
import time
from collections.abc import Callable, Sequence
from functools import partial

from tests.chaos import faults
from tests.chaos.cluster import Document, reference
from tests.chaos.proxy import Exchange, Fault, Rule
from tests.chaos.stage import Row, Stage
from tests.chaos.waiting import NotInTime, until

FAULTY = 0.3
AHEAD = 400
"""Events that may be under way; the driver waits for the functions then."""

LONGEST = 360.0
"""Seconds that the storm may take."""


def run(stage: Stage) -> None:
    """The storm, and one ping at its end."""
    target = 150 if stage.short else 10_000
    with stage.observed(f"events dropped, doubled, late ({target})") as row:
        proxies = list(stage.world.events.values())
        before = sum(proxy.seen for proxy in proxies)
        rule = Rule(_one_of(_drop, faults.twice, _late, _overtaken), share=FAULTY)
        for proxy in proxies:
            proxy.rules = (rule,)
        try:
            driver = Driver(stage, row)
            driver.storm(target, lambda: sum(proxy.seen for proxy in proxies) - before)
        finally:
            for proxy in proxies:
                proxy.rules = ()
        row.injected = rule.injected
        driver.restore()


class Driver:
    """Edits, touches, deletes and re-creates claims, and keeps count."""

    def __init__(self, stage: Stage, row: Row) -> None:
        self._stage = stage
        self._row = row
        self._random = random.Random(1)  # noqa: S311 - chance, no secret
        self._gone: list[Document] = []
        self._done = 0

    def storm(self, target: int, seen: Callable[[], int]) -> None:
        """Go on until so many events were seen."""
        deadline = time.monotonic() + LONGEST
        while seen() < target:
            if time.monotonic() > deadline:
                raise NotInTime(f"{seen()} of {target} events in {LONGEST:.0f} s")
            until("the functions to catch up", lambda: self._done - seen() < AHEAD, seconds=120)
            self._step()

    def restore(self) -> None:
        """Make everything anew that was deleted."""
        for claim in self._gone:
            until(f"{reference(claim)} to be gone", partial(self._stage.fleet.recreate, claim), seconds=60)
        self._gone.clear()

    def _step(self) -> None:
        fleet = self._stage.fleet
        here = [one for one in fleet.claims if one not in self._gone]
        claim, chance = self._random.choice(here), self._random.random()
        self._row.claims.add(reference(claim))
        self._done += 1
        if chance < 0.02 and len(self._gone) < 3:
            fleet.delete(claim)
            self._gone.append(claim)
        elif chance < 0.1 and self._gone:
            if fleet.recreate(self._gone[0]):
                self._gone.pop(0)
        elif chance < 0.5:
            fleet.edit([claim])
        else:
            fleet.touch(claim)


async def _drop(exchange: Exchange) -> None:
    await faults.answer(204)(exchange)


async def _late(exchange: Exchange) -> None:
    await faults.delay(random.uniform(0.05, 1.0))(exchange)  # noqa: S311 - chance, no secret


async def _overtaken(exchange: Exchange) -> None:
    await faults.later(random.uniform(0.2, 3.0), status=204)(exchange)  # noqa: S311 - how late, by chance


def _one_of(*choices: Fault) -> Fault:
    found: Sequence[Fault] = choices

    async def fault(exchange: Exchange) -> None:
        await random.choice(found)(exchange)  # noqa: S311 - which fault, by chance

    return fault
