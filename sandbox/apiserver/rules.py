"""`x-kubernetes-validations`: CEL rules of a CRD, compiled once and run against objects."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.apiserver.causes import Cause
from sandbox.apiserver.cel_functions import FAULTS, compiled, new_context
from sandbox.apiserver.cel_library import OptionalValue
from sandbox.apiserver.schema import Schema, same_item

_RESERVED = re.compile(
    "true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|"
    "while"
)
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_PREFIXES = {
    "FieldValueInvalid": "Invalid value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
}


class RuleError(ValueError):
    """A rule that does not compile; the text says what is wrong with it."""


@dataclass(frozen=True)
class Rule:
    """One compiled rule. `transition` rules read oldSelf and run on updates only, unless it is optional."""

    program: Any
    text: str
    message: str
    message_program: Any
    reason: str
    field_path: str
    transition: bool
    optional_old: bool


@dataclass
class Rules:
    """The rules at one node of a schema and below; `children` are fields, `items` what lists and maps hold."""

    schema: Schema
    rules: list[Rule] = field(default_factory=list)
    children: dict[str, "Rules"] = field(default_factory=dict)
    items: "Rules | None" = None

    def __bool__(self) -> bool:
        return bool(self.rules or self.children or self.items)


def compile_rules(schema: Schema, path: str, *, correlatable: bool = True) -> Rules:
    """Compile the rules of a schema; RuleError names the rule at fault below `path` (of the CRD)."""
    node = Rules(schema)
    for index, raw in enumerate(schema.raw.get("x-kubernetes-validations", ())):
        rule = _compile(raw, f"{path}.x-kubernetes-validations[{index}]")
        if rule.transition and not correlatable:
            raise RuleError(
                f"{path}.x-kubernetes-validations[{index}].rule: Invalid value: {json.dumps(rule.text)}: oldSelf "
                f"cannot be used on the uncorrelatable portion of the schema within {path}"
            )
        node.rules.append(rule)
    for name, child in schema.properties.items():
        if compiled := compile_rules(child, f"{path}.properties[{name}]", correlatable=correlatable):
            node.children[name] = compiled
    if schema.items is not None:
        keyed = correlatable and schema.list_type == "map"
        node.items = compile_rules(schema.items, f"{path}.items", correlatable=keyed) or None
    if schema.additional is not None:
        where = f"{path}.additionalProperties"
        node.items = compile_rules(schema.additional, where, correlatable=correlatable) or None
    return node


def check(node: Rules, value: Any, old: Any = None, path: str = "") -> list[Cause]:
    """Run the rules; `old` is the stored value, or None on creation."""
    return list(_check(new_context(), node, value, old, path))


def _check(context: Any, node: Rules, value: Any, old: Any, path: str) -> Iterator[Cause]:
    if node.rules and value is not None:
        yield from _run(context, node, value, old, path)
    if isinstance(value, dict):
        before = old if isinstance(old, dict) else {}
        for key, item in value.items():
            child = node.children.get(key) or (node.items if key not in node.schema.properties else None)
            if child:
                yield from _check(context, child, item, before.get(key), f"{path}.{key}" if path else key)
    elif isinstance(value, list) and node.items:
        others = old if isinstance(old, list) else []
        for index, item in enumerate(value):
            yield from _check(context, node.items, item, same_item(node.schema, item, others), f"{path}[{index}]")


def _run(context: Any, node: Rules, value: Any, old: Any, path: str) -> Iterator[Cause]:
    unchanged = old is not None and old == value
    due = [rule for rule in node.rules if rule.transition or not unchanged]
    if due:
        context.add_variable("self", _converted(node.schema, value))
    for rule in due:
        if rule.transition:
            if old is None and not rule.optional_old:
                continue
            before = None if old is None else _converted(node.schema, old)
            if rule.optional_old:
                before = OptionalValue.none() if old is None else OptionalValue.of(before)
            context.add_variable("oldSelf", before)
        yield from _verdict(context, rule, path)


def _verdict(context: Any, rule: Rule, path: str) -> Iterator[Cause]:
    where = f"{path}{rule.field_path}".lstrip(".") or "<nil>"
    try:
        if rule.program.execute(context) is True:
            return
    except FAULTS as error:
        text = f"Invalid value: rule evaluation error: {error} evaluating rule: {rule.message or rule.text}"
        yield Cause("FieldValueInvalid", text, where)
        return
    yield Cause(rule.reason, f"{_PREFIXES[rule.reason]}: {_message(context, rule)}", where)


def _message(context: Any, rule: Rule) -> str:
    if rule.message_program is not None:
        try:
            text = rule.message_program.execute(context)
        except FAULTS:
            text = ""
        if isinstance(text, str) and text.strip():
            return text
    return rule.message or f"failed rule: {rule.text}"


def _compile(raw: dict[str, Any], path: str) -> Rule:
    text = raw.get("rule", "")
    program = _program(text, f"{path}.rule")
    expression = raw.get("messageExpression")
    return Rule(
        program=program,
        text=text,
        message=raw.get("message", ""),
        message_program=_program(expression, f"{path}.messageExpression") if expression else None,
        reason=raw.get("reason") or "FieldValueInvalid",
        field_path=raw.get("fieldPath", ""),
        transition="oldSelf" in program.variables(),
        optional_old=bool(raw.get("optionalOldSelf")),
    )


def _program(text: str, path: str) -> Any:
    if not text.strip():
        raise RuleError(f"{path}: Required value: rule is not specified")
    try:
        return compiled(text)
    except ValueError as error:
        raise RuleError(f"{path}: Invalid value: {json.dumps(text)}: compilation failed: {error}") from error


def _converted(schema: Schema, value: Any) -> Any:
    """Return `value` as CEL sees it: escaped field names, timestamps, and doubles where the schema says number."""
    if isinstance(value, dict):
        return {
            _escaped(key) if key in schema.properties else key: _converted(child, item) if child else item
            for key, item in value.items()
            for child in (schema.child(key),)
        }
    if isinstance(value, list):
        return [_converted(schema.items, item) for item in value] if schema.items else value
    if schema.type == "number" and isinstance(value, int):
        return float(value)
    if schema.raw.get("format") == "date-time" and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value


def _escaped(name: str) -> str:
    if _RESERVED.fullmatch(name):
        return f"__{name}__"
    if name.isidentifier() and "__" not in name:
        return name
    for plain, escape in _ESCAPES:
        name = name.replace(plain, escape)
    return name
