"""Lists in messages for people: a few by name, the rest counted."""

from collections.abc import Sequence


def listed(items: Sequence[str], most: int, separator: str = ", ") -> str:
    """`a, b and 3 more`: at most `most` of `items`, and how many are left out."""
    left = len(items) - most
    rest = f"{' ' if separator == ', ' else separator}and {left} more" if left > 0 else ""
    return separator.join(items[:most]) + rest


def counted(number: int, noun: str) -> str:
    """`1 claim`, `3 claims`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
