"""Sends throw-away claims the whole way: `python -m functions.bootstrap.selftest`, what `helm test` runs.

A claim of each function's, for an environment that nobody bootstrapped, comes back with a status that says so: API
server → source → Broker → Trigger → function → status, with no byte in Git. A BootstrapClaim cannot be thrown away, so
the bootstrap function gets an InfrastructureClaim, which lives in the system namespace. Names are new in every run. The
claims are deleted again, also after a failure or a SIGTERM; what a SIGKILL leaves behind carries the label
app.kubernetes.io/component=test.

Requests: `create`, `get` and `delete` of infrastructureclaims in the system namespace, and of applicationclaims and
platformclaims in the test namespace. It prints a line for each step, and ends with 1 when one failed.
"""

import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from pydantic import Field

from shared.argocd import PART_OF
from shared.claims.meta import API_VERSION
from shared.conditions import READY
from shared.errors import Forbidden, InfraForgeError, KubeUnavailable, NotBootstrapped, PermanentError, TransientError
from shared.kinds import APPLICATION, INFRASTRUCTURE, PLATFORM
from shared.kube import Kube, connect
from shared.kube.client import Document, KubeNotFound, Resource
from shared.settings import Environment, Seconds

EXPECTED: Final = frozenset({NotBootstrapped.__name__, "ClusterTypeUnknown", "EnvironmentUnknown"})
"""Reasons of a claim for an environment that is not there, without and with a BootstrapClaim."""
POLL_SECONDS: Final = 0.25
TEST: Final = {"app.kubernetes.io/component": "test"}
FUNCTIONS: Final = {APPLICATION.name: "application", INFRASTRUCTURE.name: "bootstrap", PLATFORM.name: "platform"}

Say = Callable[[str], None]


class SelftestSettings(Environment):
    """Read from `INFRAFORGE_*`."""

    system_namespace: str = Field("platform-system", description="Where InfraForge is, and InfrastructureClaims live.")
    test_namespace: str | None = Field(
        None, description="Where the other claims are made; default: the system namespace."
    )
    cluster_types: frozenset[str] = Field(frozenset(), description="The types this installation serves; empty: all.")
    kubeconfig: Path | None = Field(None, description="A kubeconfig file; default: the pod's service account.")
    timeout: Seconds = Field(20.0, description="Seconds that one request may take.")
    patience: Seconds = Field(120.0, description="Seconds that a claim's answer, or its end, may take.")


class NoAnswer(TransientError):
    """A claim, or its end, was not seen in time."""


