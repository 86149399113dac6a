"""Field ownership: who wrote what (`metadata.managedFields`), and server-side apply on top of it."""

import json
from dataclasses import dataclass, replace
from typing import Any

from sandbox.apiserver import field_sets
from sandbox.apiserver.errors import apply_conflict
from sandbox.apiserver.field_sets import Paths
from sandbox.apiserver.resources import Resource

Json = dict[str, Any]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NEVER_OWNED = {("f:apiVersion",), ("f:kind",), ("f:metadata",)} | {
    ("f:metadata", f"f:{name}")
    for name in (
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    )
}


@dataclass(frozen=True)
class Manager:
    """Whose fields these are: one entry of managedFields has one of these. `api_version` is empty for Apply."""

    name: str
    operation: str
    api_version: str
    subresource: str

    def __str__(self) -> str:
        text = json.dumps(self.name)
        if self.subresource:
            text += f" with subresource {json.dumps(self.subresource)}"
        return text if self.operation == "Apply" else f"{text} using {self.api_version}"


@dataclass(frozen=True)
class Owned:
    """The fields of one manager and when it last changed one."""

    fields: Paths
    time: str | None
    api_version: str


Owners = dict[Manager, Owned]


def decode(entries: list[Json]) -> Owners:
    """Read `metadata.managedFields`."""
    owners: Owners = {}
    for raw in filter(None, entries):
        entry = {key: value for key, value in raw.items() if value is not None}
        operation, version = entry.get("operation", ""), entry.get("apiVersion", "")
        subresource = entry.get("subresource", "")
        manager = Manager(entry.get("manager", ""), operation, "" if operation == "Apply" else version, subresource)
        owners[manager] = Owned(field_sets.from_tree(entry.get("fieldsV1", {})), entry.get("time"), version)
    return owners


def encode(owners: Owners) -> list[Json]:
    """Return `metadata.managedFields`: applies first, then by time and name."""
    rows = sorted(
        owners.items(),
        key=lambda row: (row[0].operation, row[1].time or "", row[0].name, row[1].api_version, row[0].subresource),
    )
    entries = []
    for manager, owned in rows:
        entry: Json = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": owned.api_version,
            "time": owned.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": field_sets.to_tree(owned.fields),
            "subresource": manager.subresource,
        }
        entries.append({key: value for key, value in entry.items() if value or key == "fieldsV1"})
    return entries


def update(resource: Resource, old: Json, new: Json, owners: Owners, manager: Manager, *, now: str) -> Owners:
    """Return the owners after `manager` wrote `new` over `old` by create, replace or patch."""
    changes = field_sets.difference(resource.schema, _bare(old), _bare(new))
    taken = changes.added | changes.modified
    owners = {who: replace(owned, fields=owned.fields - taken - changes.removed) for who, owned in owners.items()}
    taken = {path for path in taken if _ownable(resource, path, manager.subresource)}
    if taken:
        before = owners.get(manager)
        fields = taken | before.fields if before else taken
        owners[manager] = Owned(fields, now, resource.group_version)
    return {who: owned for who, owned in owners.items() if owned.fields}


def apply(
    resource: Resource, live: Json, config: Json, owners: Owners, manager: Manager, *, force: bool, now: str
) -> tuple[Json, Owners]:
    """Lay `config` over `live` for `manager`; return the object (before defaulting) and its owners.

    Raises the 409 of conflicting fields unless `force`. The live object itself comes back when nothing changes.
    """
    schema, live, config = resource.schema, _bare(live), _bare(config)
    claimed = {p for p in field_sets.fields_of(schema, config) if _ownable(resource, p, manager.subresource)}
    last = owners.get(manager)
    owners = owners | {manager: Owned(claimed, last.time if last else None, resource.group_version)}
    result = field_sets.merged(schema, live, config)
    if last is not None:
        kept: Paths = set().union(*(owned.fields for owned in owners.values()))
        doomed = field_sets.with_fields(last.fields) - field_sets.with_fields(kept)
        result = field_sets.without(schema, result, doomed)
    changes = field_sets.difference(schema, live, result)
    taken = changes.added | changes.modified
    others = {who: owned for who, owned in owners.items() if who != manager}
    conflicts = sorted((str(who), field_sets.shown(p)) for who, owned in others.items() for p in owned.fields & taken)
    if conflicts and not force and not _from_client_side_apply(resource, live, manager, others, taken):
        raise apply_conflict(conflicts)
    others = {who: replace(owned, fields=owned.fields - taken - changes.removed) for who, owned in others.items()}
    mine = owners[manager]
    if result != live:
        mine = replace(mine, time=now)
    owners = {who: owned for who, owned in {**others, manager: mine}.items() if owned.fields}
    if manager.name == "kubectl" and LAST_APPLIED in result.get("metadata", {}).get("annotations", {}):
        result = _with_last_applied(result, config)
    return result, owners


def _bare(value: Json) -> Json:
    metadata = {key: item for key, item in value.get("metadata", {}).items() if key != "managedFields"}
    return {**value, "metadata": metadata}


def _ownable(resource: Resource, path: field_sets.Path, subresource: str) -> bool:
    if path in _NEVER_OWNED:
        return False
    if not resource.status:
        return True
    return (path[0] == "f:status") == (subresource == "status")


def _from_client_side_apply(resource: Resource, live: Json, manager: Manager, others: Owners, taken: Paths) -> bool:
    """Tell whether every conflict is with fields of an earlier client-side `kubectl apply`, which kubectl may take."""
    text = live.get("metadata", {}).get("annotations", {}).get(LAST_APPLIED)
    if manager.name != "kubectl" or text is None:
        return False
    allowed = field_sets.fields_of(resource.schema, json.loads(text))
    return all(owned.fields & taken <= allowed for owned in others.values())


def _with_last_applied(result: Json, config: Json) -> Json:
    annotations = {k: v for k, v in config["metadata"].get("annotations", {}).items() if k != LAST_APPLIED}
    metadata = {k: v for k, v in config["metadata"].items() if k != "annotations"}
    metadata |= {"annotations": annotations} if annotations else {}
    text = json.dumps(config | {"metadata": metadata}, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    annotations = result["metadata"]["annotations"] | {LAST_APPLIED: text}
    return {**result, "metadata": result["metadata"] | {"annotations": annotations}}
