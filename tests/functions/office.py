"""The dead letters' function around a fake API server and a fake Broker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from functions.deadletters.arrival import parse
from functions.deadletters.broker import Broker
from functions.deadletters.handler import Handler
from functions.deadletters.notice import Notice
from functions.deadletters.store import LETTERS, Store, outcomes
from shared.claims.deadletter import REPLAY
from shared.kube.client import Document, Resource
from shared.telemetry import Metrics
from tests.fakes import FakeKube
from tests.functions.letterbox import SYSTEM, binary, given_up

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


class Kube(FakeKube):
    """With faults to come, by verb."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, list[Exception]] = {}
        self.between: Callable[[], None] | None = None
        """Called once, between a read and a write of a status."""

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        self._fail("create")
        return super().create(resource, document)

    def patch_status(self, resource: Resource, document: Document, status: Mapping[str, Any]) -> Document:
        between, self.between = self.between, None
        if between is not None:
            between()
        self._fail("patch_status")
        return super().patch_status(resource, document, status)

    def names(self, resource: Resource, namespace: str) -> Any:
        self._fail("names")
        return super().names(resource, namespace)

    def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> None:
        self._fail("delete")
        super().delete(resource, namespace, name, **options)

    def _fail(self, verb: str) -> None:
        if self.faults.get(verb):
            raise self.faults[verb].pop(0)


@dataclass
class Office:
    """The function's handler around a fake API server and a Broker that says `answers` in turn, then 202."""

    kube: Kube = field(default_factory=Kube)
    most: int = 1000
    answers: list[int] = field(default_factory=list)
    sent: list[httpx.Request] = field(default_factory=list)
    while_sending: Callable[[], None] | None = None
    clock: int = 0

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        counted = outcomes(self.metrics)
        self.handler = Handler(
            Store(self.kube, SYSTEM, most=self.most, counted=counted),
            Notice(self.kube),
            Broker("http://broker", timeout=5, transport=httpx.MockTransport(self._broker)),
            counted=counted,
            now=self._now,
        )

    def _now(self) -> datetime:
        self.clock += 1
        return NOW.replace(microsecond=self.clock)

    def _broker(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if self.while_sending is not None:
            self.while_sending()
        return httpx.Response(self.answers.pop(0) if self.answers else 202)

    def give_up(self, event_id: str = "event-1", body: bytes = b"{}", **attributes: str) -> None:
        """An event arrives that was given up."""
        self.handler.react(parse(binary(event_id, **given_up() | attributes), body))

    def tell(self, name: str, change: str = "update", **attributes: str) -> None:
        """Our source tells of a letter."""
        about = {"kind": "DeadLetter", "namespace": SYSTEM, "name": name, "type": f"dev.knative.apiserver.ref.{change}"}
        self.handler.react(parse(binary("told", **about | attributes), b"{}"))

    def kept(self) -> list[Document]:
        """All letters."""
        return list(self.kube.list(LETTERS))

    def ask(self, name: str, value: str = "now") -> None:
        """Somebody annotates the letter."""
        self.kube.patch(LETTERS, SYSTEM, name, {"metadata": {"annotations": {REPLAY: value}}})

    def asked(self) -> str:
        """A letter whose replay is asked for."""
        self.give_up()
        name = str(self.kept()[0]["metadata"]["name"])
        self.ask(name)
        return name

    def count(self, outcome: str) -> float:
        """What the metrics say."""
        return self.metrics.registry.get_sample_value("infraforge_dead_letters_total", {"outcome": outcome}) or 0
