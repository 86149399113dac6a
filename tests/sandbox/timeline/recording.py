"""The recording: every change that a real ArgoCD made to its objects in 56 named cases."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]
FILE = Path(__file__).parents[2] / "recordings" / "argocd" / "timeline.jsonl"


@dataclass(frozen=True)
class Change:
    """One line: seconds since the case began, ADDED, MODIFIED or DELETED, and the object as it was then."""

    case: str
    seconds: float
    event: str
    object: Json

    @property
    def kind(self) -> str:
        """The object's kind; Kubernetes Events are recorded without theirs."""
        return str(self.object.get("kind", "Event"))

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.object["metadata"].get("name", ""))


@cache
def recorded() -> dict[str, list[Change]]:
    """Return the changes of each case, in the recording's order."""
    cases: dict[str, list[Change]] = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        change = Change(**json.loads(line))
        cases.setdefault(change.case, []).append(change)
    return cases
