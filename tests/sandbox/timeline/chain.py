"""What a recorded case is made of, and a chain of cases that build on one another."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.sandbox.timeline.actions import Action


@dataclass(frozen=True)
class Case:
    """`late` maps an object's name to the second up to which its changes, though recorded here, end the case before.

    `until` cuts off the recorder's own cleaning up; `races` names objects whose path is a race, and why.
    """

    name: str
    actions: tuple[Action, ...]
    late: Mapping[str, float] = field(default_factory=dict)
    until: float = float("inf")
    races: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chain:
    """Cases that build on one another in one world; `before` is done first and not compared."""

    before: tuple[Action, ...]
    cases: tuple[Case, ...]

    @property
    def name(self) -> str:
        """The name of the first case."""
        return self.cases[0].name
