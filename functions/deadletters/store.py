"""The letters that are kept: DeadLetters in the system namespace, so many at most."""

import logging
import threading
from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import Counter

from shared.claims.deadletter import PLURAL, REPLAY
from shared.claims.meta import API_VERSION
from shared.errors import InfraForgeError, KubeConflict
from shared.kube.client import Document, Kube, KubeRefused, Resource
from shared.telemetry import Metrics

LETTERS: Final = Resource(API_VERSION, PLURAL)
SHARE: Final = 20
"""A twentieth of the letters may come before they are counted again; so many fewer than the most are left then."""
ATTEMPTS: Final = 5

log = logging.getLogger(__name__)


def outcomes(metrics: Metrics) -> Counter:
    """The counter of what became of letters, in the function's registry.

    Each outcome begins with a 0: of a series that begins with a 1 Prometheus sees no increase.
    """
    counter = Counter(
        "infraforge_dead_letters",
        "Dead letters by outcome: kept, again (given up once more), dropped, pruned, replayed, refused. "
        "Of the function deadletters.",
        ("outcome",),
        registry=metrics.registry,
    )
    for outcome in ("kept", "again", "dropped", "pruned", "replayed", "refused"):
        counter.labels(outcome)
    return counter


class Store:
    """Thread-safe. Raises what `Kube` raises."""

    def __init__(self, kube: Kube, namespace: str, *, most: int, counted: Counter) -> None:
        self.namespace = namespace
        self._kube = kube
        self._most = most
        self._counted = counted
        self._slack = max(most // SHARE, 1)
        self._fresh = self._slack  # nobody knows what a process before this one left
        self._lock = threading.Lock()

    def get(self, name: str) -> Document | None:
        """The letter, or None when there is none (any more)."""
        return self._kube.get(LETTERS, self.namespace, name)

    def keep(self, letter: Document, reduced: Document) -> bool:
        """Store `letter`, or `reduced` where that is all that the API server takes; whether there was none before.

        One that is there is given up once more: what it says is brought up to date, and a replay that was asked for
        has been.
        """
        try:
            is_new = self._keep(letter)
        except KubeRefused:
            log.warning("DeadLetter %s is kept without its data", letter["metadata"]["name"])
            is_new = self._keep(reduced)
        self._counted.labels("kept" if is_new else "again").inc()
        if is_new:
            self._make_room()
        return is_new

    def change(self, letter: Document, *, withdraws: bool, status: Mapping[str, Any]) -> None:
        """Say what became of a replay, provided the letter is still as it was read; `withdraws`: nobody tries again."""
        metadata = letter["metadata"]
        annotations = {"annotations": {REPLAY: None}} if withdraws else {}
        change = {"metadata": {"resourceVersion": metadata["resourceVersion"], **annotations}, "status": dict(status)}
        self._kube.patch(LETTERS, self.namespace, metadata["name"], change)

    def delete(self, letter: Document) -> None:
        """Delete the letter, provided it is still as it was read."""
        metadata = letter["metadata"]
        self._kube.delete(LETTERS, self.namespace, metadata["name"], version=metadata["resourceVersion"])

    def _keep(self, letter: Document) -> bool:
        name, spec = letter["metadata"]["name"], letter["spec"]
        news = {one: spec[one] for one in ("givenUp", "destination", "code", "error")}
        change = {"metadata": {"annotations": {REPLAY: None}}, "spec": news, "status": None}
        for _ in range(ATTEMPTS):
            try:
                self._kube.create(LETTERS, letter)
            except KubeConflict:
                if self._kube.patch(LETTERS, self.namespace, name, change) is not None:
                    return False
            else:
                return True  # otherwise it was there, and is gone: replayed in between
        raise KubeConflict(f"DeadLetter {name} comes and goes")

    def _make_room(self) -> None:
        """Now and then: delete the oldest of more than there may be. What goes wrong is for the next time."""
        with self._lock:
            self._fresh += 1
            if self._fresh <= self._slack:
                return
            self._fresh = 0
        try:
            self._prune()
        except InfraForgeError as error:
            log.warning("old dead letters stay for now: %s: %s", error.reason, error)

    def _prune(self) -> None:
        kept = [one["metadata"] for one in self._kube.names(LETTERS, self.namespace)]
        if len(kept) <= self._most - self._slack:
            return
        kept.sort(key=lambda metadata: (metadata.get("creationTimestamp") or "", metadata["name"]))
        for metadata in kept[: len(kept) - (self._most - self._slack)]:
            self._kube.delete(LETTERS, self.namespace, metadata["name"])
            self._counted.labels("pruned").inc()
            log.warning(
                "DeadLetter %s of %s was deleted unread: there are more than %d",
                *(metadata["name"], metadata.get("creationTimestamp"), self._most - self._slack),
            )
