"""The links of the chain from a claim to what runs of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Document = Mapping[str, Any]
State = Literal["ok", "waiting", "wrong", "unknown"]
"""Waiting goes on by itself, wrong does not; unknown is what cannot be seen from here."""

NOT_WELL: Final = ("waiting", "wrong")


@dataclass(frozen=True)
class Link:
    """One thing on the way: `step` is its place in the chain, `subject` its name.

    `message` is its own word for how it is, `look` the command that shows more, `details` further lines for people.
    `is_from_below` tells that it is only as well as what it is made of, which says why itself.
    """

    step: str
    subject: str
    state: State
    message: str = ""
    look: str = ""
    details: tuple[str, ...] = ()
    is_from_below: bool = False

    @property
    def is_well(self) -> bool:
        """Whether the next link may be looked at."""
        return self.state not in NOT_WELL

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "step": self.step,
            "subject": self.subject,
            "state": self.state,
            "message": self.message,
            "look": self.look or None,
            "details": list(self.details),
        }


def part(document: Document | None, *path: str) -> Document:
    """The map at `path`; an empty one where there is none."""
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def items(document: Document | None, name: str) -> list[Document]:
    """The maps in the list `name`; none where it is no list."""
    found = (document or {}).get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, Sequence) else []


def text(document: Document | None, name: str) -> str:
    """The text `name`; empty where it is none."""
    found = (document or {}).get(name)
    return found if isinstance(found, str) else ""


def conditions(document: Document | None) -> dict[str, Document]:
    """The conditions in an object's status by their types."""
    return {text(one, "type"): one for one in items(part(document, "status"), "conditions")}
