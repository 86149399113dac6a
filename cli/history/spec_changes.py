"""What changed between two specs of a claim, by paths as Kubernetes writes them. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cli.json_patch import ABSENT, same

MAX_SHOWN: Final = 200
"""Characters of a value that people are shown."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_KEYS: Final = ("name", "type")
"""What tells the items of a list apart, where all of them have it."""


@dataclass(frozen=True)
class Change:
    """One value that differs; `ABSENT` on the side where there is none."""

    path: str
    before: Any
    after: Any

    @property
    def is_removal(self) -> bool:
        """Whether it only takes something away."""
        return self.after is ABSENT

    @property
    def line(self) -> str:
        """E.g. `applications[user-service].image.tag: v1 → v2`."""
        if self.before is ABSENT:
            return f"{self.path}: added {_shown(self.after)}"
        if self.after is ABSENT:
            return f"{self.path}: removed (was {_shown(self.before)})"
        return f"{self.path}: {_shown(self.before)} → {_shown(self.after)}"

    def document(self) -> dict[str, Any]:
        """For programs: `before` or `after` is left out where there is none."""
        sides = {"before": self.before, "after": self.after}
        return {"path": self.path} | {name: value for name, value in sides.items() if value is not ABSENT}


def between(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """The differences of two specs; items of lists are told apart by their names, where they have some."""
    if same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from between(before.get(key, ABSENT), after.get(key, ABSENT), _below(path, key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _between_lists(before, after, path)
    else:
        yield Change(path, before, after)


def _between_lists(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[Change]:
    key = next((key for key in _KEYS if _tells_apart(key, before) and _tells_apart(key, after)), None)
    if key is not None:
        one, other = ({item[key]: item for item in items} for items in (before, after))
        changes = [
            change
            for name in dict.fromkeys((*one, *other))
            for change in between(one.get(name, ABSENT), other.get(name, ABSENT), f"{path}[{name}]")
        ]
        yield from changes or [Change(f"{path}[*].{key}", list(one), list(other))]  # nothing but their order
    elif len(before) == len(after):
        for index, (one_, other_) in enumerate(zip(before, after, strict=True)):
            yield from between(one_, other_, f"{path}[{index}]")
    else:
        yield Change(path, before, after)


def _tells_apart(key: str, items: Sequence[Any]) -> bool:
    names = [item.get(key) if isinstance(item, Mapping) else None for item in items]
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _below(path: str, key: str) -> str:
    if not _PLAIN.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) and value.isprintable() and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
