"""CustomResourceDefinitions: defaults, the checks of a structural schema, and the resources that they add."""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.apiserver.builtin import META
from sandbox.apiserver.causes import Cause
from sandbox.apiserver.hooks import Hooks
from sandbox.apiserver.resources import CUSTOM_VERBS, Column, Resource
from sandbox.apiserver.rules import RuleError, compile_rules
from sandbox.apiserver.schema import Schema, compile_custom, compile_type
from sandbox.apiserver.selectable import check_selectable, selectable_paths
from sandbox.apiserver.timestamps import timestamp
from sandbox.apiserver.validation import validate

Json = dict[str, Any]
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_FORBIDDEN = ("$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id", "$schema")
_VALUE_ONLY = ("type", "default", "additionalProperties", "nullable", "description", "title")
_AGE = {
    "name": "Age",
    "type": "date",
    "jsonPath": ".metadata.creationTimestamp",
    "description": "CreationTimestamp is a timestamp representing the server time when this object was created. It is "
    "not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It "
    "is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
}


def crd_hooks() -> Hooks:
    """Return what the server fills into a CustomResourceDefinition and refuses in one."""
    return Hooks(_default, _prepare, _validate, _deleting)


def resources_of(crd: Json, types: dict[str, Json]) -> list[Resource]:
    """Return the resources that a stored CustomResourceDefinition serves, one a version."""
    spec, names = crd["spec"], crd["spec"]["names"]
    metadata = compile_type(f"{META}ObjectMeta", types)
    found = []
    for version in spec["versions"]:
        if not version["served"]:
            continue
        raw = version.get("schema", {}).get("openAPIV3Schema", {"type": "object"})
        schema = compile_custom(raw, metadata)
        reversed_group = ".".join(reversed(spec["group"].split(".")))
        found.append(
            Resource(
                group=spec["group"],
                version=version["name"],
                kind=names["kind"],
                plural=names["plural"],
                singular=names["singular"],
                namespaced=spec["scope"] == "Namespaced",
                schema=schema,
                type_name=f"{reversed_group}.{version['name']}.{names['kind']}",
                list_kind=names["listKind"],
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                verbs=CUSTOM_VERBS,
                status="status" in (version.get("subresources") or {}),
                custom=True,
                generation=True,
                versioned=True,
                columns=tuple(_columns(version.get("additionalPrinterColumns") or [_AGE])),
                selectable=selectable_paths(version),
                openapi=raw,
                rules=compile_rules(schema, "spec.schema"),
            )
        )
    return found


def _columns(raw: list[Json]) -> Iterator[Column]:
    for column in raw:
        text = f"Custom resource definition column (in JSONPath format): {column['jsonPath']}"
        yield Column(
            column["name"],
            column["type"],
            column["jsonPath"],
            column.get("description") or text,
            column.get("format", ""),
            column.get("priority", 0),
        )


def _default(crd: Json) -> None:
    spec = crd.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = names.get("kind", "")
    names.setdefault("singular", kind.lower())
    names.setdefault("listKind", f"{kind}List" if kind else "")
    spec.setdefault("conversion", {"strategy": "None"})


def established(crd: Json) -> Json:
    """Return the CustomResourceDefinition with the status that the server itself writes after a creation."""
    now = timestamp()
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    status = crd["status"] | {"conditions": conditions, "acceptedNames": crd["spec"]["names"]}
    return {**crd, "status": status}


def _prepare(crd: Json, old: Json | None) -> None:
    status = crd.get("status") or {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}}
    versions = [version.get("name", "") for version in crd["spec"].get("versions") or () if version.get("storage")]
    stored = status.get("storedVersions") or []
    crd["status"] = status | {"storedVersions": stored + [name for name in versions if name not in stored]}
    if old is not None and crd["spec"] != old["spec"]:
        crd["status"]["acceptedNames"] = crd["spec"]["names"]


def _deleting(crd: Json) -> Json:
    finalizers = crd["metadata"].get("finalizers") or []
    if CLEANUP in finalizers:
        return crd
    return {**crd, "metadata": crd["metadata"] | {"finalizers": [*finalizers, CLEANUP]}}


def _validate(crd: Json, old: Json | None) -> list[Cause]:
    spec = crd["spec"]
    causes = list(_required(spec))
    if causes:
        return causes
    name = f"{spec['names']['plural']}.{spec['group']}"
    if crd["metadata"]["name"] != name:
        text = f'Invalid value: "{crd["metadata"]["name"]}": must be spec.names.plural+"."+spec.group'
        causes.append(Cause("FieldValueInvalid", text, "metadata.name"))
    if sum(bool(version.get("storage")) for version in spec["versions"]) != 1:
        text = "Invalid value: must have exactly one version marked as storage version"
        causes.append(Cause("FieldValueInvalid", text, "spec.versions"))
    for field in ("group", "scope"):
        if old is not None and spec[field] != old["spec"][field]:
            text = f'Invalid value: "{spec[field]}": field is immutable'
            causes.append(Cause("FieldValueInvalid", text, f"spec.{field}"))
    for index, version in enumerate(spec["versions"]):
        causes += _validate_version(version, f"spec.versions[{index}]")
    return causes


