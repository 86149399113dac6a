"""Taking Applications away, in the one order in which a real ArgoCD deletes them with their workloads for good.

Sets are made so that ArgoCD deletes nothing by itself (`shared.argocd`). One application: the set has generated
without it → finalizer → end a running operation → delete. A whole set: the root Application has seen that its file is
gone → delete the set, its Applications staying → each of them as above. Every wait is short; what is not done by then
goes on at the next event or resync, from the beginning.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from shared.deploying.argocd import FINALIZER, REFRESH_SET, ArgoCD
from shared.deploying.landscape import Place
from shared.kube.client import Document

PATIENCE: Final = 4.0
"""Seconds that each wait for ArgoCD takes at most; it needs less than one."""
PAUSE: Final = 0.1
_RUNNING: Final = frozenset({"Running", "Terminating"})


class Withdrawal:
    """Removes Applications; raises what `Kube` raises. Thread-safe."""

    def __init__(
        self,
        argocd: ArgoCD,
        contains: Callable[[str, str, str], bool],
        *,
        pause: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._argocd = argocd
        self._contains = contains
        self._pause = pause
        self._clock = clock

    def of_rows(self, place: Place, kept: Collection[str], sources: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
        """Remove the set's Applications that stand for none of the rows `kept`; those that are still there then.

        The set is refreshed when it gives the rows that are kept their `sources`: it makes new ones at once, too.
        """
        found = self._argocd.applications(place.environment) or {}
        going = {name: one for name, one in found.items() if (row := place.row(one, orphans=False)) and row not in kept}
        if not going:
            return ()
        if not self._until(lambda: self._is_current(place, sources)):
            return tuple(sorted(going))
        self._argocd.refresh_set(place.set_name)
        if not self._until(lambda: self._has_heard(place.set_name)):
            return tuple(sorted(going))
        return self._delete(place, going)

    def of_set(self, place: Place, commit: str) -> tuple[str, ...]:
        """Remove the set, whose file went with `commit`, and its Applications; what is still there then."""
        found = self._argocd.applications(place.environment)
        if found is None:
            return ()  # there is no ArgoCD
        if self._argocd.set(place.set_name) is not None:
            self._argocd.refresh(place.root_name)
            if not self._until(lambda: self._has_seen(place, commit)):
                return (f"ApplicationSet {place.set_name}",)
            self._argocd.delete_set(place.set_name)
            if not self._until(lambda: self._argocd.set(place.set_name) is None):
                return (f"ApplicationSet {place.set_name}",)
            found = self._argocd.applications(place.environment) or {}
        return self._delete(place, {name: one for name, one in found.items() if place.row(one, orphans=True)})

    def _is_current(self, place: Place, sources: Mapping[str, Mapping[str, str]]) -> bool:
        document = self._argocd.set(place.set_name)
        return document is None or place.is_current(document, sources)

    def _has_heard(self, set_name: str) -> bool:
        document = self._argocd.set(set_name)
        return document is None or REFRESH_SET not in (document["metadata"].get("annotations") or {})

    def _has_seen(self, place: Place, commit: str) -> bool:
        root = self._argocd.application(place.root_name)
        if root is None:
            return True  # nobody puts the set back
        sync = (root.get("status") or {}).get("sync") or {}
        revision = sync.get("revision")
        return isinstance(revision, str) and self._contains(place.environment.organization, revision, commit)

    def _delete(self, place: Place, going: Mapping[str, Document]) -> tuple[str, ...]:
        open_ = [name for name, one in going.items() if not one["metadata"].get("deletionTimestamp")]
        for name in open_:
            self._argocd.take_along(going[name])
        for name, one in going.items():
            if _phase(one) in _RUNNING:
                self._argocd.end_operation(name)
        self._until(lambda: not self._running(going))
        for name in open_:
            document = self._argocd.application(name)
            if document is not None and FINALIZER in (document["metadata"].get("finalizers") or []):
                self._argocd.delete(name)  # without the finalizer its workload would stay
        self._until(lambda: not self._there(place, going))
        return self._there(place, going)

    def _running(self, names: Collection[str]) -> Sequence[str]:
        found = {name: self._argocd.application(name) for name in names}
        return [name for name, one in found.items() if one is not None and _phase(one) in _RUNNING]

    def _there(self, place: Place, names: Collection[str]) -> tuple[str, ...]:
        found = self._argocd.applications(place.environment) or {}
        return tuple(sorted(found.keys() & set(names)))

    def _until(self, is_so: Callable[[], bool]) -> bool:
        """Wait for it, a while; whether it came."""
        end = self._clock() + PATIENCE
        while not is_so():
            if self._clock() >= end:
                return False
            self._pause(PAUSE)
        return True


def _phase(application: Document) -> str | None:
    operation = (application.get("status") or {}).get("operationState") or {}
    phase = operation.get("phase")
    return phase if isinstance(phase, str) else None
