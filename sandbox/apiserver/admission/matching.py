"""Which changes a policy, or a binding of one, is about.

Source: k8s.io/apiserver, pkg/admission/plugin/policy/matching and plugin/webhook/predicates. `matchPolicy: Equivalent`
takes a rule for any version of a resource: objects are stored in one version and never converted here.
"""

from dataclasses import dataclass
from typing import Any

from sandbox.apiserver.changes import Change
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.selectors import select
from sandbox.apiserver.storage import Storage

Json = dict[str, Any]
_EXEMPT = "admissionregistration.k8s.io"


@dataclass(frozen=True)
class Rule:
    """One of `resourceRules` or `excludeResourceRules`."""

    raw: Json
    exact: bool

    def matches(self, change: Change) -> bool:
        """Tell whether the rule names the change."""
        resource, subresource = change.target.resource, change.options.subresource
        names = self.raw.get("resourceNames") or ()
        return (
            _has(self.raw.get("operations"), change.operation)
            and _has(self.raw.get("apiGroups"), resource.group)
            and (not self.exact or _has(self.raw.get("apiVersions"), resource.version))
            and any(_names(one, resource.plural, subresource) for one in self.raw.get("resources") or ())
            and self._in_scope(resource, change.target.namespace)
            and (not names or change.target.name in names)
        )

    def _in_scope(self, resource: Resource, namespace: str) -> bool:
        inside = bool(namespace) and resource.qualified != "namespaces"
        return self.raw.get("scope", "*") in ("*", "Namespaced" if inside else "Cluster")


class Match:
    """A MatchResources object, ready to be asked."""

    def __init__(self, raw: Json) -> None:
        exact = raw.get("matchPolicy") == "Exact"
        self._rules = [Rule(one, exact) for one in raw.get("resourceRules") or ()]
        self._excluded = [Rule(one, exact) for one in raw.get("excludeResourceRules") or ()]
        self._namespaces: Json = raw.get("namespaceSelector") or {}
        self._objects: Json = raw.get("objectSelector") or {}

    def matches(self, change: Change, storage: Storage) -> bool:
        """Tell whether the change is selected; policies themselves never are."""
        if change.target.resource.group == _EXEMPT:
            return False
        if self._rules and not any(rule.matches(change) for rule in self._rules):
            return False
        if any(rule.matches(change) for rule in self._excluded):
            return False
        return self._selects_namespace(change, storage) and self._selects_object(change)

    def _selects_namespace(self, change: Change, storage: Storage) -> bool:
        target = change.target
        if not self._namespaces or not (target.namespace or target.resource.qualified == "namespaces"):
            return True
        if target.resource.qualified == "namespaces":
            value = change.value or change.old
        else:
            entry = storage.get("namespaces", ("", target.namespace))
            value = entry.object if entry else None
        return value is not None and select(self._namespaces, value["metadata"].get("labels") or {})

    def _selects_object(self, change: Change) -> bool:
        found = [value for value in (change.value, change.old) if value is not None]
        return not self._objects or any(
            select(self._objects, value.get("metadata", {}).get("labels") or {}) for value in found
        )


def _has(names: Any, name: str) -> bool:
    return name in (names or ()) or "*" in (names or ())


def _names(wanted: str, plural: str, subresource: str) -> bool:
    resource, _, below = wanted.partition("/")
    return resource in ("*", plural) and below in ("*", subresource)
