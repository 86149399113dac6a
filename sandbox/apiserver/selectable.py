"""`selectableFields` of a CustomResourceDefinition: what field selectors of its objects may read.

Source of the checks and their wording: apiextensions-apiserver, ValidateCustomResourceSelectableFields.
"""

import json
import re
from typing import Any

from sandbox.apiserver.causes import Cause

Json = dict[str, Any]
MOST = 8
_TOKEN = re.compile(r"[.\[\]]|'(?:\\.|[^'\\])*'|[^.\[\]]+")
_TYPES = ("string", "boolean", "integer")


def selectable_paths(version: Json) -> dict[str, tuple[str, ...]]:
    """Return the labels that a served version's objects can be selected by, each with the path that it reads."""
    labels = [field["jsonPath"].removeprefix(".") for field in version.get("selectableFields") or ()]
    return {label: tuple(label.split(".")) for label in labels}


def check_selectable(version: Json, path: str) -> list[Cause]:
    """Return what is wrong with a version's selectable fields; its schema must be structural."""
    schema = version["schema"]["openAPIV3Schema"]
    causes: list[Cause] = []
    known: set[tuple[str, ...]] = set()
    for index, field in enumerate(version.get("selectableFields") or ()):
        where, text = f"{path}[{index}].jsonPath", field["jsonPath"]
        if not text:
            causes.append(Cause("FieldValueRequired", "Required value", where))
            continue
        try:
            steps, leaf = _resolve(text, schema)
        except ValueError as error:
            causes.append(_invalid(text, f"is an invalid path: {error}", where))
            continue
        if steps[:1] == ("metadata",):
            causes.append(_invalid(text, "must not point to fields in metadata", where))
        if leaf.get("type") not in _TYPES:
            allowed = "Enum string fields and strings with formats are allowed."
            wanted = f"must point to a field of type string, boolean or integer. {allowed}"
            causes.append(_invalid(text, wanted, where))
        if steps in known:
            causes.append(Cause("FieldValueDuplicate", f"Duplicate value: {json.dumps(text)}", where))
        known.add(steps)
    if len(known) > MOST:
        text = f"Too many: {len(known)}: must have at most {MOST} items"
        causes.append(Cause("FieldValueTooMany", text, path))
    return causes


def _resolve(path: str, schema: Json) -> tuple[tuple[str, ...], Json]:
    """Follow `path` through a raw schema; ValueError says where it leads nowhere."""
    tokens, steps = iter(_TOKEN.findall(path)), []
    for dot in tokens:
        if dot == "[":
            raise ValueError("array notation is not allowed")
        if dot != ".":
            raise ValueError(f"expected [ or . but got: {dot}")
        name = next(tokens, None)
        if name is None:
            raise ValueError("unexpected end of JSON path")
        fields, others = schema.get("properties"), schema.get("additionalProperties") or {}
        schema = fields.get(name, {}) if fields else others if others is not True else {}
        if not schema:
            raise ValueError("does not refer to a valid field")
        steps.append(name)
    return tuple(steps), schema


def _invalid(value: str, text: str, field: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {json.dumps(value)}: {text}", field)
