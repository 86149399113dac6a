"""Hastens ArgoCD, and tells how far it is. It never waits here: what is under way is told by the next event."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.claims import Deployed
from shared.conditions import DEPLOYED, NOT_TRACKED, ConditionStatus
from shared.deploying.argocd import REFRESH, REFRESH_SET, ArgoCD, View
from shared.deploying.landscape import Landscape, Place
from shared.deploying.tracking import Lag, Target, judge, judge_root, overall, set_error
from shared.kube.client import Document
from shared.wording import listed

QUICK: Final = 3
"""Refreshes of one object for one commit that are asked for at once: one can be lost when a set was just created."""
SPACING: Final = 30.0
"""Seconds between further ones."""
REMOVING: Final = "Removing"
"""ArgoCD still runs what is no longer wanted: the claim is looked at again."""
MAX_NAMED: Final = 5
REMEMBERED: Final = 10_000


@dataclass(frozen=True)
class Outcome:
    """How far ArgoCD is: by row, and the arguments of the condition."""

    rows: Mapping[str, Deployed]
    condition: tuple[str, ConditionStatus, str, str]

    @property
    def is_removing(self) -> bool:
        """Whether something is still there that is no longer wanted."""
        return self.condition[2] == REMOVING


class Deployer:
    """Looks at a claim's Applications and has ArgoCD look at what it has yet to see. Thread-safe.

    `contains` says of an organization's `voltran` whether a revision contains a commit.
    """

    def __init__(
        self,
        argocd: ArgoCD,
        contains: Callable[[str, str, str], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._argocd = argocd
        self._contains = contains
        self._clock = clock
        self._asked: OrderedDict[tuple[str, str], list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, place: Place, targets: Sequence[Target], rows: Iterable[str], at: View | None = None) -> Outcome:
        """How far ArgoCD is with the targets, now or as it was seen in `at`; whatever lags is refreshed.

        An Application of the set that stands for none of the `rows` is on its way out.
        """
        view = at or self._argocd
        applications = view.applications(place.environment)
        if applications is None:
            return Outcome({}, NOT_TRACKED)
        seen = Landscape(place, applications, view.set, view.application)
        organization = place.environment.organization
        told = {}
        lagging: dict[tuple[Lag, str], str] = {}
        for target in targets:
            verdict = judge(target, seen, lambda revision, commit: self._contains(organization, revision, commit))
            told[target.row] = verdict.deployed
            if verdict.lags:
                lagging.setdefault((verdict.lags, target.application), target.commit or "")
        self._refresh(seen, lagging, {target.row: target.source for target in targets})
        wanted = place.parts(rows)
        gone = [
            name for name, one in applications.items() if (row := place.row(one, orphans=False)) and row not in wanted
        ]
        if gone:
            failed = set_error(seen)
            why = f": {failed[1]}" if failed else "; it goes on by itself"
            said = f"ArgoCD has yet to remove {listed(sorted(gone), MAX_NAMED)}{why}"
            return Outcome(told, (DEPLOYED, "False", REMOVING, said))
        return Outcome(told, (DEPLOYED, *overall(told)))

    def look_at_roots(self, names: Iterable[str], at: View | None = None) -> Outcome:
        """How far ArgoCD is with the root Applications of these names."""
        view = at or self._argocd
        told = {name: judge_root(name, view.application(name)) for name in names}
        return Outcome(told, (DEPLOYED, *overall(told)))

    def _refresh(
        self, seen: Landscape, lagging: Mapping[tuple[Lag, str], str], sources: Mapping[str, Mapping[str, str]]
    ) -> None:
        place = seen.place
        newest = "".join(sorted({commit for (lag, _), commit in lagging.items() if lag == "set"}))
        if any(lag == "set" for lag, _ in lagging):  # its file may be new as well as a folder
            self._ask(seen.root, REFRESH, newest, lambda: self._argocd.refresh(place.root_name))
            if seen.set is not None and place.is_current(seen.set, sources):  # else the root's event tells when it is
                self._ask(seen.set, REFRESH_SET, newest, lambda: self._argocd.refresh_set(place.set_name))
        for (lag, name), commit in lagging.items():
            if lag == "application":
                self._ask(seen.applications.get(name), REFRESH, commit, lambda name=name: self._argocd.refresh(name))  # type: ignore[misc]  # mypy has no type for a default

    def _ask(self, document: Document | None, annotation: str, commit: str, ask: Callable[[], None]) -> None:
        """Unless it is asked already, or was so often enough for this commit."""
        if document is None or annotation in (document["metadata"].get("annotations") or {}):
            return
        key, now = (document["metadata"]["uid"], commit), self._clock()
        with self._lock:
            times = self._asked.setdefault(key, [])
            if len(times) >= QUICK and now - times[-1] < SPACING:
                return
            times.append(now)
            self._asked.move_to_end(key)
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)
        ask()
