"""Facts as `Gather` finds them, with ArgoCD's objects as a real ArgoCD was recorded."""

import functools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.cluster import Reference
from cli.why.facts import Facts, rows_of

TIMELINE = Path(__file__).resolve().parents[2] / "recordings" / "argocd" / "timeline.jsonl"
COMMIT = "c" * 40
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
JUST_NOW, LONG_AGO = "2026-11-23T11:59:57Z", "2026-11-23T11:00:00Z"

Document = dict[str, Any]


@functools.cache
def timeline() -> tuple[Document, ...]:
    """Every line of the recording."""
    return tuple(json.loads(line) for line in TIMELINE.read_text(encoding="utf-8").splitlines())


def states(kind: str) -> Iterator[Document]:
    """Every state of an object of a kind that was ever seen."""
    yield from (one for one in timeline() if one["object"].get("kind") == kind)


def recorded(case: str, kind: str, name: str, seconds: float = 1e9) -> Document:
    """The object as it was last seen in a case, or until so many seconds after it began."""
    found = [
        one["object"]
        for one in states(kind)
        if one["case"] == case
        and one["event"] != "DELETED"
        and one["object"]["metadata"]["name"] == name
        and one["seconds"] <= seconds
    ]
    assert found, f"{name} is not in {case}"
    last: Document = found[-1]
    return last


def condition(type_: str, status: str = "True", reason: str = "", message: str = "") -> Document:
    return {"type": type_, "status": status, "reason": reason, "message": message}


READY = [condition("Ready"), condition("Valid"), condition("Committed")]


def row(name: str = "user-service", **fields: Any) -> Document:
    return {"name": name, "state": "Committed", "commit": COMMIT} | fields


def claim(
    *rows: Document,
    kind: str = "ApplicationClaim",
    conditions: list[Document] | None = None,
    status: Document | None = None,
    changed: str = LONG_AGO,
    **metadata: Any,
) -> Document:
    """A claim of nonprod/dev at generation 3 that is in Git; `status` overrides parts of it."""
    field = {"PlatformClaim": "services", "InfrastructureClaim": "namespaces"}.get(kind, "applications")
    rows = rows or (row(),)
    spec = {"clusterType": "nonprod", "environment": "dev", field: [{"name": one["name"]} for one in rows]}
    manager = {"manager": "kubectl", "operation": "Update", "time": changed, "fieldsV1": {"f:spec": {}}}
    own = {"name": "apps", "namespace": "dev", "generation": 3, "managedFields": [manager]} | metadata
    found = {
        "observedGeneration": 3,
        "conditions": READY if conditions is None else conditions,
        "commit": {"sha": COMMIT, "url": f"http://gitea/platform/voltran/commit/{COMMIT}"},
        field: list(rows),
    }
    return {"kind": kind, "metadata": own, "spec": spec, "status": found | (status or {})}


def bootstrap(*environments: str, conditions: list[Document] | None = None) -> Document:
    status = {
        "conditions": conditions or [condition("Ready")],
        "clusters": [{"type": "nonprod", "environments": list(environments)}],
    }
    metadata = {"name": "platform", "namespace": "platform-system"}
    return {"kind": "BootstrapClaim", "metadata": metadata, "status": status}


def facts(document: Document | None = None, wanted: str | None = None, **fields: Any) -> Facts:
    """All well as far as Git; `fields` are of `Facts`. Without Applications ArgoCD is not looked at."""
    document = document or claim()
    kind = document["kind"]
    reference = Reference(kind, f"{kind.lower()}.platform.infraforge.io", "dev", "apps", "")
    base: dict[str, Any] = {"bootstraps": (bootstrap("dev"),), "rows": rows_of(document, wanted)}
    base |= {} if "applications" in fields or "argocd" in fields else {"argocd": None, "blind": "not looked at"}
    return Facts(reference, document, NOW, **(base | fields))


def root(*sets: str) -> Document:
    """A root Application with these sets, all in order."""
    resources = [{"kind": "ApplicationSet", "name": name, "status": "Synced"} for name in sets or ("dev-apps",)]
    sync = {"status": "Synced", "revision": COMMIT}
    return {"metadata": {"name": "nonprod-apps"}, "status": {"sync": sync, "resources": resources}}


def working_set() -> Document:
    return {"metadata": {"name": "dev-apps"}, "status": {"conditions": [condition("ResourcesUpToDate")]}}


def values_revision(application: Document) -> str:
    """At which commit of voltran ArgoCD compared."""
    found = application.get("status", {}).get("sync", {}).get("revisions") or [None, COMMIT]
    return str(found[-1])


def deployed_by(application: Document, **fields: Any) -> Facts:
    """The facts of a claim whose row this Application deploys, at just the commit that it was compared at."""
    name = application["metadata"]["name"].removeprefix("dev-")
    document = claim(row(name, commit=values_revision(application)))
    given: dict[str, Any] = {"roots": {"nonprod-apps": root()}, "set": working_set()}
    return facts(document, applications={f"dev-{name}": application}, **(given | fields))
