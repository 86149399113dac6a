"""Gitea's REST interface over the server in memory."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import SecretStr

from shared.gitea import Gitea
from shared.gitea.client import Hook
from shared.history import PastCommit
from tests.stateful.repository import Server
from tests.stateful.server import Bare


class MemoryGitea(Gitea):
    """The calls that the functions make. `before` is told each by its name, and may raise."""

    def __init__(self, server: Server, organization: str, before: Callable[[str], None]) -> None:
        self._server = server
        self._organization = organization
        self._before = before
        self._hooks: dict[int, Hook] = {}
        self._ids = itertools.count(1)

    def seen_by(self, before: Callable[[str], None]) -> "MemoryGitea":
        """The same Gitea, for another process."""
        other = MemoryGitea(self._server, self._organization, before)
        other._hooks, other._ids = self._hooks, self._ids
        return other

    def close(self) -> None:
        return

    def ensure_organization(self, name: str) -> bool:
        self._before("ensure_organization")
        assert name == self._organization
        return False

    def ensure_repository(self, organization: str, name: str) -> bool:
        self._before("ensure_repository")
        if name in self._server.repositories:
            return False
        self._server.repositories[name] = Bare(is_rewritten=name in self._server.lost)
        return True

    def head(self, organization: str, repository: str, branch: str = "main") -> str | None:
        self._before("head")
        found = self._server.repositories.get(repository)
        return found.head if found else None

    def last_commit(self, organization: str, repository: str, path: str) -> PastCommit | None:
        self._before("last_commit")
        found = self._server.repositories.get(repository)
        one = found.last_change(path) if found else None
        if one is None:
            return None
        name, mail, seconds = one.author
        when = datetime.fromtimestamp(seconds, UTC).isoformat()
        generation = one.record.generation if one.record else 0
        return PastCommit(one.sha, when, f"{name} <{mail}>", one.claim, generation)

    def hooks(self, organization: str) -> Iterator[Hook]:
        self._before("hooks")
        return iter([replace(one) for one in self._hooks.values()])

    def create_hook(self, organization: str, url: str, secret: SecretStr, events: frozenset[str]) -> None:
        self._before("create_hook")
        number = next(self._ids)
        self._hooks[number] = Hook(number, url, active=True, events=events)

    def delete_hook(self, organization: str, hook: Hook) -> None:
        self._before("delete_hook")
        self._hooks.pop(hook.id, None)

    def ping(self) -> None:
        self._before("ping")
