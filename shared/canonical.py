"""Documents as bytes: one document, one text, on every machine.

What a function writes to Git is read by Helm, whose YAML is 1.1 as Go reads it, and by PyYAML, whose YAML 1.1 differs
in places (`1e3` is a string to one and a number to the other). So a string is written plain only where no dialect can
take it for anything else, and in double quotes otherwise.
"""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 100
"""Levels of nesting; far more than a values file has, and far less than Python's or Helm's own limits."""

_FEWEST_DIGITS_OF_AN_EXPONENT = 1e21
"""Go's and JavaScript's JSON write whole numbers below this without an exponent."""

_LONGEST_SIMPLE_KEY = 1000
"""YAML parsers refuse a `key: value` whose key is longer than 1024 characters; `? key` has no limit."""

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/_.@+=,%-]*(?::[A-Za-z0-9/_.@+=,%-]+)*")
"""Text that begins like no number, indicator or dot, without blanks; a colon is always followed by more text."""

_QUANTITY = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[KMGTPE]i|[mkMGTP])")
"""A Kubernetes quantity with a unit: no number in any dialect (the unit `E` is left out for its likeness to one)."""

_WORDS_WITH_A_MEANING = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029\ufeff]")
"""What may not, or had better not, stand in YAML as it is: controls, line separators, the byte order mark."""


def yaml_bytes(document: object, *, sort_keys: bool) -> bytes:
    """`document` as block-style YAML in UTF-8 that ends with one newline.

    Takes what JSON can hold (dict, list or tuple, str, int, float, bool, None); raises ValueError naming the path of
    anything else: a key that is no string, NaN, infinity, a number that no float64 can hold, a lone surrogate, too
    deep a nesting. With `sort_keys` the keys of every level are in code point order, otherwise in the order given.
    A whole number is written without a fraction, as an API server gives it back: 2.0 and 2 are the same text.
    """
    lines: list[str] = []
    _write_block(_checked(document, "", 0), 0, "", lines, sort_keys=sort_keys)
    return ("\n".join(lines) + "\n").encode()


def json_bytes(document: object) -> bytes:
    """`document` as canonical JSON in UTF-8: sorted keys, no blanks, no newline.

    Takes and refuses what `yaml_bytes` does.
    """
    checked = _checked(document, "", 0)
    return json.dumps(checked, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _checked(value: object, path: str, depth: int) -> Json:
    """`value` in JSON's own types, with whole floats as integers."""
    if depth > MAX_DEPTH:
        raise ValueError(f"{_named(path)[:200]}… is nested deeper than {MAX_DEPTH} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _checked_text(value, path)
    if isinstance(value, int):
        return _checked_integer(int(value), path)
    if isinstance(value, float):
        return _checked_float(float(value), path)
    if isinstance(value, Mapping):
        return {
            _checked_key(key, path): _checked(item, f"{path}.{key}" if path else str(key), depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_checked(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    raise ValueError(f"{_named(path)} is a {type(value).__name__}, which JSON cannot hold")


def _checked_key(key: object, path: str) -> str:
    if not isinstance(key, str):
        message = f"{_named(path)} has the key {key!r}, a {type(key).__name__}: quote it"
        raise ValueError(message)  # noqa: TRY004 - as for everything else that a document may not hold
    return _checked_text(key, path)


def _checked_text(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{_named(path)} holds half a surrogate pair, which is no character") from error
    return str.__str__(text)  # an enumeration's own __str__ would give its name


def _checked_integer(number: int, path: str) -> int:
    try:
        float(number)
    except OverflowError as error:
        raise ValueError(f"{_named(path)} is a number too large for JSON") from error
    return number


def _checked_float(number: float, path: str) -> int | float:
    if not math.isfinite(number):
        raise ValueError(f"{_named(path)} is {number}, which JSON cannot hold")
    whole = number.is_integer() and abs(number) < _FEWEST_DIGITS_OF_AN_EXPONENT
    return int(Decimal(repr(number))) if whole else number  # the shortest digits, as Go and JavaScript write them


def _named(path: str) -> str:
    return path or "the document"


def _write_block(value: Json, indent: int, opening: str, lines: list[str], *, sort_keys: bool) -> None:
    """Append `value` to `lines`; its first line begins with `opening`, the others with `indent` blanks."""
    if isinstance(value, dict) and value:
        for key in sorted(value) if sort_keys else value:
            _write_entry(key, value[key], indent, opening, lines, sort_keys=sort_keys)
            opening = " " * indent
    elif isinstance(value, list) and value:
        for item in value:
            _write_block(item, indent + 2, f"{opening}- ", lines, sort_keys=sort_keys)
            opening = " " * indent
    else:
        lines.append(opening + _scalar(value))


def _write_entry(key: str, item: Json, indent: int, opening: str, lines: list[str], *, sort_keys: bool) -> None:
    name = _text(key)
    if len(name) > _LONGEST_SIMPLE_KEY:
        lines.append(f"{opening}? {name}")
        name = " " * indent
    else:
        name = opening + name
    if isinstance(item, dict | list) and item:
        lines.append(f"{name}:")
        _write_block(item, indent + 2, " " * (indent + 2), lines, sort_keys=sort_keys)
    else:
        lines.append(f"{name}: {_scalar(item)}")


def _scalar(value: Json) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)  # null, true, false, digits, {} and [] are the same in both languages


def _float(number: float) -> str:
    """YAML 1.1 wants a point before an exponent: `1e-07` is a string to PyYAML."""
    mantissa, exponent_sign, exponent = repr(number).partition("e")
    point = "" if "." in mantissa else ".0"
    return f"{mantissa}{point}{exponent_sign}{exponent}"


def _text(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS_WITH_A_MEANING
    if plain or _QUANTITY.fullmatch(text):
        return text
    return _UNPRINTABLE.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
