"""What `kubectl get` prints: rows of cells (`as=Table`) and objects cut down to their metadata."""

from datetime import UTC, datetime
from typing import Any

from sandbox.apiserver import cells, jsonpath, pods
from sandbox.apiserver.resources import Column, Resource
from sandbox.apiserver.schema import Schema, ordered
from sandbox.apiserver.timestamps import age

Json = dict[str, Any]
_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def column_definitions(resource: Resource, metadata: Schema) -> list[Json]:
    """Return the table's head; `metadata` is the schema of ObjectMeta, whose descriptions two columns carry."""
    described = {name: child.get("description", "") for name, child in metadata.raw["properties"].items()}
    columns = [Column("Name", "string", "", described["name"], "name"), *resource.columns]
    columns = columns[1:] if _nameless(resource) else columns
    return [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": described["creationTimestamp"] if column == Column("Age", "string") else column.description,
            "priority": column.priority,
        }
        for column in columns
    ]


def row(resource: Resource, value: Json, metadata: Schema, include: str) -> Json:
    """Return an object's row; `include` is None, Metadata or Object."""
    now = datetime.now(UTC)
    cells = [_cell(resource, column, value, now) for column in resource.columns]
    cells = cells if _nameless(resource) else [value["metadata"]["name"], *cells]
    shown: Json | None = partial(value, metadata) if include == "Metadata" else value
    ended = pods.ended(value) if resource.kind == "Pod" else []
    row: Json = {"cells": cells} | ({"conditions": ended} if ended else {})
    return row | {"object": None if include == "None" else shown}


def partial(value: Json, metadata: Schema) -> Json:
    """Return the PartialObjectMetadata of an object."""
    head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return head | {"metadata": ordered(metadata, value["metadata"])}


def _nameless(resource: Resource) -> bool:
    """Tell whether the table has a column for the name elsewhere."""
    return any(column.path == ".metadata.name" for column in resource.columns)


def _cell(resource: Resource, column: Column, value: Json, now: datetime) -> Any:
    if not column.path:
        return _builtin_cell(resource, column.name, value, now)
    found = jsonpath.first(column.path, value)
    if column.type == "date" and isinstance(found, str):
        return found if resource.kind == "CustomResourceDefinition" else age(found, now)
    if not resource.custom:
        return found or 0 if column.type == "integer" else "" if found is None else str(found)
    if column.type == "string" and found is not None and not isinstance(found, str):
        return str(found)
    return found


def _builtin_cell(resource: Resource, name: str, value: Json, now: datetime) -> Any:
    filled = cells.cell(resource.kind, name, value, now)
    if filled is not None:
        return filled
    created = value["metadata"]["creationTimestamp"]
    match name:
        case "Data":
            return len(value.get("data") or {}) + len(value.get("binaryData") or {})
        case "Access Modes":
            return ",".join(
                _ACCESS_MODES.get(mode, mode) for mode in (value.get("status") or {}).get("accessModes") or ()
            )
        case "Secrets":
            return len(value.get("secrets") or ())
        case "Object":
            return f"{value['involvedObject'].get('kind', '').lower()}/{value['involvedObject'].get('name', '')}"
        case "Last Seen":
            return age(value.get("lastTimestamp") or value.get("eventTime") or created, now)
        case "First Seen":
            return age(value.get("firstTimestamp") or value.get("eventTime") or created, now)
    return age(created, now)
