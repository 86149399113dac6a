"""Nobody hands on rights that they do not have, unless they may `escalate` roles or `bind` them.

Source: k8s.io/kubernetes, pkg/registry/rbac (escalation_check.go, */policybased) and
k8s.io/component-helpers, auth/rbac/validation/policy_comparator.go.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from sandbox.apiserver.access.attributes import Attributes, denied
from sandbox.apiserver.access.rbac import GROUP, Rbac
from sandbox.apiserver.access.users import User
from sandbox.apiserver.changes import Change
from sandbox.apiserver.errors import ApiError, not_found

Json = dict[str, Any]
_ROLES: Final = ("roles", "clusterroles")
_BINDINGS: Final = ("rolebindings", "clusterrolebindings")
_EVERYTHING: Final[list[Json]] = [
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
]
_KEYS: Final = {
    "APIGroups": "apiGroups",
    "Resources": "resources",
    "NonResourceURLs": "nonResourceURLs",
    "ResourceNames": "resourceNames",
    "Verbs": "verbs",
}


def check_escalation(change: Change, user: User, wish: Attributes, rbac: Rbac) -> None:
    """Raise the 403 of a role or binding that gives more than the user has."""
    resource, value = change.target.resource, change.value
    if resource.group != GROUP or value is None or user.master or _only_collected(change):
        return
    namespace = change.target.namespace
    named = replace(wish, name=change.target.name)
    if resource.plural in _ROLES:
        if rbac.decide(user, replace(wish, verb="escalate")).allowed:
            return
        _confirm(user, namespace, value.get("rules") or [], named, rbac)
        if _aggregates(value) or _aggregates(change.old):
            try:
                _confirm(user, namespace, _EVERYTHING, named, rbac)
            except ApiError as error:
                raise denied(named, "must have cluster-admin privileges to use the aggregationRule") from error
    elif resource.plural in _BINDINGS:
        reference = value["roleRef"]
        plural = f"{reference['kind'].lower()}s"
        bind = Attributes("bind", GROUP, "*", plural, namespace=namespace, name=reference["name"])
        if rbac.decide(user, bind).allowed:
            return
        rules, missing = rbac.role_rules(reference, namespace)
        if missing:
            # The real server says of the binding that it is not found, where it means the role.
            raise not_found(resource, reference["name"])
        _confirm(user, namespace, [rule.raw for rule in rules], named, rbac)


def _only_collected(change: Change) -> bool:
    """Tell whether an update changes only what the garbage collector changes."""
    if change.old is None or change.value is None:
        return False
    skipped = {"ownerReferences", "finalizers", "managedFields", "resourceVersion"}

    def rest(value: Json) -> Json:
        metadata = {key: item for key, item in value["metadata"].items() if key not in skipped}
        return {**value, "metadata": metadata}

    return rest(change.old) == rest(change.value)


def _aggregates(role: Json | None) -> bool:
    return bool(role and (role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _confirm(user: User, namespace: str, wanted: list[Json], wish: Attributes, rbac: Rbac) -> None:
    found, errors = rbac.rules(user, namespace)
    own = [rule.raw for rule in found]
    missing = [part for rule in wanted for part in _parts(rule) if not any(_covers(one, part) for one in own)]
    if not missing:
        return
    groups = " ".join(json.dumps(group) for group in user.groups)
    lines = "\n".join(sorted({_shown(rule) for rule in _compacted(missing)}))
    text = (
        f"user {json.dumps(user.name)} (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:"
        f"\n{lines}"
    )
    raise denied(wish, f"{text}; resolution errors: [{' '.join(errors)}]" if errors else text)


def _parts(rule: Json) -> Iterator[Json]:
    """Yield a rule as rules of one verb on one thing each."""
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in rule.get("verbs") or ():
                part = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                names = rule.get("resourceNames") or ()
                yield from ({**part, "resourceNames": [name]} for name in names)
                if not names:
                    yield part
    for url in rule.get("nonResourceURLs") or ():
        for verb in rule.get("verbs") or ():
            yield {"nonResourceURLs": [url], "verbs": [verb]}


def _covers(owned: Json, part: Json) -> bool:
    """Tell whether a rule gives all that a part of another gives."""
    if not _has(owned.get("verbs"), part["verbs"][0]):
        return False
    if "nonResourceURLs" in part:
        url = part["nonResourceURLs"][0]
        patterns = owned.get("nonResourceURLs") or ()
        return any(own == url or (own.endswith("*") and url.startswith(own.rstrip("*"))) for own in patterns)
    names, wanted = owned.get("resourceNames") or [], part.get("resourceNames")
    if names and (not wanted or wanted[0] not in names):
        return False
    resource = part["resources"][0]
    below = f"*/{resource.partition('/')[2]}" if "/" in resource else resource
    resources = owned.get("resources") or ()
    return _has(owned.get("apiGroups"), part["apiGroups"][0]) and (_has(resources, resource) or below in resources)


def _has(names: Any, name: str) -> bool:
    return name in (names or ()) or "*" in (names or ())


def _compacted(parts: list[Json]) -> list[Json]:
    """Join the parts that differ in their verb only."""
    found: dict[str, Json] = {}
    for part in parts:
        key = json.dumps({name: value for name, value in part.items() if name != "verbs" or "nonResourceURLs" in part})
        if key in found:
            found[key]["verbs"] += part["verbs"]
        else:
            found[key] = {**part, "verbs": list(part["verbs"])}
    return list(found.values())


def _shown(rule: Json) -> str:
    parts = [
        f"{name}:[{' '.join(json.dumps(item) for item in rule[key])}]" for name, key in _KEYS.items() if rule.get(key)
    ]
    return f"{{{', '.join(parts)}}}"
