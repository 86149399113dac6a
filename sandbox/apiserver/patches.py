"""Request bodies: JSON and YAML, merge patches and JSON patches."""

import json
from typing import Any

from sandbox.apiserver.errors import bad_request, rejected
from sandbox.apiserver.schema import Schema

Json = dict[str, Any]
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class _Duplicated(dict[str, Any]):
    """An object in which a key was written twice; it remembers which."""

    again: tuple[str, ...] = ()


def decode(body: bytes, content_type: str, kind: str) -> tuple[Any, list[str]]:
    """Read a body; return the value and the paths of fields written twice (the last one counts).

    `kind` is the expected type, which the message of a body that cannot be read names.
    """
    if "yaml" in content_type:
        return _decode_yaml(body), []
    try:
        value = json.loads(body, object_pairs_hook=_object)
    except ValueError as error:
        what = "unexpected end of JSON input" if _unfinished(error) else str(error)
        shown = body.decode(errors="replace") or "<empty>"
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
            f"json parse error: {what} ({shown})"
        ) from error
    return value, list(_duplicates(value, ""))


def merge(target: Any, patch: Any) -> Any:
    """Return `target` after an RFC 7386 merge patch; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic_merge(schema: Schema | None, target: Any, patch: Any) -> Any:
    """Return `target` after a strategic merge patch: like `merge`, but lists merge where their schema has a key."""
    if not isinstance(patch, dict) or patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"} if isinstance(patch, dict) else patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        child = schema.child(key.rpartition("/")[2]) if schema else None
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [item for item in result.get(name) or () if item not in value]
        elif key.startswith("$"):
            continue  # the order of elements, which says nothing about their values
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, list) and child and child.raw.get("x-kubernetes-patch-strategy") == "merge":
            result[key] = _merged_list(child, result.get(key) or [], value)
        else:
            result[key] = strategic_merge(child, result.get(key), value)
    return result


def json_patch(target: Json, operations: Any) -> Json:
    """Return `target` after an RFC 6902 patch; 422 when a test fails or a path is missing."""
    import jsonpatch  # noqa: PLC0415 - slow to import and only JSON patches need it

    try:
        result: Json = jsonpatch.apply_patch(target, operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise rejected() from error
    return result


def _merged_list(schema: Schema, items: list[Any], patch: list[Any]) -> list[Any]:
    name = schema.raw.get("x-kubernetes-patch-merge-key")
    if name is None:
        return items + [item for item in patch if item not in items]
    if not all(isinstance(item, dict) and isinstance(item.get(name), (str, int)) for item in patch):
        raise bad_request(f"map: {patch} does not contain declared merge key: {name}")
    result = {item.get(name): item for item in items}
    for item in patch:
        if item.get("$patch") == "delete":
            result.pop(item.get(name), None)
        else:
            result[item.get(name)] = strategic_merge(schema.items, result.get(item.get(name)), item)
    return list(result.values())


def _decode_yaml(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        import yaml  # noqa: PLC0415 - kubectl sends JSON under the YAML type, so this is rare

    try:
        return json.loads(json.dumps(yaml.load(body, yaml.CSafeLoader), default=str))
    except (yaml.YAMLError, ValueError) as error:
        raise bad_request(f"error decoding YAML: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> Json:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    keys = [key for key, _ in pairs]
    marked = _Duplicated(value)
    marked.again = tuple(sorted({key for key in keys if keys.count(key) > 1}))
    return marked


def _duplicates(value: Any, path: str) -> list[str]:
    found = []
    if isinstance(value, _Duplicated):
        found = [f"{path}.{key}".lstrip(".") for key in value.again]
    if isinstance(value, dict):
        for key, item in value.items():
            found += _duplicates(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += _duplicates(item, f"{path}[{index}]")
    return found


def _unfinished(error: ValueError) -> bool:
    return isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc.rstrip())
