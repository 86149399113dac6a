"""What a write is about: its target, its options, and the change that is judged before it is stored."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.apiserver import errors
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.schema import ordered
from sandbox.apiserver.storage import Key

Json = dict[str, Any]
_LARGEST_OBJECT = 1536 * 1024


@dataclass(frozen=True)
class Options:
    """How to write: query parameters, and the paths of fields that the body holds twice.

    `warnings` collects what goes into Warning headers. `admit` judges a client's change before it is stored; what the
    server itself writes is not judged.
    """

    manager: str
    validation: str = "Warn"
    dry_run: bool = False
    force: bool = False
    subresource: str = ""
    duplicated: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    admit: "Admit | None" = None


@dataclass(frozen=True)
class Target:
    """What a request is about. The namespace is empty for cluster-scoped resources."""

    resource: Resource
    namespace: str
    name: str = ""

    @property
    def key(self) -> Key:
        """Return the key of the object in the storage."""
        return (self.namespace, self.name)


@dataclass(frozen=True)
class Change:
    """A valid change that is about to be stored: CREATE, UPDATE or DELETE (which has no `value`)."""

    operation: str
    target: Target
    value: Json | None
    old: Json | None
    options: Options


Admit = Callable[[Change], None]
"""Judges a change: raises ApiError to refuse it, and may add to its options' warnings."""


def encoder(resource: Resource) -> Callable[[Json], bytes]:
    """Return the function that writes an object of the resource as the real server does; too large a one is a 500."""

    def encode(value: Json) -> bytes:
        value = value if resource.custom else ordered(resource.schema, value)
        text = json.dumps(value, sort_keys=resource.custom, separators=(",", ":"), ensure_ascii=False)
        raw = text.encode()
        if len(raw) > _LARGEST_OBJECT:
            raise errors.ApiError(500, "", "etcdserver: request is too large")
        return raw

    return encode
