"""A kubeconfig's `tokenFile`, read again as client-go does: what is in it is replaced before it expires.

Python's client library reads it once (it reads a pod's own token again, and asks an `exec` plugin again).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import yaml
from kubernetes.client import Configuration

REREAD: Final = 60.0
"""Seconds that a token is used without looking at its file: client-go's period, and that of a pod's own token."""


class TokenFile:
    """A hook of `Configuration`, called before each request; `now` is a clock in seconds."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        # At the first request already: the library leaves the line's end in it, which no header takes.
        self._due = now()

    @classmethod
    def of(cls, kubeconfig: Path, now: Callable[[], float]) -> Self | None:
        """The file that the current user of a readable kubeconfig names; None when there is none."""
        document: Any = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        contexts = {one["name"]: one["context"] for one in document["contexts"]}
        users = {one["name"]: one["user"] for one in document.get("users") or ()}
        user = users.get(contexts[document["current-context"]].get("user")) or {}
        file = user.get("tokenFile")
        return cls(kubeconfig.parent / file, now) if file else None

    def __call__(self, configuration: Configuration) -> None:
        """Take the file's token over; while it cannot be read, the one before serves."""
        if self._now() < self._due:
            return
        self._due = self._now() + REREAD
        try:
            token = self._path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return
        if token:
            # The library has named this entry differently from one version to the next.
            configuration.api_key |= dict.fromkeys(configuration.api_key, f"Bearer {token}")
