"""Kubernetes' own schemas, of several versions, as a rendered object is held against them: unknown fields are refused.

The schemas are those of the package kubernetes-validate, whose own function reads a version's definitions anew for
every object; here each is read once.
"""

import functools
import json
from collections.abc import Iterable
from importlib import resources
from typing import Any, Final

import jsonschema
from referencing import Registry, Resource

VERSIONS: Final = ("1.28.0", "1.31.0", "1.34.0", "1.37.0")
"""The oldest and the newest that a cloud still sells, and two between them."""


def faults(document: dict[str, Any], versions: Iterable[str] = VERSIONS) -> list[str]:
    """What the API servers of `versions` would not take in `document`, each as `version path: message`.

    Raises FileNotFoundError for a kind that one of them has no schema of.
    """
    group, _, release = document["apiVersion"].rpartition("/")
    group = group.partition(".")[0]
    kind = f"{document['kind'].lower()}-{f'{group}-' if group else ''}{release}.json"
    return [
        f"{version} {'.'.join(map(str, error.absolute_path))}: {error.message}"
        for version in versions
        for error in _validator(version, kind).iter_errors(document)
    ]


@functools.cache
def _validator(version: str, kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_schema(version, kind), registry=_definitions(version))


@functools.cache
def _definitions(version: str) -> Registry[Any]:
    definitions = Resource[Any].from_contents(_schema(version, "_definitions.json"))
    return definitions @ Registry()


def _schema(version: str, name: str) -> Any:
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}-local-strict"
    return json.loads((folder / name).read_text(encoding="utf-8"))
