"""Policies and bindings as kinds: what the real server fills into them and refuses in them.

Parameters (`paramKind`, `paramRef`) and `auditAnnotations` are not covered, and refused by name.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from sandbox.apiserver.admission.programs import condition_faults, faults
from sandbox.apiserver.causes import Cause

Json = dict[str, Any]
_OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_ACTIONS: Final = ("Audit", "Deny", "Warn")
_REASONS: Final = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_NOT_COVERED: Final = "Forbidden: is not covered by the sandbox's API server"


def default_policy(policy: Json) -> None:
    """Fill in what a policy leaves out, in place."""
    spec = policy.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    if spec.get("matchConstraints") is not None:
        _default_match(spec["matchConstraints"])


def default_binding(binding: Json) -> None:
    """Fill in what a binding leaves out, in place."""
    spec = binding.setdefault("spec", {})
    # Here, so that what is missing is refused in the words of the kind and not of its schema.
    spec.setdefault("policyName", "")
    spec.setdefault("validationActions", [])
    match = spec.get("matchResources")
    if match is not None:
        _default_match(match)


def prepare_policy(policy: Json, old: Json | None) -> None:
    """Write the status that a controller of the real one writes: expressions were looked at, without a warning."""
    generation = policy["metadata"]["generation"] + (old is not None and policy["spec"] != old["spec"])
    policy["status"] = (policy.get("status") or {}) | {"observedGeneration": generation, "typeChecking": {}}


def validate_policy(policy: Json, _: Json | None) -> list[Cause]:
    """Return what is wrong with a policy, its expressions included."""
    return list(_judged_policy(policy["spec"]))


def validate_binding(binding: Json, _: Json | None) -> list[Cause]:
    """Return what is wrong with a binding."""
    return list(_judged_binding(binding["spec"]))


def _judged_policy(spec: Json) -> Iterator[Cause]:
    yield from _one_of(spec.get("failurePolicy"), ("Fail", "Ignore"), "spec.failurePolicy")
    for field in ("paramKind", "auditAnnotations"):
        if spec.get(field):
            yield Cause("FieldValueForbidden", _NOT_COVERED, f"spec.{field}")
    match = spec.get("matchConstraints")
    if match is None:
        yield Cause("FieldValueRequired", "Required value", "spec.matchConstraints")
    else:
        yield from _judged_match(match, "spec.matchConstraints")
        if not match.get("resourceRules"):
            yield Cause("FieldValueRequired", "Required value", "spec.matchConstraints.resourceRules")
    yield from condition_faults(spec)
    if not spec.get("validations"):
        text = "Required value: validations or auditAnnotations must contain at least one item"
        yield Cause("FieldValueRequired", text, "spec.validations")
        yield Cause("FieldValueRequired", text, "spec.auditAnnotations")
    for index, one in enumerate(spec.get("validations") or ()):
        yield from _one_of(one.get("reason", "Invalid"), _REASONS, f"spec.validations[{index}].reason")
        if "\n" in one.get("message", "").strip():
            text = f"Invalid value: {json.dumps(one['message'])}: must not contain line breaks"
            yield Cause("FieldValueInvalid", text, f"spec.validations[{index}].message")
    yield from faults(spec)


def _judged_binding(spec: Json) -> Iterator[Cause]:
    if not spec.get("policyName"):
        yield Cause("FieldValueRequired", "Required value", "spec.policyName")
    if spec.get("paramRef"):
        yield Cause("FieldValueForbidden", _NOT_COVERED, "spec.paramRef")
    if spec.get("matchResources") is not None:
        yield from _judged_match(spec["matchResources"], "spec.matchResources")
    actions = spec.get("validationActions") or []
    for index, action in enumerate(actions):
        yield from _one_of(action, _ACTIONS, f"spec.validationActions[{index}]")
        if action in actions[:index]:
            text = f"Duplicate value: {json.dumps(action)}"
            yield Cause("FieldValueDuplicate", text, f"spec.validationActions[{index}]")
    if {"Deny", "Warn"} <= set(actions):
        text = "must not contain both Deny and Warn (repeating the same validation failure information in the API "
        shown = json.dumps(actions, separators=(",", ":"))
        text = f"Invalid value: {shown}: {text}response and headers serves no purpose)"
        yield Cause("FieldValueInvalid", text, "spec.validationActions")
    if not actions:
        text = "Required value: at least one validation action is required"
        yield Cause("FieldValueRequired", text, "spec.validationActions")


def _default_match(match: Json) -> None:
    match.setdefault("matchPolicy", "Equivalent")
    match.setdefault("namespaceSelector", {})
    match.setdefault("objectSelector", {})
    for key in ("resourceRules", "excludeResourceRules"):
        for rule in match.get(key) or ():
            rule.setdefault("scope", "*")


def _judged_match(match: Json, path: str) -> Iterator[Cause]:
    yield from _one_of(match.get("matchPolicy"), ("Equivalent", "Exact"), f"{path}.matchPolicy")
    for key in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(match.get(key) or ()):
            where = f"{path}.{key}[{index}]"
            for field in ("operations", "apiGroups", "apiVersions", "resources"):
                if not rule.get(field):
                    yield Cause("FieldValueRequired", "Required value", f"{where}.{field}")
                for number, operation in enumerate((rule.get(field) or ()) if field == "operations" else ()):
                    yield from _one_of(operation, _OPERATIONS, f"{where}.operations[{number}]")
            yield from _one_of(rule.get("scope"), ("*", "Cluster", "Namespaced"), f"{where}.scope")


def _one_of(value: Any, known: tuple[str, ...], path: str) -> Iterator[Cause]:
    if value not in known:
        supported = ", ".join(json.dumps(name) for name in known)
        text = f"Unsupported value: {json.dumps(value)}: supported values: {supported}"
        yield Cause("FieldValueNotSupported", text, path)
