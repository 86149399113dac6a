"""Writing an Application: the merge patch of what differs, and the store as new as what was written."""

from dataclasses import dataclass
from typing import Final

from sandbox.argocd.api import APPLICATION, NOT_FOUND, Api, ApiError, Json
from sandbox.argocd.documents import difference
from sandbox.argocd.store import Store

_PARTS: Final = ("metadata", "operation", "status")


@dataclass(frozen=True)
class Writer:
    """Writes Applications; one that is gone meanwhile is no problem. Raises `ApiError`."""

    api: Api
    store: Store

    def write(self, before: Json, wanted: Json) -> Json:
        """Make `wanted` of `before`, in all but the spec; what others changed besides stays. Returns the result."""
        patch = difference(
            {part: before[part] for part in _PARTS if part in before},
            {part: wanted[part] for part in _PARTS if part in wanted},
        )
        if not patch:
            return before
        metadata = before["metadata"]
        try:
            written = self.api.patch(APPLICATION, metadata["namespace"], metadata["name"], patch)
        except ApiError as error:
            if error.code == NOT_FOUND:
                return wanted
            raise
        self.store.put(APPLICATION, written)
        return written

    def fresh(self, application: Json) -> Json | None:
        """The Application as the API server has it now; None when it is gone or another one."""
        metadata = application["metadata"]
        found = self.api.get(APPLICATION, metadata["namespace"], metadata["name"])
        return found if found and found["metadata"]["uid"] == metadata["uid"] else None
