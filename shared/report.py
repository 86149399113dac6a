"""What one try at a claim finds out, gathered step by step, and the status that follows from it. Pure."""

from collections.abc import Iterable
from typing import Any, Final, Generic, TypeVar

from shared import conditions
from shared.claims.status import ClaimStatus, Condition
from shared.errors import InfraForgeError, PermanentError, TransientError

StatusT = TypeVar("StatusT", bound=ClaimStatus)

NOT_REACHED: Final = "NotReached"


class Report(Generic[StatusT]):
    """The conditions and fields of one try.

    `steps` are the condition types in the order in which they are reached. A step that the try did not get to is
    `Unknown/NotReached`, so that a status never repeats what nobody has looked at since.

    `Delivered` stands beside them, and another function writes it. It goes with the first try that ends in something
    else than a fault that passes: the claim has been dealt with since. A try that failed leaves it, since its event
    may be given up like the one before, and a condition that came and went would make events without end.
    """

    def __init__(self, recorded: StatusT, steps: Iterable[str]) -> None:
        self.recorded = recorded
        self._conditions = {
            step: conditions.condition(step, "Unknown", NOT_REACHED, "an earlier step is in the way") for step in steps
        }
        self._fields: dict[str, Any] = {}
        self._step: str | None = None
        self._kept: tuple[str, ...] = ()

    def enter(self, step: str) -> None:
        """From here on a failure belongs to `step`."""
        self._step = step

    def mark(self, step: str, status: conditions.ConditionStatus, reason: str, message: str) -> None:
        """Record what became of a step."""
        self._conditions[step] = conditions.condition(step, status, reason, message)

    def set(self, **fields: Any) -> None:
        """Record status fields by their names; a field that is not set keeps what was recorded before."""
        self._fields |= fields

    def changed(self, *fields: str) -> bool:
        """Whether any of the fields says something else than what was recorded before."""
        return any(self._fields.get(name) != getattr(self.recorded, name) for name in fields)

    def ready(self, reason: str, message: str) -> None:
        """Everything of this generation is in Git."""
        self.mark(conditions.READY, "True", reason, message)

    def held(self, reason: str, message: str) -> None:
        """Part of this generation is not in Git, and only a person can mend it."""
        self.mark(conditions.READY, "False", reason, message)
        self.mark(conditions.STALLED, "True", reason, message)

    def waits(self, reason: str, message: str) -> None:
        """Part of this generation is not in Git, and goes on by itself when something else has happened."""
        self.mark(conditions.READY, "False", reason, message)
        self.mark(conditions.RECONCILING, "True", reason, message)

    def fail(self, error: InfraForgeError) -> None:
        """The try ended here."""
        message = str(error)
        self._kept = (conditions.DELIVERED,) if isinstance(error, TransientError) else ()
        if self._step is not None:
            status: conditions.ConditionStatus = "Unknown" if isinstance(error, TransientError) else "False"
            self.mark(self._step, status, error.reason, message)
        self.mark(conditions.READY, "False", error.reason, message)
        kind = conditions.STALLED if isinstance(error, PermanentError) else conditions.RECONCILING
        self.mark(kind, "True", error.reason, message)

    def status(self, *, generation: int, now: str) -> StatusT:
        """The status to write; equal to the recorded one when nothing changed."""
        merged: list[Condition] = conditions.merge(
            self.recorded.conditions, self._conditions.values(), generation=generation, now=now
        )
        kept = [one for one in self.recorded.conditions if one.type in self._kept]
        merged = sorted([*merged, *kept], key=lambda one: one.type)
        update = self._fields | {"conditions": merged, "observedGeneration": generation}
        return self.recorded.model_copy(update=update)
