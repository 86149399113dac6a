"""A values file as Helm reads it: YAML 1.1 as Go reads it, which is not Python's.

What a word or a number means follows go-yaml v2's `resolve.go`, which Helm reads its files with.
"""

import json
import math
import re
from typing import Any, Final

import yaml

from shared.canonical import json_bytes

MAX_BYTES: Final = 1024 * 1024
"""More than a claim's values can hold."""

_TRUE: Final = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE: Final = frozenset(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
_SPECIAL: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_INTEGER: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES: Final = (16, 2, 8, 10)
_LEAST, _MOST = -(2**63), 2**64 - 1
_TAG: Final = "tag:yaml.org,2002:"


class Unreadable(Exception):
    """The file does not hold values that a claim can hold; the message says why, on one line and without them."""


def read(content: bytes) -> dict[str, Any]:
    """The values in a file, whole numbers as int; raises `Unreadable`."""
    if len(content) > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES} bytes")
    loader = None
    try:
        loader = _Loader(content.decode())
        document = loader.get_single_data()
        document = {} if document is None else document
        if not isinstance(document, dict):
            raise Unreadable("it is not a map")
        values: dict[str, Any] = json.loads(json_bytes(document))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise Unreadable(f"it is not YAML that Helm reads{where}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("it is not UTF-8, or nested too deeply") from error
    except ValueError as error:
        raise Unreadable(str(error)) from error
    finally:
        if loader is not None:
            loader.dispose()
    return values


class _Loader(yaml.SafeLoader):
    """Go's meaning of plain scalars, and no aliases: a few lines of them are gigabytes when written out."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise Unreadable("it uses an alias (*name), which a claim cannot: write out what it stands for")
        return super().compose_node(parent, index)

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return _TAG + _meaning(value)
        found: str = super().resolve(  # type: ignore[no-untyped-call]  # the stubs leave it untyped
            kind, value, (False, True) if kind is yaml.ScalarNode else implicit
        )
        return found


def _construct_number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    number = _number(node.value)
    if number is None:
        raise Unreadable(f"line {node.start_mark.line + 1} calls something a number that is none")
    return number


def _construct_bool(_loader: _Loader, node: yaml.ScalarNode) -> bool:
    return node.value in _TRUE


def _construct_merge(_loader: _Loader, node: yaml.ScalarNode) -> str:
    """As a value it is text; as a key it never gets here."""
    return str(node.value)


_Loader.add_constructor(f"{_TAG}merge", _construct_merge)
_Loader.add_constructor(f"{_TAG}int", _construct_number)
_Loader.add_constructor(f"{_TAG}float", _construct_number)
_Loader.add_constructor(f"{_TAG}bool", _construct_bool)


def _meaning(text: str) -> str:
    if text in _NULL:
        return "null"
    if text in _TRUE or text in _FALSE:
        return "bool"
    if text == "<<":
        return "merge"
    return "str" if _number(text) is None else "float"


def _number(text: str) -> int | float | None:
    """The number that a plain scalar is to Go; None for text. A number too large for a float64 is text."""
    if _SPECIAL.fullmatch(text):
        return math.nan
    if text.startswith(("_", "._")):
        return None
    plain = text.replace("_", "")
    if integer := _INTEGER.fullmatch(plain):
        sign, *digits = integer.groups()
        base, shown = next((base, one) for base, one in zip(_BASES, digits, strict=True) if one is not None)
        number = int(f"{sign}{shown}", base)
        if _LEAST <= number <= _MOST:
            return number
    if _FLOAT.fullmatch(plain):
        real = float(plain)
        return real if math.isfinite(real) else None
    return None
