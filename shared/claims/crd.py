"""The CustomResourceDefinitions, made from the models: `python -m shared.claims.crd [--write DIRECTORY]`.

A CRD's schema is structural (kubernetes.io/docs/tasks/extend-kubernetes/custom-resources): every level has one type,
nothing is referred to, nothing is an alternative. Pydantic's JSON schema is brought into that form here; what it cannot
say (list types, CEL rules) the models carry as `json_schema_extra`.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from shared.canonical import yaml_bytes
from shared.claims.application import ApplicationClaim
from shared.claims.bootstrap import BootstrapClaim
from shared.claims.deadletter import DeadLetter
from shared.claims.infrastructure import InfrastructureClaim
from shared.claims.meta import GROUP, VERSION
from shared.claims.platform import PlatformClaim

HEADER: Final = b"# Generated from shared/claims: `infraforge crds --write knative/files/crds`. Do not edit.\n"

_Schema = dict[str, Any]

_API_VERSION: Final = {"type": "string", "description": f"Always {GROUP}/{VERSION}.", "maxLength": 63}
_METADATA: Final = {"type": "object"}  # an API server allows no word about it here, not even a description
_KEYWORDS: Final = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "default",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
    "x-kubernetes-validations",
)
"""What is taken over, in this order. Anything else that pydantic says is meant for others."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind, and how `kubectl` names and shows it."""

    claim: type[BaseModel]
    short_names: tuple[str, ...]
    columns: tuple[_Schema, ...]
    selectable: tuple[str, ...] = ()
    """Fields that a list can be asked for by value; a server before Kubernetes 1.30 does not know of that."""
    is_claim: bool = True
    """What `kubectl get infraforge` lists, and whose status only `/status` changes."""

    @property
    def name(self) -> str:
        """The kind, as in ApplicationClaim."""
        return self.claim.__name__

    @property
    def plural(self) -> str:
        """As Knative's ApiServerSource guesses it: in lower case, with an s."""
        return f"{self.name.lower()}s"


def _column(name: str, path: str, description: str, *, kind: str = "string", priority: int = 0) -> _Schema:
    wide: _Schema = {"priority": priority} if priority else {}
    return {"name": name, "type": kind, "description": description, **wide, "jsonPath": path}


def _condition(field: str, kind: str = "Ready") -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


_READY = _column("Ready", _condition("status"), "Whether this generation is in Git, all of it.")
_COMMIT = _column("Commit", ".status.commit.sha", "The commit in voltran that holds the claim.")
_REASON = _column("Reason", _condition("reason"), "Why the claim is ready or not.", priority=1)
_MESSAGE = _column("Message", _condition("message"), "The same for people.", priority=1)
_AGE = _column("Age", ".metadata.creationTimestamp", "Since when the claim exists.", kind="date")
_OF_ENVIRONMENT = (
    _READY,
    _column("Deployed", _condition("status", "Deployed"), "Whether ArgoCD runs what is in Git."),
    _column("Environment", ".spec.environment", "The environment that the claim describes."),
    _COMMIT,
    _column("Type", ".spec.clusterType", "The cluster type of the environment.", priority=1),
    _REASON,
    _MESSAGE,
    _AGE,
)
_OF_PLATFORM = (
    _column("Phase", ".status.phase", "How far the platform is built."),
    _READY,
    _column("Organization", ".spec.gitea.organization", "The organization in Gitea."),
    _COMMIT,
    _REASON,
    _MESSAGE,
    _AGE,
)

_OF_LETTER = (
    _column("Type", ".spec.event.attributes.type", "The event's type."),
    _column("Object", ".spec.object", "What the event is about."),
    _column("Answer", ".spec.code", "The HTTP status of the last try."),
    _column("Replay", ".status.replay", "What became of a replay that did not go well."),
    _column("Trigger", ".spec.trigger", "The Trigger that gave up.", priority=1),
    _column("Error", ".spec.error", "What was answered at the last try.", priority=1),
    _column("Message", ".status.message", "Why a replay did not go well.", priority=1),
    _column("Age", ".metadata.creationTimestamp", "Since when the event is given up.", kind="date"),
)

_BY_ENVIRONMENT = (".spec.clusterType", ".spec.environment")

