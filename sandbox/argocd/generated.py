"""The Application that a set makes: its template, its owner and its finalizer."""

from typing import Any, Final

from sandbox.argocd.api import APPLICATION, APPLICATION_SET, Json

RESOURCES_FINALIZER: Final = "resources-finalizer.argocd.argoproj.io"
"""With it an Application takes its objects along when it is deleted."""

EMPTY_STATUS: Final = {
    "health": {},
    "sourceHydrator": {},
    "summary": {},
    "sync": {"comparedTo": {"destination": {}, "source": {"repoURL": ""}}, "status": ""},
}
"""What ArgoCD writes of a status that it does not know yet: the empty values of its types."""


def owner_of(application: Json) -> str | None:
    """The name of the set that controls an Application."""
    for owner in application["metadata"].get("ownerReferences") or []:
        if owner.get("controller") and owner["kind"] == APPLICATION_SET.kind:
            return str(owner["name"])
    return None


def overlaid(template: Json, over: Any) -> Json:
    """The set's template with what a generator's own template says instead; empty values say nothing."""
    both = dict(template)
    for key, value in (over or {}).items():
        if isinstance(value, dict):
            if inner := overlaid(both.get(key) or {}, value):
                both[key] = inner
        elif value:
            both[key] = value
    return both


def finished(live: Json, application: Json) -> Json:
    """The Application as it is written: its owner, and the finalizer unless its resources are to be preserved."""
    metadata, owner = dict(application.get("metadata") or {}), live["metadata"]
    preserve = (live["spec"].get("syncPolicy") or {}).get("preserveResourcesOnDeletion")
    if not preserve and not metadata.get("finalizers"):
        metadata["finalizers"] = [RESOURCES_FINALIZER]
    metadata["namespace"] = owner["namespace"]
    metadata["ownerReferences"] = [
        {
            "apiVersion": APPLICATION_SET.api_version,
            "kind": APPLICATION_SET.kind,
            "name": owner["name"],
            "uid": owner["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    return {
        "apiVersion": APPLICATION.api_version,
        "kind": APPLICATION.kind,
        "metadata": metadata,
        "spec": application["spec"],
    }
