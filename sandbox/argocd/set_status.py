"""What an ApplicationSet's status says: its conditions, its health, and its Applications."""

from collections.abc import Sequence
from typing import Final

from sandbox.argocd.api import APPLICATION, Json
from sandbox.argocd.recorder import now

_GENERATED: Final = "Successfully generated parameters for all Applications"
_UP_TO_DATE: Final = "All applications have been generated successfully"


def up_to_date() -> Json:
    """Every Application is as the set generates it."""
    return {
        "conditions": [
            _condition("ErrorOccurred", "False", "ApplicationSetUpToDate", _UP_TO_DATE),
            _condition("ParametersGenerated", "True", "ParametersGenerated", _GENERATED),
            _condition("ResourcesUpToDate", "True", "ApplicationSetUpToDate", _UP_TO_DATE),
        ],
        "health": {"status": "Healthy", "message": _UP_TO_DATE},
    }


def failed(reason: str, message: str, *, generated: bool) -> Json:
    """Something went wrong, after the parameters were `generated` or before."""
    parameters = (
        _condition("ParametersGenerated", "True", "ParametersGenerated", _GENERATED)
        if generated
        else _condition("ParametersGenerated", "False", "ErrorOccurred", message)
    )
    return {
        "conditions": [
            _condition("ErrorOccurred", "True", reason, message),
            parameters,
            _condition("ResourcesUpToDate", "False", "ErrorOccurred", message),
        ],
        "health": {"status": "Degraded", "message": message},
    }


def resources(applications: Sequence[Json]) -> Json:
    """`resources` and `resourcesCount`; neither without an Application."""
    if not applications:
        return {}
    return {"resources": [_resource(one) for one in applications], "resourcesCount": len(applications)}


def changed(status: Json, wanted: Json) -> Json:
    """What is to be written of conditions and health; a condition that stays as it was keeps its time."""
    known = {one["type"]: one for one in status.get("conditions") or []}
    moment = now()
    conditions = []
    for one in wanted["conditions"]:
        before = known.get(one["type"]) or {}
        same = all(before.get(name) == value for name, value in one.items())
        conditions.append(before if same else one | {"lastTransitionTime": moment})
    patch: Json = {} if conditions == status.get("conditions") else {"conditions": conditions}
    return patch | ({} if status.get("health") == wanted["health"] else {"health": wanted["health"]})


def _condition(type_: str, status: str, reason: str, message: str) -> Json:
    return {"type": type_, "status": status, "reason": reason, "message": message}


def _resource(application: Json) -> Json:
    metadata, status = application["metadata"], application.get("status") or {}
    health = (status.get("health") or {}).get("status")
    sync = (status.get("sync") or {}).get("status")
    return {
        "group": APPLICATION.group,
        "version": APPLICATION.version,
        "kind": APPLICATION.kind,
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "health": {"status": health} if health else {},
        **({"status": sync} if sync else {}),
    }
