"""What a claim's status says, and waiting for it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cli.cluster import Cluster, Reference

_POLL: Final = 0.2


@dataclass(frozen=True)
class Condition:
    """One condition of a claim."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True)
class ClaimView:
    """A claim as the API server shows it. `current` tells that the status speaks of the newest spec."""

    reference: Reference
    current: bool = False
    conditions: tuple[Condition, ...] = ()
    commit: str | None = None
    commit_url: str | None = None
    rows: tuple[Mapping[str, Any], ...] = field(default=())

    @classmethod
    def of(cls, reference: Reference, document: Mapping[str, Any] | None) -> "ClaimView":
        """The view of an object; of one that is not there when `document` is None."""
        if document is None:
            return cls(reference)
        status = document.get("status") or {}
        commit = status.get("commit") or {}
        return cls(
            reference,
            status.get("observedGeneration") == document["metadata"].get("generation"),
            tuple(
                Condition(one["type"], one["status"], one.get("reason", ""), one.get("message", ""))
                for one in status.get("conditions") or ()
            ),
            commit.get("sha"),
            commit.get("url"),
            tuple(
                status.get("applications")
                or status.get("services")
                or status.get("namespaces")
                or status.get("repositories")
                or ()
            ),
        )

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type."""
        return next((one for one in self.conditions if one.type == type_), None)

    def _true(self, type_: str) -> bool:
        found = self.condition(type_)
        return self.current and found is not None and found.status == "True"

    @property
    def ready(self) -> bool:
        """Whether everything that the newest spec asks for is in Git."""
        return self._true("Ready")

    @property
    def stalled(self) -> bool:
        """Whether only a person can help."""
        return self._true("Stalled")

    @property
    def deployed(self) -> bool:
        """Whether ArgoCD runs it, as far as anybody asks ArgoCD."""
        found = self.condition("Deployed")
        return self._true("Deployed") or (found is not None and found.reason == "NotTracked")

    @property
    def summary(self) -> tuple[str, str]:
        """What holds the claim or that nothing does, as a reason and a message."""
        if not self.conditions:
            return "Waiting", "no function has looked at it yet"
        lost = self.condition("Delivered")
        if not self.current and lost is not None and lost.status == "False":
            return lost.reason, lost.message
        if not self.current:
            return "Waiting", "the status speaks of an earlier generation"
        found = self.condition("Ready") or self.conditions[0]
        deployed = self.condition("Deployed")
        if found.status == "True" and deployed is not None and deployed.reason != "NotTracked":
            found = deployed
        return found.reason, found.message

    def document(self) -> dict[str, Any]:
        """The view for programs."""
        return {
            "kind": self.reference.kind,
            "namespace": self.reference.namespace,
            "name": self.reference.name,
            "ready": self.ready,
            "deployed": self.deployed,
            "conditions": [vars(one) for one in self.conditions],
            "commit": {"sha": self.commit, "url": self.commit_url} if self.commit else None,
        }


def wait(
    cluster: Cluster,
    references: Sequence[Reference],
    timeout: float,
    show: Callable[[list[ClaimView]], None],
    *,
    deployed: bool = False,
) -> list[ClaimView]:
    """Look until every claim is Ready (and `deployed`) or Stalled, `timeout` seconds at most; `show` sees each look."""
    deadline = time.monotonic() + timeout
    while True:
        views = [ClaimView.of(reference, cluster.get(reference)) for reference in references]
        show(views)
        arrived = [view.stalled or (view.ready and (view.deployed or not deployed)) for view in views]
        if all(arrived) or time.monotonic() > deadline:
            return views
        time.sleep(_POLL)  # one request a claim, where a watch would need one connection each
