"""What a refused claim is, in tables: one field made wrong, and the answers to it."""

from dataclasses import dataclass
from typing import Any

NOT_A_LABEL = "is not a DNS-1123 label: use lower case letters, digits and '-'"


@dataclass(frozen=True)
class Refusal:
    """One field made wrong: what the schema answers (None: it accepts) and what the model answers."""

    reason: str
    claim: dict[str, Any]
    path: str
    value: object
    schema: str | None
    model: str


def app(name: str, **more: object) -> dict[str, object]:
    """A small valid application, changed by `more`."""
    return {"name": name, "chart": {"name": "c"}, "image": {"repository": "r", "tag": "t"}, **more}
