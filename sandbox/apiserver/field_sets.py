"""Sets of field paths: what an object holds, what two versions differ in, and their FieldsV1 form.

A path is a tuple of FieldsV1 keys: `f:spec` (a field), `k:{"name":"a"}` (an item of a list map), `v:"x"` (of a set).
The rules are those of structured-merge-diff, which the real server uses.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.apiserver.schema import Schema

Path = tuple[str, ...]
Paths = set[Path]
_ABSENT: Any = object()
_written = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass
class Difference:
    """Paths that differ between two versions."""

    added: Paths = field(default_factory=set)
    modified: Paths = field(default_factory=set)
    removed: Paths = field(default_factory=set)


def element(schema: Schema | None, item: Any) -> str | None:
    """Return the path element of a list's item, or None when the list is one value (atomic)."""
    if schema is None or schema.list_type == "atomic":
        return None
    if schema.list_type == "set":
        return "v:" + _written(item)
    keys = {}
    for name in sorted(schema.list_keys):
        default = schema.items.properties[name].raw.get("default") if schema.items else None
        keys[name] = item.get(name, default) if isinstance(item, dict) else None
    return "k:" + _written(keys)


def indexed(schema: Schema | None, items: list[Any]) -> dict[str, Any] | None:
    """Return a list's items by path element, in order, or None when the list is atomic."""
    if schema is None or schema.list_type == "atomic":
        return None
    return {str(element(schema, item)): item for item in items}


def below(schema: Schema | None, key: str) -> Schema | None:
    """Return the schema at a path element."""
    if schema is None:
        return None
    return schema.child(key[2:]) if key.startswith("f:") else schema.items


def fields_of(schema: Schema, value: dict[str, Any]) -> Paths:
    """Return the paths that an applied object claims."""
    paths: Paths = set()
    _collect(schema, value, (), paths)
    return paths


def difference(schema: Schema, old: dict[str, Any], new: dict[str, Any]) -> Difference:
    """Return what changed between two versions of an object."""
    result = Difference()
    _compare(schema, old, new, (), result)
    result.added.discard(())
    return result


def with_fields(paths: Paths) -> Paths:
    """Return `paths` and the fields on the way to them (EnsureNamedFieldsAreMembers)."""
    grown = set(paths)
    for path in paths:
        for length in range(1, len(path)):
            if path[length - 1].startswith("f:"):
                grown.add(path[:length])
    return grown


def without(schema: Schema | None, value: Any, doomed: Paths, path: Path = ()) -> Any:
    """Return `value` without the fields and items at `doomed`."""
    if isinstance(value, dict) and not (schema is not None and schema.atomic):
        kept = {}
        for key, item in value.items():
            where = (*path, f"f:{key}")
            if where not in doomed:
                kept[key] = without(schema.child(key) if schema else None, item, doomed, where)
        return kept
    if isinstance(value, list):
        items = indexed(schema, value)
        if items is not None and schema is not None:
            where_items = [((*path, key), item) for key, item in items.items()]
            return [without(schema.items, item, doomed, where) for where, item in where_items if where not in doomed]
    return value


def merged(schema: Schema | None, live: Any, config: Any) -> Any:
    """Return `live` with an applied configuration laid over it: maps and keyed lists merge, the rest is replaced."""
    atomic = schema is not None and schema.atomic
    if isinstance(live, dict) and isinstance(config, dict) and not atomic:
        result = dict(live)
        for key, item in config.items():
            result[key] = merged(schema.child(key) if schema else None, live.get(key), item)
        return result
    if isinstance(live, list) and isinstance(config, list):
        ours, theirs = indexed(schema, live), indexed(schema, config)
        if ours is not None and theirs is not None and schema is not None:
            result = {key: merged(schema.items, item, theirs.get(key, item)) for key, item in ours.items()}
            return list((result | {key: item for key, item in theirs.items() if key not in ours}).values())
    return config


def to_tree(paths: Paths) -> dict[str, Any]:
    """Return the FieldsV1 form, keys sorted."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for depth, key in enumerate(path[:-1], 1):
            child = node.setdefault(key, {})
            if not child and path[:depth] in paths:
                child["."] = {}
            node = child
        node.setdefault(path[-1], {})
    return root


def from_tree(tree: dict[str, Any], path: Path = ()) -> Paths:
    """Read the FieldsV1 form."""
    paths: Paths = set()
    for key, child in tree.items():
        if key == ".":
            paths.add(path)
        elif not child or not isinstance(child, dict):
            paths.add((*path, key))
        else:
            paths |= from_tree(child, (*path, key))
    return paths


def shown(path: Path) -> str:
    """Return a path as conflict messages print it: `.spec.list[name="a"].field`."""
    text = ""
    for key in path:
        if key.startswith("f:"):
            text += f".{key[2:]}"
        elif key.startswith("k:"):
            pairs = json.loads(key[2:]).items()
            text += "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in pairs) + "]"
        else:
            text += f"[={key[2:]}]"
    return text


def _collect(schema: Schema | None, value: Any, path: Path, paths: Paths) -> None:
    if isinstance(value, dict) and not (schema is not None and schema.atomic):
        for key, item in value.items():
            where = (*path, f"f:{key}")
            _collect(schema.child(key) if schema else None, item, where, paths)
            if item is None or item == {} or schema is None or key not in schema.properties:
                paths.add(where)
    elif isinstance(value, list) and (items := indexed(schema, value)) is not None:
        for key, item in items.items():
            where = (*path, key)
            _collect(schema.items if schema else None, item, where, paths)
            paths.add(where)
    else:
        paths.add(path)


def _children(schema: Schema | None, value: Any) -> dict[str, Any] | None:
    """Return what a granular map or list holds by path element; None for a leaf."""
    if isinstance(value, dict) and not (schema is not None and schema.atomic):
        return {f"f:{key}": item for key, item in value.items()}
    return indexed(schema, value) if isinstance(value, list) else None


def _compare(schema: Schema | None, old: Any, new: Any, path: Path, result: Difference) -> None:
    if old is not _ABSENT and old == new:
        return
    ours, theirs = _children(schema, old), _children(schema, new)
    if not ours and not theirs:
        target = result.added if old is _ABSENT else result.removed if new is _ABSENT else result.modified
        target.add(path)
        return
    if (ours is None and old not in (_ABSENT, None)) or (theirs is None and new not in (_ABSENT, None)):
        result.modified.add(path)
    ours, theirs = ours or {}, theirs or {}
    for key in ours.keys() | theirs.keys():
        _compare(below(schema, key), ours.get(key, _ABSENT), theirs.get(key, _ABSENT), (*path, key), result)
    if old is _ABSENT:
        result.added.add(path)
    elif new is _ABSENT:
        result.removed.add(path)
