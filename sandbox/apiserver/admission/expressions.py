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
        program = compiled(text, FUNCTIONS if "authorizer" in known else frozenset())
    except ValueError as error:
        raise BadExpression(f"compilation failed: {error}") from error
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', '""', text)
    allowed = known | set(_BOUND.findall(bare)) | _TYPES | ({"variables"} if variables else set())
    for name in program.variables():
        if name not in allowed:
            raise BadExpression(f"compilation failed: ERROR: undeclared reference to '{name}' (in container '')")
    uses = tuple(dict.fromkeys(_VARIABLE.findall(bare)))
    for name in uses:
        if name not in variables:
            raise BadExpression(f"compilation failed: ERROR: undefined field '{name}'")
    return Expression(text, program, uses)


class Evaluation:
    """Expressions of one policy on one change. A variable of the policy is computed once, when one needs it."""

    def __init__(self, values: Json, authorizer: Authorizer, variables: dict[str, Expression]) -> None:
        """Take the `values` of the top-level names; `authorizer` is added to them."""
        self._variables = variables
        self._known: Json = {}
        self._failed: dict[str, str] = {}
        self._context = new_context()
        for name, function in authorizer.functions().items():
            self._context.add_function(name, function)
        for name, value in (values | {"authorizer": authorizer.variable()}).items():
            self._context.add_variable(name, value)

    def run(self, expression: Expression) -> Any:
        """Return the expression's value; raises EvaluationFailed."""
        for name in expression.uses:
            self._compute(name)
        known = {name: self._known[name] for name in expression.uses if name in self._known}
        self._context.add_variable("variables", known)
        try:
            return expression.program.execute(self._context)
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
