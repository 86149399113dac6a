"""Roles and bindings as kinds: what the real server fills into them and refuses in them.

Source: k8s.io/kubernetes, pkg/apis/rbac/v1/defaults.go and pkg/apis/rbac/validation.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from sandbox.apiserver.causes import Cause
from sandbox.apiserver.metadata import subdomain_causes

Json = dict[str, Any]
_GROUP: Final = "rbac.authorization.k8s.io"
_GO: Final = {"apiGroup": "APIGroup", "kind": "Kind", "name": "Name"}
_PEOPLE: Final = ("User", "Group")


def default_binding(binding: Json) -> None:
    """Fill in the API groups that a binding leaves out, in place."""
    reference = binding.setdefault("roleRef", {})
    reference["apiGroup"] = reference.get("apiGroup") or _GROUP
    for subject in binding.get("subjects") or ():
        if subject.get("kind") in _PEOPLE:
            subject["apiGroup"] = subject.get("apiGroup") or _GROUP


def validate_role(role: Json, _: Json | None) -> list[Cause]:
    """Return what is wrong with a Role or a ClusterRole."""
    namespaced = role["kind"] == "Role"
    causes: list[Cause] = []
    for index, rule in enumerate(role.get("rules") or ()):
        causes += _judged_rule(rule, f"rules[{index}]", namespaced=namespaced)
    if "aggregationRule" in role and not role["aggregationRule"].get("clusterRoleSelectors"):
        text = "Required value: at least one clusterRoleSelector required if aggregationRule is non-nil"
        causes.append(Cause("FieldValueRequired", text, "aggregationRule.clusterRoleSelectors"))
    return causes


def validate_binding(binding: Json, old: Json | None) -> list[Cause]:
    """Return what is wrong with a RoleBinding or a ClusterRoleBinding; its role may never change."""
    namespaced = binding["kind"] == "RoleBinding"
    reference = binding["roleRef"]
    causes = list(_one_of(reference.get("apiGroup"), (_GROUP,), "roleRef.apiGroup"))
    causes += _one_of(
        reference.get("kind"), ("Role", "ClusterRole") if namespaced else ("ClusterRole",), "roleRef.kind"
    )
    if not reference.get("name"):
        causes.append(Cause("FieldValueRequired", "Required value", "roleRef.name"))
    for index, subject in enumerate(binding.get("subjects") or ()):
        causes += _judged_subject(subject, f"subjects[{index}]", namespaced=namespaced)
    if old is not None and old["roleRef"] != reference:
        shown = json.dumps({key: reference.get(field) for field, key in _GO.items()}, separators=(",", ":"))
        causes.append(Cause("FieldValueInvalid", f"Invalid value: {shown}: cannot change roleRef", "roleRef"))
    return causes


def _judged_rule(rule: Json, path: str, *, namespaced: bool) -> Iterator[Cause]:
    if not rule.get("verbs"):
        yield Cause("FieldValueRequired", "Required value: verbs must contain at least one value", f"{path}.verbs")
    urls = rule.get("nonResourceURLs")
    if urls:
        texts = ["namespaced rules cannot apply to non-resource URLs"] if namespaced else []
        if any(rule.get(key) for key in ("apiGroups", "resources", "resourceNames")):
            texts.append("rules cannot apply to both regular resources and non-resource URLs")
        for text in texts:
            yield Cause("FieldValueInvalid", f"Invalid value: {json.dumps(urls)}: {text}", f"{path}.nonResourceURLs")
        return
    for field, one in (("apiGroups", "api group"), ("resources", "resource")):
        if not rule.get(field):
            text = f"Required value: resource rules must supply at least one {one}"
            yield Cause("FieldValueRequired", text, f"{path}.{field}")


def _judged_subject(subject: Json, path: str, *, namespaced: bool) -> Iterator[Cause]:
    if not subject.get("name"):
        yield Cause("FieldValueRequired", "Required value", f"{path}.name")
    kind = subject.get("kind")
    if kind == "ServiceAccount":
        if subject.get("name"):
            yield from subdomain_causes(subject["name"], f"{path}.name")
        yield from _one_of(subject.get("apiGroup", ""), ("",), f"{path}.apiGroup")
        if not namespaced and not subject.get("namespace"):
            yield Cause("FieldValueRequired", "Required value", f"{path}.namespace")
    elif kind in _PEOPLE:
        yield from _one_of(subject.get("apiGroup"), (_GROUP,), f"{path}.apiGroup")
    else:
        yield from _one_of(kind, ("ServiceAccount", "User", "Group"), f"{path}.kind")


def _one_of(value: Any, known: tuple[str, ...], path: str) -> Iterator[Cause]:
    if value not in known:
        supported = ", ".join(json.dumps(name) for name in known)
        text = f"Unsupported value: {json.dumps(value)}: supported values: {supported}"
        yield Cause("FieldValueNotSupported", text, path)
