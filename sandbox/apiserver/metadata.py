"""Names, labels and finalizers of objects."""

import json
import re
from typing import Any

from sandbox.apiserver.causes import Cause
from sandbox.apiserver.resources import Resource

Json = dict[str, Any]
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_VALUE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{_VALUE}')"
)
_KEY = re.compile(rf"({_SUBDOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_FREE = "rbac.authorization.k8s.io"
_LONGEST_LABEL, _LONGEST_NAME = 63, 253


def check_metadata(resource: Resource, value: Json) -> list[Cause]:
    """Return what is wrong with an object's name and labels."""
    metadata = value["metadata"]
    name = metadata.get("name", "")
    if not name:
        text = "Required value: name or generateName is required"
        return [Cause("FieldValueRequired", text, "metadata.name")]
    causes = _check_name(resource, name)
    for key, text in (metadata.get("labels") or {}).items():
        if not _KEY.fullmatch(key):
            causes.append(_invalid(key, "name part must consist of alphanumeric characters, '-', '_' or '.'"))
        if len(text) > _LONGEST_LABEL:
            causes.append(_invalid(text, f"must be no more than {_LONGEST_LABEL} bytes"))
        elif not re.fullmatch(_VALUE, text):
            causes.append(_invalid(text, _VALUE_TEXT))
    return causes


def check_new_finalizers(resource: Resource, value: Json, old: Json) -> list[Cause]:
    """Return the refusal of a finalizer that is added to an object which is being deleted."""
    before = old["metadata"].get("finalizers") or []
    added = [name for name in value["metadata"].get("finalizers") or () if name not in before]
    if not added or "deletionTimestamp" not in old["metadata"]:
        return []
    shown = ", ".join(json.dumps(name) for name in added)
    text = "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
    cause = Cause("FieldValueForbidden", f"{text}[]string{{{shown}}}", "metadata.finalizers")
    # The real server judges the metadata of custom resources twice.
    return [cause, cause] if resource.custom else [cause]


def _check_name(resource: Resource, name: str) -> list[Cause]:
    if resource.group == _FREE:
        return [
            Cause("FieldValueInvalid", f"Invalid value: {json.dumps(name)}: {text}", "metadata.name")
            for text in _path_problems(name)
        ]
    if resource.qualified != "namespaces":
        return subdomain_causes(name, "metadata.name")
    return _name_causes(name, "metadata.name", _LABEL, _LABEL_TEXT, _LONGEST_LABEL)


def subdomain_causes(name: str, field: str) -> list[Cause]:
    """Return why a name is no DNS subdomain, as most names have to be."""
    return _name_causes(name, field, _SUBDOMAIN, _SUBDOMAIN_TEXT, _LONGEST_NAME)


def _name_causes(name: str, field: str, pattern: str, text: str, longest: int) -> list[Cause]:
    shown = f"Invalid value: {json.dumps(name)}"
    causes = []
    if len(name) > longest:
        causes.append(Cause("FieldValueInvalid", f"{shown}: must be no more than {longest} bytes", field))
    if not re.fullmatch(pattern, name):
        causes.append(Cause("FieldValueInvalid", f"{shown}: {text}", field))
    return causes


def _path_problems(name: str) -> list[str]:
    """Return why a name cannot be a part of a path, which is all that names of roles must be."""
    if name in {".", ".."}:
        return [f"may not be '{name}'"]
    return [f"may not contain '{sign}'" for sign in "/%" if sign in name]


def _invalid(value: str, text: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {json.dumps(value)}: {text}", "metadata.labels")
