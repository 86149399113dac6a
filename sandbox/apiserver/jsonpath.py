"""The JSONPath of printer columns: fields, indexes, `*` and filters such as `[?(@.type=="Ready")]`."""

import re
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"\.(?P<field>(?:\\.|[^.\[\\])+)"
    r"|\[(?P<index>-?\d+)\]"
    r"|\[(?P<all>\*)\]"
    r"|\[['\"](?P<quoted>[^'\"]+)['\"]\]"
    r"|\[\?\(\s*@\.(?P<key>[\w.-]+)\s*(?P<operator>==|!=)\s*['\"]?(?P<value>[^'\")]*)['\"]?\s*\)\]"
)


def first(path: str, value: Any) -> Any:
    """Return the first value at `path`, or None when there is none."""
    found = [value]
    for step in _steps(path):
        found = [item for parent in found for item in _take(step, parent)]
    return found[0] if found else None


@lru_cache(maxsize=256)
def _steps(path: str) -> tuple[re.Match[str], ...]:
    return tuple(_STEP.finditer(path))


def _take(step: re.Match[str], value: Any) -> list[Any]:
    key = step["field"] or step["quoted"]
    if key is not None:
        key = key.replace("\\", "")
        if key == "*" and isinstance(value, dict):
            return list(value.values())
        return [value[key]] if isinstance(value, dict) and key in value else []
    if not isinstance(value, list):
        return []
    if step["index"] is not None:
        index = int(step["index"])
        return [value[index]] if -len(value) <= index < len(value) else []
    if step["all"]:
        return value
    equal = step["operator"] == "=="
    return [item for item in value if isinstance(item, dict) and (str(item.get(step["key"])) == step["value"]) is equal]
