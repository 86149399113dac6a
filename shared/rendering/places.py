"""A place in a chart's values, as a JSON pointer says it and as the claim's author knows it. Pure."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from shared import leaks

Place = tuple[str, ...]
"""Keys and indices from the top of the values down to one of them."""

MISSING: Final = object()
"""What `Values.at` gives for a place where nothing is."""
MAX_SHOWN: Final = 60

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_INDEX: Final = re.compile(r"[0-9]{1,9}")
_DOTTED: Final = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+|\[[0-9]{1,9}\])*")
_IMAGE: Final = "image"
_NAMESPACES: Final = "namespaces"


def pointer(text: str) -> Place:
    """The place that a JSON pointer (RFC 6901) names: `/ingress/annotations/a~1b`."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def dotted(text: str) -> tuple[Place, str]:
    """The place that `text` begins with as our charts write it (`namespaces[1].name`), and what follows it."""
    found = _DOTTED.match(text)
    if found is None:
        return (), text
    return tuple(part for part in re.split(r"[.\[\]]+", found[0]) if part), text[found.end() :]


class Values:
    """The values of one rendering, the chart's own defaults behind them, and what the claim calls their places.

    `row` is where the claim has what the values are made of: `applications[0]`, `namespaces[2]` (the values are then a
    list of that one namespace), or "" for a claim whose spec they are.
    """

    def __init__(self, row: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self.given = given
        self.defaults = defaults
        self._row = row
        self._leaks = leaks.find(given)
        self.secrets = _hidden(given, leaks.without(given, self._leaks))

    def name(self, place: Place) -> str:
        """The place in the claim's terms; an application's image has a field beside its values."""
        beside = self._row.startswith("applications") and place[:1] == (_IMAGE,)
        text = self._row if beside or not self._row else f"{self._row}.values"
        node: Any = self.given if place and place[0] in self.given else self.defaults
        if self._row.startswith(_NAMESPACES):
            inside = place[:2] == (_NAMESPACES, "0")
            text, node, place = (self._row, _walk(node, place[:2]), place[2:]) if inside else ("", node, place)
        for part in place:
            if isinstance(node, Sequence) and not isinstance(node, str) and _INDEX.fullmatch(part):
                text += f"[{part}]"
            elif _PLAIN.fullmatch(part):
                text += f".{part}" if text else part
            else:
                text += f"[{json.dumps(part[:MAX_SHOWN], ensure_ascii=False)}]"
            node = _step(node, part)
        return text or "spec"

    def chart(self) -> str:
        """What the claim calls the chart."""
        return f"{self._row}.chart" if self._row else "its chart"

    def at(self, place: Place) -> Any:
        """What the claim says there, or `MISSING`."""
        return _walk(self.given, place)

    def shown(self, place: Place) -> str | None:
        """What stands there as it may be quoted: a short scalar that is no credential; None otherwise."""
        value = _walk(self._document(place), place)
        if value is MISSING or isinstance(value, Mapping | list | tuple):
            return None
        text = json.dumps(value, ensure_ascii=False)
        if len(text) > MAX_SHOWN or not text.isprintable() or value in self.secrets:
            return None
        return None if leaks.find({place[-1] if place else "value": value}) else text

    def siblings(self, place: Place) -> list[str]:
        """The names that the chart's defaults have beside the last one of `place`."""
        found = _walk(self.defaults, place[:-1])
        return sorted(found) if isinstance(found, Mapping) else []

    def named(self, key: str) -> list[Place]:
        """Where the claim has an entry of this name."""
        return [place for place, _ in _entries(self.given, ()) if place[-1] == key]

    def knows(self, key: str) -> bool:
        """Whether `key` is one of the values at the top."""
        return key in self.given or key in self.defaults

    def _document(self, place: Place) -> Mapping[str, Any]:
        return self.given if _walk(self.given, place) is not MISSING else self.defaults


def _walk(node: Any, place: Place) -> Any:
    for part in place:
        node = _step(node, part)
    return node


def _step(node: Any, part: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(part, MISSING)
    if isinstance(node, list | tuple) and _INDEX.fullmatch(part) and int(part) < len(node):
        return node[int(part)]
    return MISSING


def _entries(node: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Every entry of every map in `node`, and every scalar in its lists."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield (*place, str(key)), value
            yield from _entries(value, (*place, str(key)))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            if not isinstance(value, Mapping | list | tuple):
                yield (*place, str(index)), value
            yield from _entries(value, (*place, str(index)))


def _hidden(given: Mapping[str, Any], rest: Mapping[str, Any]) -> frozenset[str | int]:
    """The scalars that `given` has more often than `rest` has, and names that are credentials themselves."""

    def scalars(node: Mapping[str, Any]) -> Counter[str | int]:
        return Counter(
            value for _, value in _entries(node, ()) if isinstance(value, str | int) and not isinstance(value, bool)
        )

    names = {place[-1] for place, _ in _entries(given, ())} - {place[-1] for place, _ in _entries(rest, ())}
    return frozenset({*(scalars(given) - scalars(rest)), *(name for name in names if leaks.find({name: ""}))})