def _required(spec: Json) -> Iterator[Cause]:
    missing = [name for name in ("group", "scope", "versions") if not spec.get(name)]
    missing += [f"names.{name}" for name in ("plural", "kind") if not spec["names"].get(name)]
    for name in missing:
        yield Cause("FieldValueRequired", "Required value", f"spec.{name}")
    if spec.get("scope") and spec["scope"] not in ("Cluster", "Namespaced"):
        text = f'Unsupported value: "{spec["scope"]}": supported values: "Cluster", "Namespaced"'
        yield Cause("FieldValueNotSupported", text, "spec.scope")


def _validate_version(version: Json, path: str) -> list[Cause]:
    raw = (version.get("schema") or {}).get("openAPIV3Schema")
    where = f"{path}.schema.openAPIV3Schema"
    if raw is None:
        return [Cause("FieldValueRequired", "Required value: schemas are required", where)]
    causes = list(_structural(raw, where))
    if raw.get("type") != "object":
        text = f'Invalid value: "{raw.get("type", "")}": must be object at the root'
        causes.append(Cause("FieldValueInvalid", text, f"{where}.type"))
    if causes:
        return causes
    schema = compile_custom(raw, Schema({}))
    causes += _defaults(schema, where)
    causes += check_selectable(version, f"{path}.selectableFields")
    try:
        compile_rules(schema, where)
    except RuleError as error:
        field, _, text = str(error).partition(": ")
        causes.append(Cause("FieldValueInvalid", text, field))
    return causes


def _structural(raw: Json, path: str) -> Iterator[Cause]:
    """Yield what a structural schema may not contain, or lacks."""
    for key in _FORBIDDEN:
        if key in raw:
            yield Cause("FieldValueForbidden", f"Forbidden: {key} is not supported", f"{path}.{key}")
    if raw.get("uniqueItems"):
        text = "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield Cause("FieldValueForbidden", text, f"{path}.uniqueItems")
    extra = raw.get("additionalProperties")
    if extra is not None and raw.get("properties"):
        text = "Forbidden: additionalProperties and properties are mutual exclusive"
        yield Cause("FieldValueForbidden", text, f"{path}.additionalProperties")
    loose = raw.get("x-kubernetes-int-or-string") or raw.get("x-kubernetes-preserve-unknown-fields")
    if "type" not in raw and not loose:
        yield Cause(
            "FieldValueRequired", "Required value: must not be empty for specified object fields", f"{path}.type"
        )
    yield from _structural_list(raw, path)
    if "pattern" in raw and not _compiles(raw["pattern"]):
        text = f'Invalid value: "{raw["pattern"]}": must be a valid regular expression'
        yield Cause("FieldValueInvalid", text, f"{path}.pattern")
    for junctor in ("allOf", "anyOf", "oneOf"):
        for index, part in enumerate(raw.get(junctor, ())):
            for key in (key for key in _VALUE_ONLY if key in part and not raw.get("x-kubernetes-int-or-string")):
                text = "Forbidden: must be empty to be structural"
                yield Cause("FieldValueForbidden", text, f"{path}.{junctor}[{index}].{key}")
    for name, child in raw.get("properties", {}).items():
        yield from _structural(child, f"{path}.properties[{name}]")
    if isinstance(raw.get("items"), dict):
        yield from _structural(raw["items"], f"{path}.items")
    if isinstance(extra, dict):
        yield from _structural(extra, f"{path}.additionalProperties")


def _structural_list(raw: Json, path: str) -> Iterator[Cause]:
    if raw.get("type") == "array" and not isinstance(raw.get("items"), dict):
        yield Cause("FieldValueRequired", "Required value: must be specified", f"{path}.items")
        return
    if raw.get("x-kubernetes-list-type") != "map":
        return
    keys = raw.get("x-kubernetes-list-map-keys") or ()
    if not keys:
        text = "Required value: must not be empty if x-kubernetes-list-type is map"
        yield Cause("FieldValueRequired", text, f"{path}.x-kubernetes-list-map-keys")
    items = raw["items"]
    for index, key in enumerate(keys):
        if key not in items.get("properties", {}):
            text = f'Invalid value: "{key}": must be the name of an item property'
            yield Cause("FieldValueInvalid", text, f"{path}.x-kubernetes-list-map-keys[{index}]")
        elif key not in items.get("required", ()) and "default" not in items["properties"][key]:
            text = "Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a "
            yield Cause("FieldValueRequired", f"{text}required property", f"{path}.items.properties[{key}].default")


def _defaults(schema: Schema, path: str) -> Iterator[Cause]:
    if "default" in schema.raw:
        for cause in validate(schema, schema.raw["default"]):
            yield Cause(cause.reason, cause.message, f"{path}.default{'.' if cause.field else ''}{cause.field}")
    for name, child in schema.properties.items():
        yield from _defaults(child, f"{path}.properties[{name}]")
    if schema.items is not None:
        yield from _defaults(schema.items, f"{path}.items")
    if schema.additional is not None:
        yield from _defaults(schema.additional, f"{path}.additionalProperties")


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
