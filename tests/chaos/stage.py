"""A scenario's surroundings: what it can break, who watches meanwhile, and the judgement at its end."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

import httpx

from shared.claims.meta import CONFIRM_REMOVAL
from tests.chaos.cluster import Document
from tests.chaos.fleet import Fleet
from tests.chaos.oracle import Oracle, Verdict
from tests.chaos.proxy import Proxy, Rule
from tests.chaos.waiting import NotInTime, until
from tests.chaos.world import World

T = TypeVar("T")
CONVERGENCE: Final = 60.0
"""Seconds after the last fault in which everything must be well."""
_WATCHED: Final = 0.3
_AT_ONCE: Final = 6
_POLL: Final = 0.1


@dataclass
class Row:
    """A line of the table. `problems` are what the last three columns count, and why it may not have converged."""

    fault: str
    injected: int = 0
    claims: set[str] = field(default_factory=set)
    seconds: float | None = None
    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong here."""
        return not (self.lost or self.duplicates or self.wrong or self.problems)


@dataclass
class Stage:
    """What every scenario is given."""

    world: World
    fleet: Fleet
    oracle: Oracle
    short: bool
    report: Callable[[Row], None]
    rows: list[Row] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)
    _ledger: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def observed(self, fault: str) -> Iterator[Row]:
        """Break things inside; afterwards everything converges, and what happened is judged."""
        row = Row(fault)
        self.rows.append(row)
        since = self.oracle.ledger.head()
        with self._watched(row):
            try:
                yield row
            except (NotInTime, httpx.HTTPError) as error:
                row.problems.append(str(error) or type(error).__name__)
            ended = time.monotonic()
            self.world.ping()
            if self._converge(row):
                row.seconds = time.monotonic() - ended
        with self._ledger:
            self.oracle.ledger.read()
            row.lost += self.oracle.lost(since)
            row.duplicates += self.oracle.duplicates(since)
        self.report(row)

    def until(self, what: str, seen: Callable[[], T | None], seconds: float = 30.0) -> T:
        """Wait for something to be seen."""
        return until(what, seen, seconds=seconds)

    def breaking(self, row: Row, proxy: Proxy, *rules: Rule, least: int = 5) -> None:
        """Edit claims under `rules`, until each of these was injected often enough."""
        with proxy.doing(*rules):
            try:
                self.working(row, f"{least} faults of each kind", lambda: all(one.injected >= least for one in rules))
            finally:
                row.injected += sum(one.injected for one in rules)

    def working(self, row: Row, what: str, seen: Callable[[], bool]) -> None:
        """Edit some claims, and others every second, until something is seen."""
        again = time.monotonic()

        def look() -> bool:
            nonlocal again
            if time.monotonic() >= again:
                row.claims |= set(self.fleet.edit(self.fleet.some(_AT_ONCE)))
                again = time.monotonic() + 1
            return seen()

        self.until(what, look)

    def holding(self, what: str, seconds: float) -> None:
        """Let a fault last. The statuses are watched meanwhile."""
        end = time.monotonic() + seconds
        until(what, lambda: time.monotonic() >= end, seconds=seconds + 5)

    def claim(self, claim: Document) -> Document:
        """The live claim."""
        return self.world.cluster.get(claim) or {}

    def says(self, claims: Iterable[Document], text: str) -> Callable[[], bool]:
        """Whether one of the claims' statuses has `text` in a message."""
        wanted = list(claims)

        def look() -> bool:
            statuses = [self.claim(one).get("status") or {} for one in wanted]
            return any(text in str(one.get("message")) for status in statuses for one in status.get("conditions", ()))

        return look

    def settled(self, claims: Sequence[Document]) -> Callable[[], bool]:
        """Whether each of the claims is Ready as it is now."""

        def look() -> bool:
            live = [self.claim(one) for one in claims]
            with self._ledger:
                self.oracle.ledger.read()
                return not any(any(True for _ in self.oracle.untrue(one)) for one in live)

        return look

    def ready(self, claims: Sequence[Document]) -> Callable[[], bool]:
        """Whether each of the claims says that it is Ready as it is now; for those with another repository."""

        def look() -> bool:
            for claim in map(self.claim, claims):
                status = claim.get("status") or {}
                good = [one["status"] == "True" for one in status.get("conditions", ()) if one["type"] == "Ready"]
                if good != [True] or status.get("observedGeneration") != claim["metadata"]["generation"]:
                    return False
            return True

        return look

    def _converge(self, row: Row) -> bool:
        deadline = time.monotonic() + CONVERGENCE
        judged, verdict = None, Verdict()
        while True:
            documents, head = list(self.world.cluster.live()), self.oracle.ledger.head()
            looked_at = (head, [one["metadata"]["resourceVersion"] for one in documents])
            if looked_at != judged:
                judged = looked_at
                with self._ledger:
                    verdict = self.oracle.judge(documents).without(self._known)
            if verdict.converged:
                return True
            if time.monotonic() > deadline:
                row.problems.append(f"after {CONVERGENCE:.0f} s: {verdict}")
                row.wrong += verdict.statuses
                self._known |= {*verdict.git, *verdict.statuses}  # told once, so that the next scenario is judged too
                return False
            time.sleep(_POLL)  # the oracle looks at three systems at once, and none of them tells of the others

    @contextmanager
    def _watched(self, row: Row) -> Iterator[None]:
        over = threading.Event()
        watching = threading.Thread(target=self._watch, args=(row, over), daemon=True)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join(30)

    def _watch(self, row: Row, over: threading.Event) -> None:
        """Look for statuses that lie, and confirm the removals that were asked for."""
        while not over.wait(_WATCHED):
            documents = list(self.world.cluster.live())
            with self._ledger:
                lies = self.oracle.lies(documents)
            row.wrong += [one for one in lies if one not in row.wrong]
            for document in documents:
                wanted = (document.get("status") or {}).get("confirmation")
                annotations = document["metadata"].get("annotations") or {}
                if wanted and annotations.get(CONFIRM_REMOVAL) != wanted:
                    self.world.cluster.annotate(document, CONFIRM_REMOVAL, wanted)
