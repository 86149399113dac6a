"""JSON documents compared, merged and told apart as patches (RFC 6902). Pure.

Numbers are as JSON means them (2 and 2.0 are one), and a bool is no number.
"""

from collections.abc import Iterator
from typing import Any, Final

from shared.canonical import json_bytes

Operation = dict[str, Any]


class _Absent:
    """What stands where a map has no such key."""


ABSENT: Final = _Absent()


def same(one: Any, other: Any) -> bool:
    """Whether two documents are one in JSON; `ABSENT` is like nothing else."""
    if one is ABSENT or other is ABSENT:
        return one is other
    return json_bytes(one) == json_bytes(other)


def merged(base: Any, edited: Any, current: Any) -> Any:
    """`current` with what `edited` changed of `base`, and nothing else; `ABSENT` when it is to go."""
    if same(base, edited):
        return current
    if isinstance(base, dict) and isinstance(edited, dict) and isinstance(current, dict):
        found = {
            key: merged(base.get(key, ABSENT), edited.get(key, ABSENT), current.get(key, ABSENT))
            for key in dict.fromkeys((*current, *edited))
        }
        return {key: value for key, value in found.items() if value is not ABSENT}
    if isinstance(base, list) and isinstance(edited, list) and isinstance(current, list):
        if len(base) == len(edited) == len(current):
            return [merged(*items) for items in zip(base, edited, current, strict=True)]
        return edited
    return edited


def changes(before: Any, after: Any, path: str = "") -> Iterator[Operation]:
    """The operations that make `after` of `before`, which stands at `path`."""
    if same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before:
            if key not in after:
                yield {"op": "remove", "path": pointer(path, key)}
        for key, value in after.items():
            if key in before:
                yield from changes(before[key], value, pointer(path, key))
            else:
                yield {"op": "add", "path": pointer(path, key), "value": value}
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from changes(one, other, f"{path}/{index}")
    else:
        yield {"op": "replace", "path": path, "value": after}


def pointer(path: str, key: str) -> str:
    """The JSON pointer to `key` of the map at `path` (RFC 6901)."""
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
