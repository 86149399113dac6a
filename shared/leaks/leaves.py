"""The strings of a document, each with its path and the key that says what it is."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from shared.leaks.keys import is_credential, speaks_of_credentials
from shared.leaks.texts import reveals

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_/-]{0,63}")
_OPTION: Final = re.compile(r"--?([A-Za-z][\w.-]*)")
_NAME_KEYS: Final = ("name", "key", "option", "parameter")
"""What says, beside `value`, what the value is: `env: [{name: POSTGRES_PASSWORD, value: …}]`."""


def find(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The sorted paths of the leaves of `values` that hold a credential, such as `env[2].value`.

    A path never holds a secret: a key that is one, or that no message should hold, is named by its place among its
    sorted neighbours (`headers.<key 2>`), and so is the path of the leaf that ends there. The answer depends on
    `values` alone. `values` is JSON, not nested deeper than a claim allows (`shared.claims.values.MAX_DEPTH`).
    """
    return tuple(sorted(set(_leaks(values, "", ""))))


def without(document: Mapping[str, Any], paths: Collection[str]) -> dict[str, Any]:
    """A copy of `document` that lacks what stands at `paths`, which are as `find` gives them for `document`."""
    return dict(_entries(document, "", frozenset(paths)))


def _leaks(node: Any, path: str, key: str) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from _leaks_of_map(node, path, key)
    elif isinstance(node, list | tuple):
        before = ""
        for index, item in enumerate(node):
            option = _OPTION.fullmatch(before)
            yield from _leaks(item, f"{path}[{index}]", option[1] if option and not _is_option(item) else key)
            before = item if isinstance(item, str) else ""
    elif (isinstance(node, str) and (is_credential(key, node) or reveals(key, node))) or (
        isinstance(node, int) and not isinstance(node, bool) and speaks_of_credentials(key, "password")
    ):
        yield path


def _leaks_of_map(node: Mapping[str, Any], path: str, key: str) -> Iterator[str]:
    said = next((node[name] for name in _NAME_KEYS if isinstance(node.get(name), str)), "") if "value" in node else ""
    for place, name in enumerate(sorted(node), start=1):
        if reveals("", name):
            yield _below(path, name, place, hidden=True)
            continue
        inherited = f"{key}.{name}" if speaks_of_credentials(key, "passwords") else name
        meaning = said if name == "value" and said else inherited
        yield from _leaks(node[name], _below(path, name, place, hidden=False), meaning)


def _copy(node: Any, path: str, dropped: frozenset[str]) -> Any:
    if isinstance(node, Mapping):
        return dict(_entries(node, path, dropped))
    if isinstance(node, list | tuple):
        places = [(f"{path}[{index}]", item) for index, item in enumerate(node)]
        return [_copy(item, place, dropped) for place, item in places if place not in dropped]
    return node


def _entries(node: Mapping[str, Any], path: str, dropped: frozenset[str]) -> Iterator[tuple[str, Any]]:
    places = {name: place for place, name in enumerate(sorted(node), start=1)}
    for name, item in node.items():
        shown, hidden = (_below(path, name, places[name], hidden=hidden) for hidden in (False, True))
        if dropped.isdisjoint((shown, hidden)):
            yield name, _copy(item, shown, dropped)


def _below(path: str, key: str, place: int, *, hidden: bool) -> str:
    """The path of an entry: dotted where the key is plain, quoted where it is printable and short, else by place."""
    if not hidden and _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    if not hidden and len(key) <= 64 and key.isprintable():  # noqa: PLR2004 - as _PLAIN_KEY
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.<key {place}>" if path else f"<key {place}>"


def _is_option(item: object) -> bool:
    return isinstance(item, str) and item.startswith("-")
