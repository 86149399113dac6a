"""What a kind adds to the handling of its objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver.causes import Cause

Json = dict[str, Any]


@dataclass(frozen=True)
class Hooks:
    """What a kind adds: `defaults` on decoding (owned by the writer), `prepare` on storing, `validate` before it.

    `deleting` returns the version (never changed in place) that a DELETE leaves while finalizers remain.
    """

    defaults: Callable[[Json], None] = lambda _: None
    prepare: Callable[[Json, Json | None], None] = lambda _new, _old: None
    validate: Callable[[Json, Json | None], list[Cause]] = lambda _new, _old: []
    deleting: Callable[[Json], Json] = lambda value: value
