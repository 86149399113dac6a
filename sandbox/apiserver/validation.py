"""Values against structural schemas, with the causes and wording of the real server."""

import json
import math
import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from sandbox.apiserver.causes import Cause
from sandbox.apiserver.schema import Schema, same_item

_NUMBERS = (int, float)
_GO_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}
_FORMATS = {
    "date-time": re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "uuid": re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"),
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
    "byte": re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
}


def validate(schema: Schema, value: Any, old: Any = None, path: str = "") -> list[Cause]:
    """Return what is wrong with `value`; what equals `old` (the stored value, or None) is not judged again."""
    causes: list[Cause] = []
    _validate(schema, value, old, path, causes)
    return causes


def duplicates(schema: Schema, value: Any, path: str = "") -> list[Cause]:
    """Return the items of sets and maps (`x-kubernetes-list-type`) that occur twice."""
    causes: list[Cause] = []
    if isinstance(value, dict):
        for key, item in value.items():
            child = schema.child(key)
            if child is not None:
                causes += duplicates(child, item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and schema.items is not None:
        seen: set[str] = set()
        for index, item in enumerate(value):
            where = f"{path}[{index}]"
            identity = _identity(schema, item)
            if identity in seen:
                causes.append(Cause("FieldValueDuplicate", f"Duplicate value: {identity}", where))
            if identity is not None:
                seen.add(identity)
            causes += duplicates(schema.items, item, where)
    return causes


def _identity(schema: Schema, item: Any) -> str | None:
    if schema.list_type == "set":
        return json.dumps(item, sort_keys=True)
    if schema.list_type == "map" and isinstance(item, dict):
        return json.dumps({k: item.get(k) for k in sorted(schema.list_keys)}, separators=(",", ":"))
    return None


def _validate(schema: Schema, value: Any, old: Any, path: str, causes: list[Cause]) -> None:
    if old is not None and old == value:
        return
    if value is None:
        if not schema.nullable and schema.type:
            causes.append(_wrong_type(schema.type, "null", path))
        return
    if not _has_type(schema, value):
        causes.append(_wrong_type(schema.type or "integer,string", _GO_NAMES[type(value)], path))
        return
    if isinstance(value, dict):
        _validate_object(schema, value, old if isinstance(old, dict) else {}, path, causes)
    elif isinstance(value, list):
        _validate_list(schema, value, old if isinstance(old, list) else [], path, causes)
    elif isinstance(value, str):
        _validate_string(schema.raw, value, path, causes)
    elif isinstance(value, _NUMBERS) and not isinstance(value, bool):
        _validate_number(schema.raw, value, path, causes)
    allowed = schema.raw.get("enum")
    if allowed is not None and value not in allowed:
        supported = ", ".join(json.dumps(item) for item in allowed)
        text = f"Unsupported value: {json.dumps(value)}: supported values: {supported}"
        causes.append(Cause("FieldValueNotSupported", text, path))
    _validate_junctors(schema.raw, value, path, causes)


def _validate_object(schema: Schema, value: dict[str, Any], old: Any, path: str, causes: list[Cause]) -> None:
    raw = schema.raw
    causes.extend(
        Cause("FieldValueRequired", "Required value", f"{path}.{name}" if path else name)
        for name in raw.get("required", ())
        if name not in value
    )
    if len(value) > raw.get("maxProperties", math.inf):
        causes.append(_too_many(len(value), raw["maxProperties"], path))
    if len(value) < raw.get("minProperties", 0):
        causes.append(_should(value, f"should have at least {raw['minProperties']} properties", path))
    for key, item in value.items():
        child = schema.child(key)
        if child is not None:
            _validate(child, item, old.get(key), f"{path}.{key}" if path else key, causes)


def _validate_list(schema: Schema, value: list[Any], old: list[Any], path: str, causes: list[Cause]) -> None:
    raw = schema.raw
    if len(value) > raw.get("maxItems", math.inf):
        causes.append(_too_many(len(value), raw["maxItems"], path))
    if len(value) < raw.get("minItems", 0):
        causes.append(_should(value, f"should have at least {raw['minItems']} items", path))
    if schema.items is not None:
        for index, item in enumerate(value):
            _validate(schema.items, item, same_item(schema, item, old), f"{path}[{index}]", causes)


def _validate_string(raw: dict[str, Any], value: str, path: str, causes: list[Cause]) -> None:
    if "maxLength" in raw and len(value) > raw["maxLength"]:
        text = f"Too long: may not be more than {raw['maxLength']} bytes"
        causes.append(Cause("FieldValueTooLong", text, path))
    if len(value) < raw.get("minLength", 0):
        causes.append(_should(value, f"should be at least {raw['minLength']} chars long", path))
    if "pattern" in raw and not _pattern(raw["pattern"]).search(value):
        causes.append(_should(value, f"should match '{raw['pattern']}'", path))
    if not _has_format(raw.get("format"), value):
        causes.append(_should(value, f"must be of type {raw['format']}: {json.dumps(value)}", path))


def _validate_number(raw: dict[str, Any], value: float, path: str, causes: list[Cause]) -> None:
    low, high = raw.get("minimum", -math.inf), raw.get("maximum", math.inf)
    if value < low or (value == low and raw.get("exclusiveMinimum")):
        text = f"should be greater than {'' if raw.get('exclusiveMinimum') else 'or equal to '}{low}"
        causes.append(_should(value, text, path))
    if value > high or (value == high and raw.get("exclusiveMaximum")):
        text = f"should be less than {'' if raw.get('exclusiveMaximum') else 'or equal to '}{high}"
        causes.append(_should(value, text, path))
    if "multipleOf" in raw and not math.isclose(value / raw["multipleOf"], round(value / raw["multipleOf"])):
        causes.append(_should(value, f"should be a multiple of {raw['multipleOf']}", path))


def _validate_junctors(raw: dict[str, Any], value: Any, path: str, causes: list[Cause]) -> None:
    for part in raw.get("allOf", ()):
        causes.extend(_branch(part, value, path))
    if "anyOf" in raw and all(_branch(part, value, path) for part in raw["anyOf"]):
        causes.append(_should(value, "must validate at least one schema (anyOf)", path))
    if "oneOf" in raw and sum(not _branch(part, value, path) for part in raw["oneOf"]) != 1:
        causes.append(_should(value, "must validate one and only one schema (oneOf)", path))
    if "not" in raw and not _branch(raw["not"], value, path):
        causes.append(_should(value, "must not validate the schema (not)", path))


def _branch(raw: dict[str, Any], value: Any, path: str) -> list[Cause]:
    """Judge a value-only schema below allOf, anyOf, oneOf or not; such schemas are small, so compiled as met."""
    return validate(_shallow(raw), value, None, path)


def _shallow(raw: dict[str, Any]) -> Schema:
    properties = {name: _shallow(child) for name, child in raw.get("properties", {}).items()}
    items = _shallow(raw["items"]) if isinstance(raw.get("items"), dict) else None
    return Schema(raw, raw.get("type", ""), properties, items=items)


def _has_type(schema: Schema, value: Any) -> bool:
    if schema.int_or_string:
        return isinstance(value, (int, str)) and not isinstance(value, bool)
    match schema.type:
        case "string":
            return isinstance(value, str)
        case "integer":
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, float) and value.is_integer()
            )
        case "number":
            return isinstance(value, _NUMBERS) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
    return True


def _has_format(name: str | None, value: str) -> bool:
    match name:
        case "uri":
            return bool(urlsplit(value).scheme) or value.startswith("/")
        case str() if name in _FORMATS:
            return _FORMATS[name].fullmatch(value) is not None
    return True


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    # Go's `$` matches only at the very end; Python's also before a last newline.
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))


def _wrong_type(wanted: str, found: str, path: str) -> Cause:
    text = f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'
    return Cause("FieldValueTypeInvalid", text, path)


def _too_many(found: int, most: int, path: str) -> Cause:
    return Cause("FieldValueTooMany", f"Too many: {found}: must have at most {most} items", path)


def _should(value: Any, text: str, path: str) -> Cause:
    shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {path} in body {text}", path)
