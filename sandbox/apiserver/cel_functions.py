"""The functions that CEL expressions may call here, and expressions compiled with them.

Not covered, and refused on compilation: `.?` and `[?]` selection, `cel.bind`, macros with two variables, and the
Kubernetes types url, ip, cidr, quantity, semver and format. The cost of an expression is not estimated.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from sandbox.apiserver.cel_library import FUNCTIONS, Context, add_functions, compile_expression

_NATIVE: Final = (
    "all exists exists_one filter map size has contains startsWith endsWith matches int uint double string bytes "
    "timestamp duration type dyn bool of none hasValue value orValue or optional getFullYear getMonth getDate "
    "getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes getSeconds getMilliseconds"
)
FAULTS: Final = (KeyError, RuntimeError, TypeError, ValueError)
"""What an expression's evaluation raises."""


def _is_sorted(items: list[Any]) -> bool:
    return all(left <= right for left, right in pairwise(items))


def _index_of(where: Any, what: Any) -> int:
    if isinstance(where, str):
        return where.find(what)
    return where.index(what) if what in where else -1


def _find(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    return match.group() if match else ""


def _find_all(text: str, pattern: str) -> list[str]:
    return [match.group() for match in re.finditer(pattern, text)]


def _string(value: Any) -> str:
    """Convert what the library's own `string` does not: truth values."""
    return str(value).lower() if isinstance(value, bool) else str(value)


_KUBERNETES: Final[dict[str, Callable[..., Any]]] = {
    "isSorted": _is_sorted,
    "indexOf": _index_of,
    "find": _find,
    "findAll": _find_all,
    "string": _string,
}
_NOT_KUBERNETES: Final = ("math.", "base64.")
"""Libraries that the real server's environment (k8s.io/apiserver, pkg/cel/environment/base.go) does not have."""
_KNOWN: Final = frozenset(
    {name.rpartition(".")[2] for name in FUNCTIONS if not name.startswith(_NOT_KUBERNETES)}
    | set(_NATIVE.split())
    | set(_KUBERNETES)
)


def new_context() -> Any:
    """Return a context with every function and no variable."""
    context = Context()
    add_functions(context)
    for name, function in _KUBERNETES.items():
        context.add_function(name, function)
    return context


def compiled(text: str, more: frozenset[str] = frozenset()) -> Any:
    """Return a program; ValueError says why there is none. `more` are functions that its context will have besides."""
    program = compile_expression(text)
    unknown = [name for name in program.functions() if name.isidentifier() and name not in _KNOWN | more]
    if unknown:
        raise ValueError(f"undeclared reference to '{unknown[0]}'")
    return program
