"""The audit log: one JSON line a request, for tests that compare what was asked with what roles grant."""

import json
from pathlib import Path

from sandbox.apiserver.access.attributes import Attributes
from sandbox.apiserver.access.users import User


class Audit:
    """Appends to a file, a whole line at a time, so that a reader sees every answered request."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def write(self, user: User, wish: Attributes, *, allowed: bool, code: int) -> None:
        """Write down what the user asked for, whether their roles allow it, and the answer's HTTP status."""
        line = {
            "user": user.name,
            "verb": wish.verb,
            "group": wish.group,
            "resource": wish.resource,
            "subresource": wish.subresource,
            "namespace": wish.namespace,
            "name": wish.name,
            "path": wish.path,
            "allowed": allowed,
            "code": code,
        }
        self._file.write(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
