"""Label and field selectors."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.apiserver.errors import bad_request
from sandbox.apiserver.resources import Resource

Json = dict[str, Any]
Matcher = Callable[[Json], bool]
_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_SET = re.compile(rf"(?P<key>{_NAME})\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUAL = re.compile(rf"(?P<key>{_NAME})\s*(?P<op>==|=|!=)\s*(?P<value>{_NAME})?")
_EXISTS = re.compile(rf"(?P<not>!)?\s*(?P<key>{_NAME})")


def matcher(resource: Resource, labels: str, fields: str) -> Matcher | None:
    """Return the test for both selectors (empty ones select everything), or None when neither restricts.

    Raises 400 for a selector that does not parse or a field that the resource cannot be selected by.
    """
    tests = [_label_test(part.strip()) for part in _split(labels)] if labels.strip() else []
    tests += [_field_test(resource, part) for part in fields.split(",") if part.strip()]
    if not tests:
        return None
    return lambda item: all(test(item) for test in tests)


def select(selector: Json, labels: Json) -> bool:
    """Tell whether a LabelSelector (`matchLabels`, `matchExpressions`) selects these labels; an empty one does."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_meets(one, labels) for one in selector.get("matchExpressions") or ())


def _meets(wanted: Json, labels: Json) -> bool:
    key, values = wanted["key"], wanted.get("values") or ()
    match wanted["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
    return key not in labels


def _split(text: str) -> list[str]:
    return re.split(r",(?![^(]*\))", text)


def _label_test(text: str) -> Matcher:
    if found := _SET.fullmatch(text):
        values = {value.strip() for value in found["values"].split(",")}
        key, wanted = found["key"], found["op"] == "in"
        return lambda item: (_labels(item).get(key) in values) is wanted
    if found := _EQUAL.fullmatch(text):
        key, value, equal = found["key"], found["value"] or "", found["op"] != "!="
        return lambda item: (_labels(item).get(key) == value) is equal
    if found := _EXISTS.fullmatch(text):
        key, wanted = found["key"], not found["not"]
        return lambda item: (key in _labels(item)) is wanted
    operator = re.match(r"[=!<>]=?", text)
    shown = operator.group() if operator else text
    raise bad_request(f"found '{shown}', expected: !, identifier, or 'end of string'")


def _field_test(resource: Resource, text: str) -> Matcher:
    found = re.fullmatch(r"\s*([^=!]+?)(!=|==|=)(.*)", text)
    if found is None:
        raise bad_request(f"invalid selector: '{text}'; can't understand '{text}'")
    label, operator, value = found.groups()
    path = _path(resource, label)
    if path is None:
        raise bad_request(f"field label not supported: {label}")
    equal = operator != "!="
    return lambda item: (_value(item, path) == value) is equal


def _path(resource: Resource, label: str) -> tuple[str, ...] | None:
    if label == "metadata.name" or (label == "metadata.namespace" and resource.namespaced):
        return tuple(label.split("."))
    return resource.selectable.get(label)


def _value(item: Any, path: tuple[str, ...]) -> str:
    for key in path:
        item = item.get(key) if isinstance(item, dict) else None
    if isinstance(item, bool):
        return str(item).lower()
    return "" if item is None else str(item)


def _labels(item: Json) -> Json:
    labels: Json = item["metadata"].get("labels") or {}
    return labels
