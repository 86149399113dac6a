"""The tags that a repository has, and those that look most like a wanted one."""

import difflib
import heapq
import re
from collections.abc import Iterable
from typing import Final

from shared.oci.reference import is_tag

MAX_NEAREST: Final = 5
MAX_COMPARED: Final = 2000

_VERSION: Final = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})(?![0-9])(.*)", re.DOTALL)
_SIGNATURE: Final = re.compile(r"sha256-[0-9a-f]{64}(?:\..+)?")


def nearest(wanted: str, tags: Iterable[str]) -> tuple[str, ...]:
    """At most five of `tags`, the most alike first: versions by their numbers, other names by their letters.

    What is not a well-formed tag, and cosign's signatures (`sha256-….sig`), are left out.
    """
    known = sorted({tag for tag in tags if is_tag(tag) and not _SIGNATURE.fullmatch(tag)})
    found: list[str] = []
    target = _version(wanted)
    if target is not None:
        versions = [(_distance(target, version), tag) for tag in known if (version := _version(tag)) is not None]
        found = [tag for _, tag in heapq.nsmallest(MAX_NEAREST, versions)]
    rest = [tag for tag in known if tag not in found][-MAX_COMPARED:]
    if len(found) < MAX_NEAREST:
        found += difflib.get_close_matches(wanted, rest, n=MAX_NEAREST - len(found), cutoff=0.0)
    return tuple(found)


def _version(tag: str) -> tuple[tuple[int, ...], str] | None:
    """Up to four numbers, and what follows them (`-alpine`)."""
    found = _VERSION.fullmatch(tag)
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    return tuple(numbers + [0] * (4 - len(numbers))), found[2]


def _distance(one: tuple[tuple[int, ...], str], other: tuple[tuple[int, ...], str]) -> tuple[tuple[int, ...], bool]:
    """How far two versions are apart: the first number that differs counts most, another suffix least."""
    return tuple(abs(a - b) for a, b in zip(one[0], other[0], strict=True)), one[1] != other[1]
