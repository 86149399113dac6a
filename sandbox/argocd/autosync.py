"""Whether an Application is synced without being asked (controller/appcontroller.go: autoSync)."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sandbox.argocd.api import Json
from sandbox.argocd.comparison import OUT_OF_SYNC, Comparison
from sandbox.argocd.operations import DEFAULT_RETRY

_FIRST: Final = 2.0
_FACTOR: Final = 3.0
_LONGEST: Final = 300.0
_COOLED_DOWN: Final = 330.0
"""ArgoCD's defaults for the pauses between healings, in seconds."""


@dataclass(frozen=True)
class Decision:
    """An operation to begin, or a problem that keeps it from beginning, or after how many seconds to decide again."""

    operation: Json | None = None
    problem: str = ""
    wait: float = 0.0


def decide(application: Json, sync: Json, comparison: Comparison) -> Decision:
    """What is to be done about an Application with this `status.sync`."""
    policy = application["spec"].get("syncPolicy") or {}
    automated = policy.get("automated")
    if automated is None or automated.get("enabled") is False or sync["status"] != OUT_OF_SYNC:
        return Decision()
    if application.get("operation") or "deletionTimestamp" in application["metadata"]:
        return Decision()
    prune = bool(automated.get("prune"))
    differing = [one for one in comparison.counted if not one.in_sync and not one.going]
    if not differing:
        return Decision()
    if not prune and all(one.requires_pruning for one in differing):
        return Decision()
    wanted = sync.get("revisions") or [sync.get("revision", "")]
    shown = f"[{' '.join(wanted)}]"
    state = (application.get("status") or {}).get("operationState") or {}
    operation = _operation(application, sync, prune=prune)
    if state and _attempted(state, sync):
        if state.get("phase") != "Succeeded":
            return Decision(problem=f"Failed last sync attempt to {shown}: {state.get('message', '')}")
        if not automated.get("selfHeal"):
            return Decision()
        attempts, wait = _healing(state)
        if wait > 0:
            return Decision(wait=wait)
        operation["sync"] |= {
            "autoHealAttemptsCount": attempts + 1,
            "resources": [_chosen(one.reference) for one in differing],
        }
    emptied = all(one.requires_pruning for one in comparison.managed)
    if prune and comparison.managed and emptied and not automated.get("allowEmpty"):
        return Decision(problem=f"Skipping sync attempt to {shown}: auto-sync will wipe out all resources")
    return Decision(operation)


def _operation(application: Json, sync: Json, *, prune: bool) -> Json:
    policy, compared = application["spec"].get("syncPolicy") or {}, sync["comparedTo"]
    wanted: Json = (
        {"revisions": sync["revisions"], "sources": compared["sources"]}
        if "revisions" in sync
        else {"revision": sync.get("revision", ""), "source": compared["source"]}
    )
    wanted |= {"prune": True} if prune else {}
    wanted |= {"syncOptions": policy["syncOptions"]} if policy.get("syncOptions") else {}
    return {"initiatedBy": {"automated": True}, "retry": policy.get("retry") or dict(DEFAULT_RETRY), "sync": wanted}


def _attempted(state: Json, sync: Json) -> bool:
    """Whether the last operation was about these revisions of these sources."""
    result = state.get("syncResult") or {}
    if "revisions" in sync:
        wanted, known = ("sources", "revisions"), sync["comparedTo"] | sync
    else:
        wanted, known = ("source", "revision"), {"revision": ""} | sync["comparedTo"] | sync
    return all(result.get(name) == known[name] for name in wanted)


def _healing(state: Json) -> tuple[int, float]:
    """How often this was healed lately, and for how many seconds to leave it."""
    attempts = int(((state.get("operation") or {}).get("sync") or {}).get("autoHealAttemptsCount", 0))
    since = time.time() - datetime.fromisoformat(state["finishedAt"]).timestamp() if state.get("finishedAt") else 0.0
    if since >= _COOLED_DOWN:
        return 0, 0.0
    pause = min(_FIRST * _FACTOR ** (attempts - 1), _LONGEST) if attempts else 0.0
    return attempts, pause - since


def _chosen(reference: tuple[str, str, str, str]) -> Json:
    group, kind, namespace, name = reference
    return {
        **({"group": group} if group else {}),
        "kind": kind,
        "name": name,
        **({"namespace": namespace} if namespace else {}),
    }
