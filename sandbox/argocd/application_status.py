"""What an Application's status says after a comparison."""

from sandbox.argocd import health
from sandbox.argocd.api import Json
from sandbox.argocd.comparison import Comparison, Managed
from sandbox.argocd.manifests import Target
from sandbox.argocd.projects import is_application
from sandbox.argocd.recorder import now


def invalid(application: Json, conditions: list[Json]) -> Json:
    """The status of an Application whose spec is invalid: nothing is compared, and what was found before stays."""
    status = application.get("status") or {}
    return status | {
        "conditions": conditions,
        "health": health_of(status, health.Health(health.UNKNOWN)),
        "sync": {**(status.get("sync") or {}), "status": "Unknown"},
        "reconciledAt": now(),
    }


def compared(application: Json, target: Target, comparison: Comparison) -> Json:
    """The status that a comparison gives, without conditions."""
    spec, before = application["spec"], application.get("status") or {}
    several = bool(spec.get("sources"))
    against = {"destination": spec["destination"]}
    against |= {"source": {"repoURL": ""}, "sources": spec["sources"]} if several else {"source": spec["source"]}
    sync: Json = {"status": comparison.sync, "comparedTo": against}
    if not comparison.failed:
        sync |= {"revisions": list(target.revisions)} if several else {"revision": target.revisions[0]}
    elif not several:
        sync |= {"revision": spec["source"].get("targetRevision", "")}
    own = health.aggregate((one.name, one.live) for one in comparison.managed)
    status: Json = {
        "controllerNamespace": application["metadata"]["namespace"],
        "health": health_of(before, own),
        "reconciledAt": now(),
        "resourceHealthSource": "appTree",
        "sourceHydrator": {},
        "summary": _summary(comparison),
        "sync": sync,
    }
    if not comparison.failed:
        status |= {"sourceTypes": list(target.types)} if several else {"sourceType": target.types[0]}
    if comparison.managed:
        status["resources"] = [_resource(comparison, one) for one in comparison.managed]
    return status


def health_of(before: Json, found: health.Health) -> Json:
    """`status.health`; the time is that of the last change."""
    old = before.get("health") or {}
    changed = old.get("status") != found.status
    moment = now() if changed else old.get("lastTransitionTime") or now()
    return {
        "status": found.status,
        "lastTransitionTime": moment,
        **({"message": found.message} if found.message else {}),
    }


def _summary(comparison: Comparison) -> Json:
    kinds = {one.reference[:2] for one in comparison.managed}
    return {"isAppOfApps": True} if any(is_application(*kind) for kind in kinds) else {}


def _resource(comparison: Comparison, one: Managed) -> Json:
    group, kind, namespace, name = one.reference
    return {
        **({"group": group} if group else {}),
        "version": one.version,
        "kind": kind,
        **({"namespace": namespace} if namespace else {}),
        "name": name,
        "status": comparison.status(one),
        **({"requiresPruning": True} if one.requires_pruning else {}),
    }


def timed(before: list[Json], conditions: list[Json]) -> list[Json]:
    """The conditions with their times; one that was there already keeps its own."""
    known = {(one["type"], one["message"]): one for one in before}
    moment = now()
    return [known.get((one["type"], one["message"]), one | {"lastTransitionTime": moment}) for one in conditions]