@dataclass(frozen=True)
class Clock:
    """Time as a process has it."""

    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Probe:
    """A throw-away claim."""

    resource: Resource
    document: Document

    def __str__(self) -> str:
        metadata = self.document["metadata"]
        return f"{self.kind} {metadata['namespace']}/{metadata['name']}"

    @property
    def kind(self) -> str:
        """The claim's kind."""
        return str(self.document["kind"])

    @property
    def where(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.document["metadata"]["namespace"], self.document["metadata"]["name"]


def probes(settings: SelftestSettings, run: str) -> list[Probe]:
    """The claims of the run of that name, which is new: of a cluster type that is served, if it matters."""
    name = f"infraforge-test-{run}"
    place = {"clusterType": min(settings.cluster_types, default=name), "environment": f"test-{run}"}
    system = settings.system_namespace
    image = {"repository": "ghcr.io/infraforge/test", "tag": "v0"}
    application = {"name": "test", "chart": {"name": "web-service"}, "image": image, "values": {}}
    return [
        Probe(kind.resource, _claim(kind.name, namespace, name, place | rows))
        for kind, namespace, rows in (
            (INFRASTRUCTURE, system, {"namespaces": [{"name": name}]}),
            (APPLICATION, settings.test_namespace or system, {"applications": [application]}),
            (PLATFORM, settings.test_namespace or system, {"services": [_SERVICE]}),
        )
    ]


class Selftest:
    """One run. `say` gets a line for each step."""

    def __init__(self, settings: SelftestSettings, kube: Kube, *, say: Say, clock: Clock | None = None) -> None:
        self._settings = settings
        self._kube = kube
        self._say = say
        self._clock = clock or Clock()

    def run(self, run: str) -> bool:
        """Whether all came back as they should, and are gone. Raises `InfraForgeError` when they cannot be made."""
        asked: list[tuple[Probe, float]] = []
        try:
            for probe in probes(self._settings, run):
                asked.append((probe, self._clock.now()))  # first: it may be there although no answer says so
                self._create(probe)
                self._say(f"{probe}: created")
            good = [self._step(probe, self._answered, since) for probe, since in asked]
        finally:
            begun = self._clock.now()
            for probe, _ in asked:
                self._step(probe, self._delete, begun)
            gone = [self._step(probe, self._gone, begun) for probe, _ in asked]
        return all(good) and all(gone)

    def _create(self, probe: Probe) -> None:
        try:
            self._kube.create(probe.resource, probe.document)
        except KubeNotFound as error:
            namespace = probe.where[0]
            raise PermanentError(f'{probe}: its kind or the namespace "{namespace}" is not there: {error}') from error
        except Forbidden as error:
            raise Forbidden(f"{probe}: it cannot be created: {error}") from error

    def _step(self, probe: Probe, step: Callable[[Probe, float], str | None], since: float) -> bool:
        """Do it and say what it came to; whether it went well."""
        try:
            outcome = step(probe, since)
        except InfraForgeError as error:
            self._say(f"{probe}: FAILED after {self._clock.now() - since:.1f} s: {error}")
            return False
        if outcome:
            self._say(f"{probe}: {outcome} after {self._clock.now() - since:.1f} s")
        return True

    def _answered(self, probe: Probe, since: float) -> str:
        """How the function answered."""
        ready = self._await(lambda: _ready(self._kube.get(probe.resource, *probe.where)), since)
        if ready is None:
            raise NoAnswer(f"no answer. {_advice(probe.kind, self._settings.system_namespace)}")
        reason, message = ready.get("reason"), ready.get("message")
        if reason not in EXPECTED:
            raise PermanentError(
                f"the function answered, but not as it should when an environment is not there: {reason}: {message}"
            )
        return f"answered {reason}"

    def _delete(self, probe: Probe, _: float) -> None:
        self._kube.delete(probe.resource, *probe.where)

    def _gone(self, probe: Probe, since: float) -> str:
        if self._await(lambda: self._kube.get(probe.resource, *probe.where) is None or None, since) is None:
            name = "/".join((probe.kind, *probe.where))
            raise NoAnswer(f"deleted, and still there: a finalizer holds it; to let it go: infraforge release {name}")
        return "gone"

    def _await(self, look: Callable[[], Any], since: float) -> Any:
        """What `look` comes to see; None when patience, counted from `since`, ended first."""
        while True:
            try:
                seen = look()
            except KubeUnavailable:  # it is asked again
                seen = None
            if seen is not None or self._clock.now() - since >= self._settings.patience:
                return seen
            self._clock.pause(POLL_SECONDS)


_SERVICE: Final = {"name": "test", "type": "internal", "chart": {"name": "redis"}, "values": {}}


def _claim(kind: str, namespace: str, name: str, spec: Mapping[str, Any]) -> Document:
    metadata = {"name": name, "namespace": namespace, "labels": PART_OF | TEST}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": dict(spec)}


def _ready(document: Document | None) -> Mapping[str, Any] | None:
    """The condition Ready of the generation that we made; None while there is none."""
    if document is None:
        raise PermanentError("somebody deleted it meanwhile")
    status, generation = document.get("status") or {}, document["metadata"].get("generation")
    if status.get("observedGeneration") != generation:
        return None
    return next((one for one in status.get("conditions") or () if one["type"] == READY), None)


def _advice(kind: str, namespace: str) -> str:
    """Where an event may have been lost, in the order of its way."""
    function = f"infraforge-{FUNCTIONS[kind]}"
    get, logs = f"kubectl -n {namespace} get", f"kubectl -n {namespace} logs"
    return "\n".join(
        (
            "Look at, in this order:",
            f"  source:   {get} apiserversource infraforge-claims; "
            f"{logs} -l eventing.knative.dev/sourceName=infraforge-claims",
            f"  broker:   {get} broker infraforge",
            f"  trigger:  {get} trigger infraforge-{kind.lower()}",
            f"  function: {get} ksvc {function}; {logs} -l serving.knative.dev/service={function} -c function",
            f"  given up: {get} deadletters",
        )
    )


def main() -> int:
    """Run once with the settings of this process; 0 when everything came back."""

    def say(line: str) -> None:
        print(line, flush=True)

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)  # so that what was made is deleted

    signal.signal(signal.SIGTERM, end)
    begun = time.monotonic()
    try:
        settings = SelftestSettings.from_environment()
        kube = connect(settings.kubeconfig, timeout=settings.timeout)
        good = Selftest(settings, kube, say=say).run(secrets.token_hex(4))
    except InfraForgeError as error:
        print(f"test failed ({error.reason}): {error}", file=sys.stderr, flush=True)
        return 1
    say(f"{'all claims came back' if good else 'test failed'} after {time.monotonic() - begun:.1f} s")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
