"""What is wrong with one field of an object."""

from dataclasses import dataclass
from typing import Any

BLOCKING = frozenset(
    {
        "FieldValueRequired",
        "FieldValueNotSupported",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)
"""Causes after which the real server does not run CEL rules."""


@dataclass(frozen=True)
class Cause:
    """One field at fault: `reason` is a `FieldValue…` constant, `message` the text without the field's path."""

    reason: str
    message: str
    field: str

    def to_json(self) -> dict[str, Any]:
        """Return the cause as `Status.details.causes[]` shows it."""
        return {"reason": self.reason, "message": self.message, "field": self.field}
