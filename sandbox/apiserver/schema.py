"""Structural schemas, compiled once: what they know of a value, what they drop, fill in and how they order it."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
REF = "#/components/schemas/"
_UNION = ("JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray")


@dataclass(slots=True, eq=False)
class Schema:
    """One node. `open` keeps unknown fields, `struct` marks a Go struct (its keys have an order of their own).

    `opaque` marks what Go keeps as the bytes that came, FieldsV1 above all.
    """

    raw: Json
    type: str = ""
    properties: dict[str, "Schema"] = field(default_factory=dict)
    additional: "Schema | None" = None
    items: "Schema | None" = None
    open: bool = False
    struct: bool = False
    opaque: bool = False
    nullable: bool = False
    defaults: bool = False
    int_or_string: bool = False
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    atomic: bool = False

    def child(self, key: str) -> "Schema | None":
        """Return the schema of an object's field, or None when it is unknown."""
        return self.properties.get(key) or self.additional


@dataclass(frozen=True)
class _Compiler:
    types: dict[str, Json]
    struct: bool
    seen: dict[str, Schema] = field(default_factory=dict)

    def compile(self, raw: Json) -> Schema:
        reference = raw.get("$ref") or next((part["$ref"] for part in raw.get("allOf", ()) if "$ref" in part), None)
        if reference is not None and self.struct:
            return self._named(reference.removeprefix(REF))
        schema = Schema(raw)
        self._fill(schema, raw)
        return schema

    def _named(self, name: str) -> Schema:
        if name not in self.seen:
            self.seen[name] = Schema(self.types[name])
            # A union of JSONSchemaProps and something else is, for an object's fields, a JSONSchemaProps.
            union = next((union for union in _UNION if name.endswith(union)), "")
            props = name.replace(union, "JSONSchemaProps") if union else name
            self._fill(self.seen[name], self.types[props])
            if union:
                self.seen[name].type = ""
        return self.seen[name]

    def _fill(self, schema: Schema, raw: Json) -> None:
        schema.type = raw.get("type", "")
        schema.struct = self.struct and "properties" in raw
        # Go reads null as the empty value.
        schema.nullable = self.struct or bool(raw.get("nullable"))
        schema.int_or_string = bool(raw.get("x-kubernetes-int-or-string"))
        schema.list_type = raw.get("x-kubernetes-list-type", "atomic")
        schema.list_keys = tuple(raw.get("x-kubernetes-list-map-keys", ()))
        schema.atomic = raw.get("x-kubernetes-map-type") == "atomic"
        schema.properties = {name: self.compile(child) for name, child in raw.get("properties", {}).items()}
        extra = raw.get("additionalProperties")
        if isinstance(extra, dict):
            schema.additional = self.compile(extra)
        if isinstance(raw.get("items"), dict):
            schema.items = self.compile(raw["items"])
        schema.open = bool(raw.get("x-kubernetes-preserve-unknown-fields")) or extra is True
        if self.struct and not schema.properties and schema.additional is None:
            schema.open = schema.opaque = True
        below = [*schema.properties.values(), *filter(None, (schema.additional, schema.items))]
        schema.defaults = not self.struct and any("default" in s.raw or s.defaults for s in below)


def compile_type(name: str, types: dict[str, Json]) -> Schema:
    """Compile a built-in type; `types` are OpenAPI definitions with their properties in the Go structs' order."""
    return _Compiler(types, struct=True).compile({"$ref": REF + name})


def compile_custom(raw: Json, metadata: Schema) -> Schema:
    """Compile a CRD's `openAPIV3Schema`; every custom resource has apiVersion, kind and `metadata` too."""
    # The envelope is checked before the schema is: a CRD may require it (ArgoCD's do) and no object lacks it.
    required = [name for name in raw.get("required", []) if name not in {"apiVersion", "kind", "metadata"}]
    schema = _Compiler({}, struct=False).compile({**raw, "required": required})
    text = Schema({"type": "string"}, type="string")
    schema.type = "object"
    schema.properties = {"apiVersion": text, "kind": text, **schema.properties, "metadata": metadata}
    return schema


def prune(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Drop the fields that the schema does not know, in place; yield their paths."""
    if isinstance(value, dict):
        for key in list(value):
            child = schema.child(key)
            if child is not None:
                yield from prune(child, value[key], f"{path}.{key}" if path else key)
            elif not schema.open:
                del value[key]
                yield f"{path}.{key}" if path else key
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            yield from prune(schema.items, item, f"{path}[{index}]")


def apply_defaults(schema: Schema, value: Any) -> None:
    """Fill absent fields (and nulls that may not be) with the schema's defaults, in place."""
    if not schema.defaults:
        return
    if isinstance(value, dict):
        for key, child in schema.properties.items():
            if "default" in child.raw and (key not in value or (value[key] is None and not child.nullable)):
                value[key] = copy.deepcopy(child.raw["default"])
        for key, item in value.items():
            below = schema.child(key)
            if below is not None:
                apply_defaults(below, item)
    elif isinstance(value, list) and schema.items is not None:
        for item in value:
            apply_defaults(schema.items, item)


def ordered(schema: Schema | None, value: Any) -> Any:
    """Return `value` with its keys in the order in which the real server writes them."""
    if isinstance(value, dict):
        if schema is not None and schema.opaque:
            return value
        if schema is None:
            return {key: ordered(None, value[key]) for key in sorted(value)}
        known = [key for key in schema.properties if key in value] if schema.struct else []
        rest = sorted(value.keys() - set(known)) if len(known) < len(value) else []
        return {key: ordered(schema.child(key), value[key]) for key in (*known, *rest)}
    if isinstance(value, list):
        items = schema.items if schema is not None else None
        return [ordered(items, item) for item in value]
    return value


def same_item(schema: Schema, item: Any, others: list[Any]) -> Any:
    """Return the element of `others` with the same map keys as `item`, or None."""
    if schema.list_type != "map" or not isinstance(item, dict):
        return None
    key = [item.get(name) for name in schema.list_keys]
    return next((o for o in others if isinstance(o, dict) and [o.get(n) for n in schema.list_keys] == key), None)
