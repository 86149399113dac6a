"""Several faults found in one look at a spec, each at its own path."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at `path`, which is relative to the model that is being validated.

    `message` reads on after the value: `"platform-x" begins with …`. It may quote names, and nothing else.
    """

    path: tuple[str | int, ...]
    message: str


def refuse(title: str, problems: Iterable[Problem]) -> None:
    """Raise all of `problems` at once, or do nothing when there are none. For use inside a validator."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("rule", "{message}", {"message": problem.message}), loc=problem.path, input=None
        )
        for problem in problems
    ]
    if details:
        raise ValidationError.from_exception_data(title, details, hide_input=True)


def repeated(names: Iterable[str], path: tuple[str | int, ...], key: str | None = None) -> Iterable[Problem]:
    """A problem for each name that an earlier item of the list at `path` has already.

    `key` is the field that holds the name, or None for a list of plain strings.
    """
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        first = seen.setdefault(name, index)
        if first != index:
            where = (*path, index, key) if key else (*path, index)
            yield Problem(where, f'"{name}" is already the name of item {first}: names are unique')
