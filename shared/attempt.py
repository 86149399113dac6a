"""One try at one claim: what it is, how it is read, and what has been found out about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError

from shared.claims import parse
from shared.claims.meta import Claim
from shared.claims.status import ClaimStatus, HistoryEntry
from shared.conditions import VALID
from shared.events import ClaimRef
from shared.kube.client import Document, Kube, Resource
from shared.kube.recorder import Recorder
from shared.memory import Settled
from shared.report import Report

ClaimT = TypeVar("ClaimT", bound=Claim)
Trace = Callable[[str], None]
"""Told the name of each step as it begins."""


class Gone(Exception):
    """There is nothing left to converge."""


@dataclass(frozen=True)
class Kind(Generic[ClaimT]):
    """A kind of claim: its model, where the API serves it, and how a function goes about it.

    `conditions` are the condition types that its status always has. `steps_of_work` and `steps_of_removal` are the
    steps in their order; a process may be killed at the beginning of each, and the next look puts things right.
    """

    model: type[ClaimT]
    resource: Resource
    conditions: tuple[str, ...]
    steps_of_work: tuple[str, ...] = ()
    steps_of_removal: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The kind as events and owners name it."""
        return self.model.__name__

    def parse(self, document: Document) -> ClaimT:
        """The claim in a document of this kind; raises `InvalidClaim`."""
        return cast("ClaimT", parse(self.name, document))

    def recorded_status(self, document: Document) -> ClaimStatus:
        """The status that a live object carries; an empty one when there is none, or none that can be read."""
        model: type[ClaimStatus] = self.model.model_fields["status"].annotation  # type: ignore[assignment]  # by definition
        try:
            return model.model_validate(document.get("status") or {})
        except ValidationError:
            return model()

    def begin(self, step: str, trace: Trace) -> None:
        """Tell `trace` of a step that is declared; one that is not is a fault of ours."""
        if step not in self.steps_of_work and step not in self.steps_of_removal:
            raise AssertionError(f"{step} is not declared as a step of {self.name}")
        trace(step)


@dataclass
class Carried:
    """What one try at a claim leaves to the next, until a status tells of it.

    `notes` go into the claim's history; `has_news`: the other functions should be told, also when the next try finds
    everything done.
    """

    notes: list[HistoryEntry] = field(default_factory=list)
    has_news: bool = False


class Attempt(Generic[ClaimT]):
    """One try at one claim.

    `claim` is the claim as it was last read, `document` the same as the API server gave it, and `report` what has been
    found out about it. `settled` is set by whoever found that all of it is in Git; `let_go` when its finalizer went,
    so that nothing is left to write a status to; `carried` is what earlier tries left.
    """

    claim: ClaimT
    report: "Report[Any]"

    def __init__(
        self,
        kind: Kind[ClaimT],
        kube: Kube,
        ref: ClaimRef,
        event_id: str,
        *,
        recorder: Recorder,
        now: str,
        carried: Carried | None = None,
        trace: Trace = lambda _: None,
        trace_id: str = "",
    ) -> None:
        self.kind = kind
        self.kube = kube
        self.ref = ref
        self.event_id = event_id
        self.trace_id = trace_id
        self.now = now
        self.document: Document | None = None
        self.settled: Settled | None = None
        self.let_go = False
        self.carried = carried or Carried()
        self._recorder = recorder
        self._trace = trace

    @property
    def has_news(self) -> bool:
        """Whether the other functions should be told; true until a status tells of this claim's success."""
        return self.carried.has_news

    @has_news.setter
    def has_news(self, value: bool) -> None:
        self.carried.has_news = value

    @property
    def live(self) -> Document:
        """The claim as the API server gave it last."""
        if self.document is None:
            raise AssertionError("the claim was not read yet")
        return self.document

    @property
    def spec(self) -> dict[str, Any]:
        """The claim's spec as the API server gave it."""
        return dict(self.live.get("spec") or {})

    def begin(self, step: str) -> None:
        """A step of the kind's begins."""
        self.kind.begin(step, self._trace)

    def reread(self) -> ClaimT:
        """Read the live claim (again), and start the report over from what it records.

        Called once more when the head of Git is known: whoever reads the claim later than the head writes at least
        what the head's writer knew (ARCHITECTURE: the order that makes it safe).
        """
        self.document = None
        document = self.kube.get(self.kind.resource, self.ref.namespace, self.ref.name)
        if document is None:
            raise Gone
        return self.take(document)

    def take(self, document: Document) -> ClaimT:
        """Go on from `document`, which the API server has just given."""
        self.document = document
        self.settled = None
        recorded = self.kind.recorded_status(document)
        self.report = Report(recorded, self.kind.conditions)
        self.report.enter(VALID)
        self.claim = self.kind.parse(document | {"status": recorded.model_dump(exclude_none=True)})
        return self.claim

    def note(self, entry: HistoryEntry) -> None:
        """Keep `entry` for the claim's history: it is told, and stands in the next status that is written."""
        self.carried.notes.insert(0, entry)

    def tell(self, reason: str, message: str, *, normal: bool) -> None:
        """Tell `kubectl describe` of something that the conditions do not keep."""
        self._recorder.record(self.live, normal=normal, reason=reason, message=message)
