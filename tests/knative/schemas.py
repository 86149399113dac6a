"""Knative's own definitions, as an object is held against them: structurally, with unknown fields refused.

A CRD's schema says nothing of fields that it does not know: an API server drops them, so a misspelled one is lost
without a word. Here it is a fault, except where the schema says `x-kubernetes-preserve-unknown-fields`.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import yaml

FOLDER: Final = Path(__file__).parents[3] / "shared" / "schemas" / "knative"
GROUPS: Final = ("serving.knative.dev", "eventing.knative.dev", "sources.knative.dev")
BEHIND_A_FEATURE: Final = "feature flag"


def is_knative(document: dict[str, Any]) -> bool:
    """Whether the object is one of Knative's."""
    return document["apiVersion"].partition("/")[0] in GROUPS


def faults(document: dict[str, Any]) -> list[str]:
    """What Knative's definition does not take in `document`, each with its place."""
    schema = _schema(document["apiVersion"], document["kind"])
    validator = jsonschema.Draft4Validator(schema)
    wrong = [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(document)]
    return wrong + list(_unknown(schema, document, document["kind"]))


def features(document: dict[str, Any]) -> list[str]:
    """The fields of `document` that Knative takes only where an operator has switched a feature on."""
    return list(_features(_schema(document["apiVersion"], document["kind"]), document, document["kind"]))


def _unknown(schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    for name, part, below in _parts(schema, value, where):
        if below is not None:
            yield from _unknown(below, part, name)
        elif not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
            yield f"{name}: unknown field"


def _features(schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    for name, part, below in _parts(schema, value, where):
        if below is not None:
            if BEHIND_A_FEATURE in below.get("description", ""):
                yield name
            yield from _features(below, part, name)


def _parts(schema: dict[str, Any], value: Any, where: str) -> Iterator[tuple[str, Any, dict[str, Any] | None]]:
    """Every field or item of `value`: its place, what is there, and its schema, None where there is none."""
    if isinstance(value, list):
        yield from ((f"{where}[{index}]", item, schema.get("items", {})) for index, item in enumerate(value))
    elif isinstance(value, dict) and not (where.endswith(".metadata") and "properties" not in schema):
        for key, item in value.items():
            further = schema.get("additionalProperties")
            yield f"{where}.{key}", item, schema.get("properties", {}).get(key) or (further if further else None)


@functools.cache
def _schema(api_version: str, kind: str) -> dict[str, Any]:
    group, _, version = api_version.partition("/")
    for path in FOLDER.glob("*.yaml"):
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
        spec = definition["spec"]
        if (spec["group"], spec["names"]["kind"]) == (group, kind):
            (found,) = [one for one in spec["versions"] if one["name"] == version]
            assert found["served"], f"{api_version} {kind} is not served"
            schema: dict[str, Any] = found["schema"]["openAPIV3Schema"]
            # What the API server knows of every object, whatever its definition says.
            schema["properties"] |= {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": _ANYTHING,
            }
            return schema
    raise FileNotFoundError(f"{FOLDER} has no definition of {api_version} {kind}")


_ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