KINDS: Final = (
    Kind(ApplicationClaim, ("appclaim",), _OF_ENVIRONMENT, _BY_ENVIRONMENT),
    Kind(BootstrapClaim, ("bootclaim",), _OF_PLATFORM),
    Kind(InfrastructureClaim, ("infraclaim",), _OF_ENVIRONMENT, _BY_ENVIRONMENT),
    Kind(PlatformClaim, ("platclaim",), _OF_ENVIRONMENT, _BY_ENVIRONMENT),
)


LETTER: Final = Kind(DeadLetter, ("dl",), _OF_LETTER, is_claim=False)


def manifests() -> list[dict[str, Any]]:
    """One CustomResourceDefinition for each kind, sorted by name; a new copy each time."""
    return sorted((_manifest(kind) for kind in (*KINDS, LETTER)), key=lambda one: str(one["metadata"]["name"]))


def render(manifest: Mapping[str, Any]) -> bytes:
    """`manifest` as it is committed: YAML in the order of its keys, under a line that says where it comes from."""
    return HEADER + yaml_bytes(manifest, sort_keys=False)


def files() -> dict[str, bytes]:
    """The content of each file of the directory of CRDs, by its name."""
    return {f"{one['spec']['names']['plural']}.yaml": render(one) for one in manifests()}


def _manifest(kind: Kind) -> dict[str, Any]:
    selectable = {"selectableFields": [{"jsonPath": path} for path in kind.selectable]} if kind.selectable else {}
    categories = {"categories": ["infraforge"]} if kind.is_claim else {}
    subresources: _Schema = {"subresources": {"status": {}}} if kind.is_claim else {}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "shortNames": list(kind.short_names),
                **categories,
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    **subresources,
                    **selectable,
                    "additionalPrinterColumns": [dict(column) for column in kind.columns],
                    "schema": {"openAPIV3Schema": _root(kind.claim)},
                }
            ],
        },
    }


def _root(claim: type[BaseModel]) -> _Schema:
    """The schema of a whole claim, its metadata left to Kubernetes."""
    raw = claim.model_json_schema(mode="validation")
    definitions = raw.get("$defs", {})
    kind = {"type": "string", "description": f"Always {claim.__name__}.", "maxLength": 63}
    return {
        "description": _one_line(raw["description"]),
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": dict(_API_VERSION),
            "kind": kind,
            "metadata": dict(_METADATA),
            "spec": _structural(raw["properties"]["spec"], definitions),
            "status": _structural(raw["properties"]["status"], definitions),
        },
    }


def _structural(raw: _Schema, definitions: Mapping[str, _Schema]) -> _Schema:
    """One level of pydantic's schema and those below it, in the structural form."""
    node = _resolved(raw, definitions)
    schema: _Schema = {keyword: node[keyword] for keyword in _KEYWORDS if node.get(keyword) is not None}
    if not schema.get("default"):  # an absent field says as much as None or an empty list
        schema.pop("default", None)
    if "description" in schema:
        schema["description"] = _one_line(schema["description"])
    if "items" in node:
        schema["items"] = _structural(node["items"], definitions)
    if isinstance(node.get("additionalProperties"), dict):
        schema["additionalProperties"] = _structural(node["additionalProperties"], definitions)
    if "properties" in node:
        schema["properties"] = {name: _structural(child, definitions) for name, child in node["properties"].items()}
    return schema


def _resolved(raw: _Schema, definitions: Mapping[str, _Schema]) -> _Schema:
    """`raw` with what it refers to in place, and without the null of an optional field."""
    node = dict(raw)
    alternatives = node.pop("anyOf", None)
    if alternatives is not None:
        (only,) = (one for one in alternatives if one.get("type") != "null")
        node = {**_resolved(only, definitions), **node}
    reference = node.pop("$ref", None)
    if reference is not None:
        node = {**_resolved(definitions[reference.rpartition("/")[2]], definitions), **node}
    return node


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main(arguments: list[str] | None = None) -> None:
    """Print every CRD, or write one file for each into a directory."""
    parser = argparse.ArgumentParser(prog="python -m shared.claims.crd", description=main.__doc__)
    parser.add_argument("--write", type=Path, metavar="DIRECTORY", help="write one file for each kind")
    directory: Path | None = parser.parse_args(arguments).write
    if directory is None:
        sys.stdout.write("---\n".join(content.decode() for content in files().values()))
        return
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (directory / name).write_bytes(content)


if __name__ == "__main__":
    main()
