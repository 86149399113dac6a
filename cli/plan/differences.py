"""Texts compared, and what of them nobody should see."""

import difflib
from collections.abc import Mapping
from typing import Any, Final

from cli.helm_values import Unreadable, read
from cli.plan.stand_ins import UNRESOLVED
from shared import leaks
from shared.claims.values import MAX_DEPTH

ASKED_LATER: Final = "sha256:(resolved when it is applied)"
HIDDEN: Final = "it holds what looks like a credential"
NO_TEXT: Final = "it is no text"
VALUES: Final = "environments/"
"""Where a person's values are; elsewhere there is nothing but what is made of checked names."""
MAX_SHOWN: Final = 1024 * 1024
"""Bytes of a file; what is larger nobody reads."""


def unified(path: str, before: str | None, after: str | None) -> str:
    """A unified diff as `git diff` prints it, without its first line; empty for equal texts."""
    old, new = (_lines(text) for text in (before, after))
    names = (f"a/{path}" if before is not None else "/dev/null", f"b/{path}" if after is not None else "/dev/null")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(old, new, *names)
    )


def shown(before: bytes | None, after: bytes | None, path: str) -> tuple[str, str | None]:
    """The diff of a file, and None or why it is not shown."""
    texts: list[str | None] = []
    for content in (before, after):
        if content is None:
            texts.append(None)
            continue
        text = _text(content)
        if text is None:
            return "", NO_TEXT
        if path.startswith(VALUES) and _leaks(content):
            return "", HIDDEN
        texts.append(text.replace(UNRESOLVED, ASKED_LATER))
    return unified(path, *texts), None


def values(content: bytes | None) -> Mapping[str, Any]:
    """A values file; empty when it is not there or cannot be read."""
    try:
        return {} if content is None else read(content)
    except Unreadable:
        return {}


def _leaks(content: bytes) -> bool:
    """Whether a credential is in it; what cannot be read may hold one."""
    try:
        found = read(content)
    except Unreadable:
        return True
    return _is_too_deep(found, MAX_DEPTH * 2) or bool(leaks.find(found))


def _is_too_deep(node: Any, left: int) -> bool:
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    return left == 0 or any(_is_too_deep(child, left - 1) for child in children)


def _text(content: bytes) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if len(content) > MAX_SHOWN or "\0" in text else text


def _lines(text: str | None) -> list[str]:
    """Lines as YAML and Git have them: `str.splitlines` also splits at characters that neither takes for an end."""
    lines = (text or "").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
