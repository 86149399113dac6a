"""Who changed an object last, by what its API server keeps of it (`metadata.managedFields`). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SPEC = "f:spec"


@dataclass(frozen=True)
class Manager:
    """A field manager (`kubectl-edit`, `argocd-controller` …) and when it last took a field; RFC 3339 in UTC, or empty.

    Whoever only takes fields away without server-side apply leaves no trace of that (kubernetes-sigs/
    structured-merge-diff: the times of other managers stay): then the one before it still stands here.
    """

    name: str
    time: str = ""


def last_manager(document: Mapping[str, Any], field: str = SPEC) -> Manager | None:
    """The manager that last took a field below `field` of the object; None when the API server names nobody.

    Of several in the same second it is the last in the API server's order. Subresources do not count.
    """
    entries = (document.get("metadata") or {}).get("managedFields") or ()
    found = [
        Manager(str(entry["manager"]), str(entry.get("time") or ""))
        for entry in entries
        if isinstance(entry, Mapping)
        and entry.get("manager")
        and not entry.get("subresource")
        and field in (entry.get("fieldsV1") or {})
    ]
    return sorted(found, key=lambda one: one.time)[-1] if found else None
