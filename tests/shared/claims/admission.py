"""What an API server does with a new object, as far as the claims' schemas ask for it: defaults, checks, CEL."""

from collections.abc import Iterator
from typing import Any

import cel
from jsonschema import Draft202012Validator

from shared.claims import crd

Schema = dict[str, Any]

SCHEMAS: dict[str, Schema] = {
    manifest["spec"]["names"]["kind"]: manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for manifest in crd.manifests()
}


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every level of `schema` with its path; a list's items are at `path[]`."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def defaulted(value: Any, schema: Schema) -> Any:
    """`value` with the defaults of `schema` where it says nothing, or null."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        value = {name: child for name, child in value.items() if child is not None or name not in properties}
        absent = {
            name: child["default"] for name, child in properties.items() if "default" in child and name not in value
        }
        return {name: defaulted(child, properties.get(name, {})) for name, child in (value | absent).items()}
    if isinstance(value, list):
        return [defaulted(item, schema.get("items", {})) for item in value]
    return value


def faults(document: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    """What an API server would say against `document`, as `path: what`; CEL only when everything else holds."""
    schema = SCHEMAS[document["kind"]]
    document = defaulted(document, schema)
    found = [
        f"{_dotted(error.absolute_path)}: {error.validator}"
        for error in _VALIDATORS[document["kind"]].iter_errors(document)
    ]
    found = found or list(_list_faults(document, schema, ""))
    return found or list(_rule_faults(document, defaulted(old, schema), schema, ""))


_VALIDATORS = {kind: Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}


def _dotted(path: Any) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _children(value: Any, schema: Schema, path: str) -> Iterator[tuple[Any, Any, Schema, str]]:
    """Key, value, schema and path of everything one level below that the schema knows."""
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                yield name, value[name], child, f"{path}.{name}".removeprefix(".")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield index, item, schema.get("items", {}), f"{path}[{index}]"


def _list_faults(value: Any, schema: Schema, path: str) -> Iterator[str]:
    kind = schema.get("x-kubernetes-list-type")
    if kind in {"map", "set"}:
        (key,) = schema.get("x-kubernetes-list-map-keys", [None])
        names = [item[key] if kind == "map" else item for item in value]
        yield from (f"{path}[{index}]: Duplicate" for index, name in enumerate(names) if name in names[:index])
    for _, child, below, where in _children(value, schema, path):
        yield from _list_faults(child, below, where)


def _rule_faults(value: Any, old: Any, schema: Schema, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if "oldSelf" in rule["rule"] and old is None:
            continue
        if not cel.evaluate(rule["rule"], {"self": _escaped(value), "oldSelf": _escaped(old)}):
            yield f"{path}{rule.get('fieldPath', '')}: {rule['message']}"
    for key, child, below, where in _children(value, schema, path):
        before = old.get(key) if isinstance(old, dict) else _counterpart(child, old, schema)
        yield from _rule_faults(child, before, below, where)


def _escaped(value: Any) -> Any:
    """As rules see it: CEL has words that no field of an object can be named by."""
    if isinstance(value, dict):
        return {f"__{name}__" if name == "namespace" else name: _escaped(child) for name, child in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value


def _counterpart(item: Any, old: Any, schema: Schema) -> Any:
    """The item of the old list that has the same key."""
    keys = schema.get("x-kubernetes-list-map-keys", ())
    return next((one for one in old or () if keys and all(one[key] == item[key] for key in keys)), None)
