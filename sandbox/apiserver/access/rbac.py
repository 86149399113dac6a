"""RBAC: which rules a user has, and whether one of them allows a request.

Source: k8s.io/kubernetes, plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac/validation.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.apiserver.access.attributes import Attributes
from sandbox.apiserver.access.users import User, account_name
from sandbox.apiserver.storage import Storage

Json = dict[str, Any]
GROUP: Final = "rbac.authorization.k8s.io"
ROLES: Final = f"roles.{GROUP}"
CLUSTER_ROLES: Final = f"clusterroles.{GROUP}"
ROLE_BINDINGS: Final = f"rolebindings.{GROUP}"
CLUSTER_ROLE_BINDINGS: Final = f"clusterrolebindings.{GROUP}"
_MOST_DECISIONS: Final = 8192
_MOST_USERS: Final = 512


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed; `reason` is the real authorizer's (empty when no rule speaks of it)."""

    allowed: bool
    reason: str = ""


class Rule:
    """A PolicyRule, ready to be asked; `raw` is as it was written."""

    __slots__ = ("_groups", "_names", "_resources", "_urls", "_verbs", "raw")

    def __init__(self, raw: Json) -> None:
        self.raw = raw
        self._verbs = frozenset(raw.get("verbs") or ())
        self._groups = frozenset(raw.get("apiGroups") or ())
        self._resources = frozenset(raw.get("resources") or ())
        self._names = frozenset(raw.get("resourceNames") or ())
        self._urls: tuple[str, ...] = tuple(raw.get("nonResourceURLs") or ())

    def allows(self, wish: Attributes) -> bool:
        """Tell whether the rule grants the request."""
        if wish.verb not in self._verbs and "*" not in self._verbs:
            return False
        if not wish.resource:
            return any(_url_matches(url, wish.path) for url in self._urls)
        if wish.group not in self._groups and "*" not in self._groups:
            return False
        if self._names and wish.name not in self._names:
            return False
        resources = self._resources
        if "*" in resources or wish.combined in resources:
            return True
        return bool(wish.subresource) and f"*/{wish.subresource}" in resources


@dataclass(frozen=True, slots=True)
class Grant:
    """What one binding gives one user: the rules of its role, or the `error` that the role is missing."""

    source: str
    rules: tuple[Rule, ...] = ()
    error: str = ""


@dataclass
class _Index:
    """Bindings by subject: a `User`'s or `Group`'s kind and name, then the bindings' namespace (empty: everywhere)."""

    grants: dict[tuple[str, str], dict[str, list[tuple[str, Grant]]]] = field(default_factory=dict)


class Rbac:
    """Answers from the roles and bindings in the storage; every change of them is seen by the next question."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._index: _Index | None = None
        self._users: dict[tuple[str, tuple[str, ...], str], tuple[Grant, ...]] = {}
        self._decisions: dict[tuple[str, tuple[str, ...], Attributes], Decision] = {}
        for resource in (ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS):
            storage.subscribe(resource, lambda _: self._forget())

    def decide(self, user: User, wish: Attributes) -> Decision:
        """Tell whether the user may; members of `system:masters` always may."""
        if user.master:
            return Decision(allowed=True)
        key = (user.name, user.groups, wish)
        found = self._decisions.get(key)
        if found is None:
            if len(self._decisions) >= _MOST_DECISIONS:
                self._decisions.clear()
            found = self._decisions[key] = self._judge(user, wish)
        return found

    def rules(self, user: User, namespace: str) -> tuple[list[Rule], list[str]]:
        """Return the user's rules in a namespace (empty: the cluster-wide ones), and what could not be resolved."""
        grants = self._grants(user, namespace)
        return [rule for grant in grants for rule in grant.rules], [grant.error for grant in grants if grant.error]

    def role_rules(self, reference: Json, namespace: str) -> tuple[tuple[Rule, ...], str]:
        """Return the rules of a `roleRef` in a binding's namespace, or what is wrong with it."""
        kind, name = reference.get("kind", ""), reference.get("name", "")
        tables = {"Role": (ROLES, (namespace, name)), "ClusterRole": (CLUSTER_ROLES, ("", name))}
        if kind not in tables:
            return (), f"unsupported role reference kind: {json.dumps(kind)}"
        entry = self._storage.get(*tables[kind])
        if entry is None:
            return (), f'{kind.lower()}.{GROUP} "{name}" not found'
        return tuple(Rule(raw) for raw in entry.object.get("rules") or ()), ""

    def _judge(self, user: User, wish: Attributes) -> Decision:
        errors = []
        for grant in self._grants(user, wish.namespace):
            if grant.error:
                errors.append(grant.error)
            elif any(rule.allows(wish) for rule in grant.rules):
                return Decision(allowed=True, reason=f"RBAC: allowed by {grant.source}")
        text = errors[0] if len(errors) == 1 else f"[{', '.join(dict.fromkeys(errors))}]"
        return Decision(allowed=False, reason=f"RBAC: {text}" if errors else "")

    def _grants(self, user: User, namespace: str) -> tuple[Grant, ...]:
        key = (user.name, user.groups, namespace)
        found = self._users.get(key)
        if found is None:
            if len(self._users) >= _MOST_USERS:
                self._users.clear()
            found = self._users[key] = tuple(self._collected(user, namespace))
        return found

    def _collected(self, user: User, namespace: str) -> Iterator[Grant]:
        index = self._index = self._index or self._read()
        subjects = [("User", user.name), *(("Group", group) for group in user.groups)]
        for where in ("", namespace) if namespace else ("",):
            # One binding may name a user and one of their groups: it counts once, for its first subject.
            grants: dict[str, Grant] = {}
            for subject in subjects:
                for binding, grant in index.grants.get(subject, {}).get(where, ()):
                    grants.setdefault(binding, grant)
            yield from (grants[binding] for binding in sorted(grants))

    def _read(self) -> _Index:
        index = _Index()
        for resource in (CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS):
            for (namespace, name), entry in self._storage.entries(resource):
                binding, reference = entry.object, entry.object["roleRef"]
                rules, error = self.role_rules(reference, namespace)
                shown = f"{name}/{namespace}" if namespace else name
                head = f'{binding["kind"]} "{shown}" of {reference.get("kind")} "{reference.get("name")}" to '
                for subject in binding.get("subjects") or ():
                    known = _subject(subject, namespace)
                    if known is None:
                        continue
                    grant = Grant(head + _described(subject, namespace), rules, error)
                    index.grants.setdefault(known, {}).setdefault(namespace, []).append((name, grant))
        return index

    def _forget(self) -> None:
        self._index = None
        self._users.clear()
        self._decisions.clear()


def _subject(subject: Json, namespace: str) -> tuple[str, str] | None:
    """Return whom a binding's subject stands for; a service account is the user of its name."""
    match subject.get("kind"):
        case "User" | "Group" as kind:
            return kind, subject["name"]
        case "ServiceAccount" if where := subject.get("namespace") or namespace:
            return "User", account_name(where, subject["name"])
    return None


def _described(subject: Json, namespace: str) -> str:
    if subject["kind"] == "ServiceAccount":
        return f'ServiceAccount "{subject["name"]}/{subject.get("namespace") or namespace}"'
    return f'{subject["kind"]} "{subject["name"]}"'


def _url_matches(pattern: str, path: str) -> bool:
    if pattern in ("*", path):
        return True
    return pattern.endswith("*") and path.startswith(pattern.rstrip("*"))
