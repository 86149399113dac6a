"""Paths inside a repository, and edits arranged as the tree they change.

Nothing here reads a repository: what is refused is refused for every repository.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Edits: TypeAlias = Mapping[str, bytes | Mapping[str, bytes] | None]
"""Path → the file's bytes | the folder's exact content (path below it → bytes; empty: no folder) | None: remove."""

Folder: TypeAlias = "dict[str, bytes | Folder]"
"""Name → a file's bytes or a folder."""

MAX_SEGMENT = 255
"""Bytes of UTF-8 that the file systems of those who clone can hold in one name."""


@dataclass(frozen=True)
class Replace:
    """What stands at a path afterwards: a file, exactly this folder, or nothing."""

    content: bytes | Folder | None


Plan: TypeAlias = "dict[str, Replace | Plan]"
"""Name → what replaces it, or the plan for the folder of that name."""


def segments(path: str) -> tuple[str, ...]:
    """The names that `path` is made of.

    Raises ValueError for a path that is absolute or empty, that has an empty segment, `.`, `..` or anything that some
    file system takes for `.git`, control characters, a backslash, half a surrogate pair, or a name above 255 bytes.
    """
    parts = tuple(path.split("/"))
    for part in parts:
        fault = _fault(part)
        if fault:
            raise ValueError(f"the path {path[:300]!r} cannot be written to Git: {fault}")
    return parts


def any_segments(path: str) -> tuple[str, ...]:
    """The names of a path to look at or to remove: whatever a stranger has put there.

    Raises ValueError only for an empty name, which Git has not.
    """
    parts = tuple(path.split("/"))
    if not all(parts):
        raise ValueError(f"the path {path[:300]!r} is empty, absolute, or has an empty segment")
    return parts


def to_bytes(name: str) -> bytes:
    """A name as Git has it."""
    return name.encode("utf-8", "surrogateescape")


def to_text(name: bytes) -> str:
    """A name of Git's; a byte that is not of UTF-8 becomes half a surrogate pair, which `to_bytes` turns back."""
    return name.decode("utf-8", "surrogateescape")


def _fault(name: str) -> str | None:
    if not name:
        return "it is empty, absolute, or has an empty segment"
    if name in {".", ".."}:
        return "it has a relative segment"
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or character == "\\" for character in name):
        return "it has a control character, a backslash or half a character"
    if len(name.encode()) > MAX_SEGMENT:
        return f"a segment is longer than {MAX_SEGMENT} bytes"
    # HFS+ drops invisible characters, NTFS trailing dots and blanks, streams (`.git::$INDEX`) and has short names.
    visible = "".join(character for character in name if unicodedata.category(character) != "Cf")
    if visible.casefold().partition(":")[0].rstrip(". ") in {".git", "git~1"}:
        return "it has a segment that a file system may take for .git"
    return None


def plan(edits: Edits) -> Plan:
    """Arrange `edits` as a tree. Raises ValueError for a bad path and for two edits that touch the same path.

    What may not be written may still be removed.
    """
    root: Plan = {}
    for path, content in edits.items():
        *parents, name = any_segments(path) if content is None else segments(path)
        folder = root
        for parent in parents:
            below = folder.setdefault(parent, {})
            if isinstance(below, Replace):
                raise ValueError(f"the edit of {path!r} lies inside another edit")  # noqa: TRY004 - of the argument
            folder = below
        if name in folder:
            raise ValueError(f"another edit lies inside that of {path!r}")
        folder[name] = Replace(content if content is None or isinstance(content, bytes) else _folder(path, content))
    return root


def _folder(path: str, files: Mapping[str, bytes]) -> Folder | None:
    """The nested form of `files`; None for an empty one, which Git does not know."""
    root: Folder = {}
    for relative, content in files.items():
        *parents, name = segments(relative)
        folder = root
        for parent in parents:
            below = folder.setdefault(parent, {})
            if isinstance(below, bytes):
                raise ValueError(f"{path}/{relative} lies inside a file")  # noqa: TRY004 - a fault of the content
            folder = below
        if name in folder:
            raise ValueError(f"{path}/{relative} is a file and a folder")
        folder[name] = content
    return root or None
