"""A reconciler of PlatformClaims around a fake API server, with a handler that does what a test says."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from shared.attempt import Attempt
from shared.claims import PlatformClaim
from shared.conditions import COMMITTED, VALID
from shared.events import PING, ClaimRef, Event, Version
from shared.kinds import PLATFORM
from shared.memory import Memory, Settled
from shared.reconciler import Inputs, Reconciler
from shared.telemetry import Metrics
from shared.tracing import Tracing
from shared.web import Reply
from tests.fakes import FakeKube

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
REPLY: Reply = ({"ce-type": "t"}, b"")
UPDATE = "dev.knative.apiserver.resource.update"
INPUTS = "what the files follow from beside the claim"
ALL_READY = [("True", "Committed", "all")] * 3
"""The condition Ready of three claims that `ready` found in order."""
ROOTS = ("environments/nonprod/dev/platform",)
Converge = Callable[[Attempt[PlatformClaim]], None]


def document(name: str = "p", namespace: str = "dev", **spec: Any) -> dict[str, Any]:
    """A PlatformClaim of the environment dev."""
    return {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "PlatformClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterType": "nonprod", "environment": "dev", "services": []} | spec,
    }


def ready(attempt: Attempt[PlatformClaim]) -> None:
    """A function that finds everything in order."""
    attempt.report.mark(VALID, "True", "Valid", "v")
    attempt.report.mark(COMMITTED, "True", "Committed", "c")
    attempt.report.ready("Committed", "all")
    attempt.settled = Settled(INPUTS, ROOTS)


class Failing:
    """A function that fails so often, and is then ready."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, attempt: Attempt[PlatformClaim]) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        ready(attempt)


class Scripted:
    """A handler around one function; `converged` are the names of the claims it was called for."""

    def __init__(self, converge: Converge) -> None:
        self.inputs: Inputs | None = lambda _: INPUTS
        self.converged: list[str] = []
        self._converge = converge

    def converge(self, attempt: Attempt[PlatformClaim]) -> None:
        self.converged.append(attempt.ref.name)
        self._converge(attempt)

    def survey(self, _: Event) -> Inputs | None:
        return self.inputs

    def announce(self, _: Attempt[PlatformClaim]) -> Reply | None:
        return REPLY


class Bench:
    """One process around an API server that may have others."""

    def __init__(
        self,
        converge: Converge = ready,
        kube: FakeKube | None = None,
        clock: Callable[[], float] = time.monotonic,
        tracing: Tracing | None = None,
    ) -> None:
        self.kube = kube or FakeKube()
        self.clock = clock
        self.tracing = tracing
        self.pauses: list[float] = []
        self.metrics = Metrics()
        self.steps: list[str] = []
        self.handler = Scripted(converge)
        self.restart()

    def restart(self) -> None:
        """A new process in this one's place: it remembers nothing."""
        self.memory = Memory()
        self.reconciler: Reconciler[PlatformClaim] = Reconciler(
            PLATFORM,
            self.kube,
            self.handler,
            memory=self.memory,
            metrics=self.metrics,
            pause=self.pauses.append,
            trace=self.steps.append,
            tracing=self.tracing,
            now=lambda: NOW,
            clock=self.clock,
        )

    def put(self, claim: dict[str, Any], **how: Any) -> dict[str, Any]:
        return self.kube.put(PLATFORM.resource, claim, **how)

    def react(self, name: str = "p", kind: str = "PlatformClaim") -> Reply | None:
        """To an event that does not say of which state it is."""
        return self.reconciler.react(Event("e", UPDATE, ClaimRef(kind, "dev", name)))

    def told(self, claim: dict[str, Any], kind: str = UPDATE) -> Event:
        """The event of this state of a claim."""
        metadata = claim["metadata"]
        ref = ClaimRef("PlatformClaim", metadata["namespace"], metadata["name"])
        place = (claim["spec"]["clusterType"], claim["spec"]["environment"])
        return Event("e", kind, ref, version=Version(metadata["uid"], metadata["resourceVersion"]), environment=place)

    def live(self, name: str = "p") -> dict[str, Any]:
        return self.kube.objects["platformclaims", "dev", name]

    def status(self, name: str = "p") -> dict[str, Any]:
        found: dict[str, Any] = self.live(name).get("status", {})
        return found

    def condition(self, kind: str, name: str = "p") -> tuple[str, str, str] | None:
        for one in self.status(name).get("conditions", []):
            if one["type"] == kind:
                return one["status"], one["reason"], one["message"]
        return None


def resync(bench: Bench) -> None:
    """The ping, now and then."""
    bench.reconciler.react(Event("e", PING))
