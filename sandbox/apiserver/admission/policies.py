"""The policies and bindings of a server, and what they say about a change.

Source: k8s.io/apiserver, pkg/admission/plugin/policy/validating (dispatcher.go, validator.go).
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sandbox.apiserver.access.attributes import Attributes, denied
from sandbox.apiserver.access.rbac import Rbac
from sandbox.apiserver.access.users import User
from sandbox.apiserver.admission.authorizer import Authorizer
from sandbox.apiserver.admission.expressions import Evaluation, EvaluationFailed, Expression, Scope
from sandbox.apiserver.admission.matching import Match
from sandbox.apiserver.admission.programs import Programs, Validation, compile_policy
from sandbox.apiserver.admission.request import request_of
from sandbox.apiserver.changes import Change
from sandbox.apiserver.storage import Storage

log = logging.getLogger(__name__)

Json = dict[str, Any]
POLICIES: Final = "validatingadmissionpolicies.admissionregistration.k8s.io"
BINDINGS: Final = "validatingadmissionpolicybindings.admissionregistration.k8s.io"
_CODES: Final = {"Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}
_LONGEST_MESSAGE: Final = 5 * 1024


@dataclass(frozen=True)
class _Binding:
    name: str
    match: Match
    actions: tuple[str, ...]


@dataclass(frozen=True)
class _Policy:
    """A policy that has bindings; one without says nothing."""

    name: str
    match: Match
    programs: Programs
    bindings: tuple[_Binding, ...]


@dataclass(frozen=True)
class _Denial:
    message: str
    reason: str


class Policies:
    """Judges changes by the stored policies; every change of them is seen by the next request."""

    def __init__(self, storage: Storage, rbac: Rbac) -> None:
        self._storage = storage
        self._rbac = rbac
        self._policies: list[_Policy] | None = None
        for resource in (POLICIES, BINDINGS):
            storage.subscribe(resource, lambda _: self._forget())

    def admit(self, change: Change, user: User, wish: Attributes) -> None:
        """Raise the refusal of the first policy that denies; those that only warn add to the change's warnings."""
        denials: list[tuple[str, _Denial]] = []
        scope: Scope | None = None
        for policy in self._current():
            if not policy.match.matches(change, self._storage):
                continue
            bindings = [one for one in policy.bindings if one.match.matches(change, self._storage)]
            if not bindings:
                continue
            scope = scope or Scope(self._values(change, user), Authorizer(self._rbac, user, wish))
            found = list(_judge(policy.programs, scope))
            for binding in bindings:
                head = f"ValidatingAdmissionPolicy '{policy.name}' with binding '{binding.name}'"
                for denial in found:
                    if "Deny" in binding.actions:
                        denials.append((f"{head} denied request: {denial.message}", denial))
                    if "Warn" in binding.actions:
                        change.options.warnings.append(f"Validation failed for {head}: {denial.message}")
                    if "Audit" in binding.actions:
                        log.info("%s would deny %s: %s", head, wish, denial.message)
        if denials:
            raise _refusal(change, *denials[0])

    def _values(self, change: Change, user: User) -> Json:
        target = change.target
        inside = target.namespace if target.resource.qualified != "namespaces" else ""
        namespace = self._storage.get("namespaces", ("", inside)) if inside else None
        return {
            "object": change.value,
            "oldObject": change.old,
            "request": request_of(change, user),
            "namespaceObject": namespace.object if namespace else None,
        }

    def _current(self) -> list[_Policy]:
        if self._policies is None:
            self._policies = list(self._read())
        return self._policies

    def _read(self) -> Iterator[_Policy]:
        bindings: dict[str, list[_Binding]] = {}
        for (_, name), entry in self._storage.entries(BINDINGS):
            spec = entry.object["spec"]
            one = _Binding(name, Match(spec.get("matchResources") or {}), tuple(spec.get("validationActions") or ()))
            bindings.setdefault(spec["policyName"], []).append(one)
        for (_, name), entry in self._storage.entries(POLICIES):
            if name in bindings:
                spec = entry.object["spec"]
                match = Match(spec["matchConstraints"])
                yield _Policy(name, match, compile_policy(spec), tuple(bindings[name]))

    def _forget(self) -> None:
        self._policies = None


def _judge(programs: Programs, scope: Scope) -> Iterator[_Denial]:
    evaluation = Evaluation(scope, programs.variables)
    try:
        if not _applies(evaluation, programs.conditions):
            return
    except EvaluationFailed as failed:
        if programs.fails:
            yield _Denial(str(failed), "Invalid")
        return
    for validation in programs.validations:
        try:
            if evaluation.run(validation.expression) is not True:
                yield _Denial(_message(evaluation, validation), validation.reason)
        except EvaluationFailed as failed:
            if programs.fails:
                yield _Denial(str(failed), "Invalid")


def _applies(evaluation: Evaluation, conditions: tuple[Expression, ...]) -> bool:
    """Tell whether every condition holds; one that does not decides, even beside one that fails."""
    failed: EvaluationFailed | None = None
    for condition in conditions:
        try:
            if evaluation.run(condition) is False:
                return False
        except EvaluationFailed as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return True


def _message(evaluation: Evaluation, validation: Validation) -> str:
    if validation.message_expression is not None:
        try:
            text = evaluation.run(validation.message_expression)
        except EvaluationFailed:
            text = ""
        text = text.strip() if isinstance(text, str) else ""
        if text and "\n" not in text and len(text.encode()) <= _LONGEST_MESSAGE:
            return text
    return validation.message.strip() or f"failed expression: {validation.expression.text.strip()}"


def _refusal(change: Change, message: str, denial: _Denial) -> Exception:
    resource, target = change.target.resource, change.target
    wish = Attributes("", resource.group, resource.version, resource.plural, name=target.name or "Unknown")
    error = denied(wish, message)
    error.code, error.reason = _CODES.get(denial.reason, 422), denial.reason
    error.details = (error.details or {}) | {"causes": [{"message": message}]}
    return error
