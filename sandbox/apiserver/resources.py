"""What the server serves: the table of built-in kinds, and a registry that CustomResourceDefinitions extend."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.apiserver.rules import Rules
from sandbox.apiserver.schema import Schema

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`: `path` is a JSONPath into the object, or empty where code fills the cell."""

    name: str
    type: str
    path: str = ""
    description: str = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True)
class Resource:
    """One served group, version and plural.

    `custom` marks kinds of a CustomResourceDefinition: their keys are sorted, others follow the Go structs.
    `skeleton` is what an empty object of a built-in kind holds (field ownership starts from it).
    `selectable` maps a field selector's label to the path it reads. `generation` counts changes of the spec, and
    `versioned` marks kinds of which a PUT must say what version it replaces. `returned` marks kinds of which a
    DELETE answers with the object. `subresources` are those beside `status`,
    as discovery shows them: name, verbs, and the group, version and kind if they are not the resource's own.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    schema: Schema
    type_name: str
    list_kind: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    status: bool = False
    custom: bool = False
    stored: bool = True
    generation: bool = False
    versioned: bool = False
    columns: tuple[Column, ...] = ()
    returned: bool = False
    subresources: tuple[dict[str, Any], ...] = ()
    selectable: dict[str, tuple[str, ...]] = field(default_factory=dict)
    skeleton: dict[str, Any] = field(default_factory=dict)
    openapi: dict[str, Any] = field(default_factory=dict)
    rules: Rules | None = None

    @property
    def group_version(self) -> str:
        """Return `group/version`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """Return `plural.group`, as messages name a resource; also the key of its objects in the storage."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """Return `Kind.group`, as messages name a kind."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def storage_version_hash(self) -> str:
        """Return what discovery shows: the first 8 bytes of SHA-256 over group/version/kind."""
        digest = hashlib.sha256(f"{self.group}/{self.version}/{self.kind}".encode()).digest()
        return base64.b64encode(digest[:8]).decode()


class Registry:
    """All resources, in the order in which discovery lists them; `revision` changes whenever they do."""

    def __init__(self, builtin: list[Resource]) -> None:
        self._resources = {(r.group, r.version, r.plural): r for r in builtin}
        self.revision = 0

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def get(self, group: str, version: str, plural: str) -> Resource | None:
        """Return the resource, or None when nothing serves it."""
        return self._resources.get((group, version, plural))

    def groups(self) -> dict[str, dict[str, list[Resource]]]:
        """Return group → version → resources; the core group is the empty name."""
        groups: dict[str, dict[str, list[Resource]]] = {}
        for resource in self:
            groups.setdefault(resource.group, {}).setdefault(resource.version, []).append(resource)
        return groups

    def replace(self, group: str, plural: str, resources: list[Resource]) -> None:
        """Serve exactly `resources` under this group and plural (an empty list withdraws them)."""
        for key in [k for k in self._resources if k[0] == group and k[2] == plural]:
            del self._resources[key]
        self._resources |= {(r.group, r.version, r.plural): r for r in resources}
        self.revision += 1
