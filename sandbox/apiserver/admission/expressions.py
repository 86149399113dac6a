"""CEL expressions of policies: compiled when a policy is written, evaluated against a change."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from sandbox.apiserver.admission.authorizer import FUNCTIONS, Authorizer
from sandbox.apiserver.cel_functions import FAULTS, compiled, new_context

Json = dict[str, Any]
VARIABLES: Final = frozenset({"object", "oldObject", "request", "namespaceObject", "authorizer"})
_VARIABLE: Final = re.compile(r"\bvariables\.([A-Za-z_]\w*)")
_BOUND: Final = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*([A-Za-z_]\w*)\s*,")
_REQUESTED: Final = re.compile(r"\brequest\.(\w+)(?:\.(\w+))?")
_KIND: Final = frozenset({"group", "version", "kind"})
_RESOURCE: Final = frozenset({"group", "version", "resource"})
_ANYTHING: Final[frozenset[str]] = frozenset()
_REQUEST: Final[dict[str, frozenset[str]]] = {
    "kind": _KIND,
    "resource": _RESOURCE,
    "subResource": _ANYTHING,
    "requestKind": _KIND,
    "requestResource": _RESOURCE,
    "requestSubResource": _ANYTHING,
    "name": _ANYTHING,
    "namespace": _ANYTHING,
    "operation": _ANYTHING,
    "userInfo": frozenset({"username", "uid", "groups", "extra"}),
    "dryRun": _ANYTHING,
    "options": _ANYTHING,
}
"""The fields of a request and those below them, which the real server's types know too."""
_TYPES: Final = frozenset(["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"])


class BadExpression(ValueError):
    """An expression that does not compile; the text is what the real server's message has after the value."""


class EvaluationFailed(Exception):
    """An expression that ended in an error: the text is the real server's, `cause` what CEL said."""

    def __init__(self, expression: str, cause: str) -> None:
        super().__init__(f"expression '{expression}' resulted in error: {cause}")
        self.cause = cause


@dataclass(frozen=True)
class Expression:
    """A compiled expression; `uses` are the policy's variables that it reads."""

    text: str
    program: Any
    uses: tuple[str, ...]


def compile_text(text: str, known: frozenset[str], variables: frozenset[str] = frozenset()) -> Expression:
    """Compile an expression over the `known` top-level names and a policy's `variables`; raises BadExpression."""
    try:
        program = compiled(text, FUNCTIONS)
    except ValueError as error:
        raise BadExpression(f"compilation failed: {_worded(text, str(error))}") from error
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', '""', text)
    allowed = known | set(_BOUND.findall(bare)) | _TYPES | ({"variables"} if variables else set())
    for name in program.variables():
        if name not in allowed:
            raise BadExpression(f"compilation failed: {_undeclared(text, name, text.find(name))}")
    for found in _REQUESTED.finditer(bare):
        field, below = found[1], found[2]
        known_below = _REQUEST.get(field)
        if known_below is None or (known_below and below and below not in known_below):
            wrong = field if known_below is None else below
            place = text.find(f".{wrong}", text.find(f"request.{field}"))
            raise BadExpression("compilation failed: " + _pointed(text, place, f"undefined field '{wrong}'"))
    uses = tuple(dict.fromkeys(_VARIABLE.findall(bare)))
    for name in uses:
        if name not in variables:
            place = text.find(f".{name}", text.find("variables"))
            raise BadExpression("compilation failed: " + _pointed(text, place, f"undefined field '{name}'"))
    return Expression(text, program, uses)


def constant_type(expression: Expression) -> str:
    """Return the type of an expression that depends on nothing; empty for any other, whose type is not inferred."""
    if expression.program.variables():
        return ""
    try:
        value = expression.program.execute(new_context())
    except FAULTS:
        return ""
    names = {bool: "bool", int: "int", float: "double", str: "string", bytes: "bytes", list: "list", dict: "map"}
    return names.get(type(value), "")


def _worded(text: str, error: str) -> str:
    """Return what the parser said, as the real server shows it."""
    unknown = re.search(r"undeclared reference to '([^']+)'", error)
    if unknown:
        call = re.search(rf"\b{re.escape(unknown[1])}\s*\(", text)
        return _undeclared(text, unknown[1], call.end() - 1 if call else 0)
    return error[max(error.find("ERROR:"), 0) :].replace("\n| ", "\n | ")


def _undeclared(text: str, name: str, place: int) -> str:
    return _pointed(text, place, f"undeclared reference to '{name}' (in container '')")


def _pointed(text: str, place: int, problem: str) -> str:
    """Return a problem with the line that it is in and a mark below its place."""
    before = text[: max(place, 0)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    shown = text.split("\n")[line - 1]
    return f"ERROR: <input>:{line}:{column}: {problem}\n | {shown}\n | {'.' * (column - 1)}^"


class Scope:
    """What the expressions of every policy see of one change; a value is converted for CEL when one first reads it."""

    def __init__(self, values: Json, authorizer: Authorizer) -> None:
        """Take the `values` of the top-level names; `authorizer` is added to them."""
        self.context = new_context()
        self._waiting = values | {"authorizer": authorizer.variable()}
        for name, function in authorizer.functions().items():
            self.context.add_function(name, function)

    def provide(self, names: list[str]) -> None:
        """Make the values of these names readable."""
        for name in names:
            if name in self._waiting:
                self.context.add_variable(name, self._waiting.pop(name))


class Evaluation:
    """Expressions of one policy on one change. A variable of the policy is computed once, when one needs it."""

    def __init__(self, scope: Scope, variables: dict[str, Expression]) -> None:
        self._scope = scope
        self._variables = variables
        self._known: Json = {}
        self._failed: dict[str, str] = {}

    def run(self, expression: Expression) -> Any:
        """Return the expression's value; raises EvaluationFailed."""
        for name in expression.uses:
            self._compute(name)
        self._scope.provide(expression.program.variables())
        known = {name: self._known[name] for name in expression.uses if name in self._known}
        self._scope.context.add_variable("variables", known)
        try:
            return expression.program.execute(self._scope.context)
        except FAULTS as error:
            cause = next((self._failed[name] for name in expression.uses if name in self._failed), _shown(error))
            raise EvaluationFailed(expression.text, cause) from error

    def _compute(self, name: str) -> None:
        if name in self._known or name in self._failed:
            return
        try:
            self._known[name] = self.run(self._variables[name])
        except EvaluationFailed as failed:
            # It counts only if the expression gets as far as reading it.
            self._failed[name] = f"composited variable {json.dumps(name)} fails to evaluate: {failed.cause}"


def _shown(error: Exception) -> str:
    return f"no such key: {error.args[0]}" if isinstance(error, KeyError) and error.args else str(error)
