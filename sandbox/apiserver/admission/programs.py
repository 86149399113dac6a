"""A policy's spec as programs, and what is wrong with a spec that has none.

Source: k8s.io/kubernetes, pkg/apis/admissionregistration/validation.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sandbox.apiserver.admission.expressions import VARIABLES, BadExpression, Expression, compile_text, constant_type
from sandbox.apiserver.causes import Cause

Json = dict[str, Any]
_SPOKEN: Final = VARIABLES - {"authorizer"}


@dataclass(frozen=True)
class Validation:
    """One of a policy's `validations`."""

    expression: Expression
    message: str
    message_expression: Expression | None
    reason: str


@dataclass(frozen=True)
class Programs:
    """`fails` says whether an expression that ends in an error denies (failurePolicy)."""

    conditions: tuple[Expression, ...]
    variables: dict[str, Expression]
    validations: tuple[Validation, ...]
    fails: bool


def compile_policy(spec: Json) -> Programs:
    """Compile a valid policy's spec."""
    variables: dict[str, Expression] = {}
    for one in spec.get("variables") or ():
        variables[one["name"]] = compile_text(one["expression"], VARIABLES, frozenset(variables))
    names = frozenset(variables)
    return Programs(
        conditions=tuple(compile_text(one["expression"], VARIABLES) for one in spec.get("matchConditions") or ()),
        variables=variables,
        validations=tuple(
            Validation(
                compile_text(one["expression"], VARIABLES, names),
                one.get("message", ""),
                compile_text(one["messageExpression"], _SPOKEN, names) if one.get("messageExpression") else None,
                one.get("reason") or "Invalid",
            )
            for one in spec.get("validations") or ()
        ),
        fails=spec.get("failurePolicy", "Fail") == "Fail",
    )


def condition_faults(spec: Json) -> Iterator[Cause]:
    """Yield what is wrong with a policy's `matchConditions`."""
    names: list[str] = []
    for index, one in enumerate(spec.get("matchConditions") or ()):
        path, name = f"spec.matchConditions[{index}]", one.get("name", "")
        if not one.get("expression", "").strip():
            yield Cause("FieldValueRequired", "Required value", f"{path}.expression")
        else:
            yield from _fault(one["expression"], VARIABLES, frozenset(), f"{path}.expression")
        if not name:
            yield Cause("FieldValueRequired", "Required value", f"{path}.name")
        elif name in names:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {json.dumps(name)}", f"{path}.name")
        names.append(name)


def faults(spec: Json) -> Iterator[Cause]:
    """Yield what is wrong with the variables and validations of a policy."""
    names: list[str] = []
    for index, one in enumerate(spec.get("variables") or ()):
        path = f"spec.variables[{index}]"
        if not str(one.get("name", "")).isidentifier():
            text = f"Invalid value: {json.dumps(one.get('name', ''))}: must be a valid CEL identifier"
            yield Cause("FieldValueInvalid", text, f"{path}.name")
        yield from _fault(one.get("expression", ""), VARIABLES, frozenset(names), f"{path}.expression", wanted="")
        names.append(one.get("name", ""))
    for index, one in enumerate(spec.get("validations") or ()):
        path = f"spec.validations[{index}]"
        yield from _fault(one.get("expression", ""), VARIABLES, frozenset(names), f"{path}.expression")
        if one.get("messageExpression"):
            text = one["messageExpression"]
            yield from _fault(text, _SPOKEN, frozenset(names), f"{path}.messageExpression", wanted="string")


def _fault(
    text: str, known: frozenset[str], variables: frozenset[str], path: str, *, wanted: str = "bool"
) -> Iterator[Cause]:
    if not text.strip():
        yield Cause("FieldValueRequired", "Required value: expression is not specified", path)
        return
    try:
        expression = compile_text(text, known, variables)
    except BadExpression as error:
        yield Cause("FieldValueInvalid", f"Invalid value: {json.dumps(text)}: {error}", path)
        return
    found = constant_type(expression)
    if wanted and found not in ("", wanted):
        problem = f"must evaluate to {wanted} but got {found}"
        yield Cause("FieldValueInvalid", f"Invalid value: {json.dumps(text)}: {problem}", path)
