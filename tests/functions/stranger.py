"""Somebody who may write to `voltran` and is none of the functions; what Gitea then tells of it."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx

from shared.events import Delivery, Event
from shared.git import Author, Remote, Repository
from tests.functions.platform import Platform

ZERO = "0" * 40
EVE = "Eve <eve@example.com>"
LATER = datetime(2026, 11, 23, 13, 0, 0, tzinfo=UTC)


class Stranger:
    """With a clone and a token of their own."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        server, organization = platform.server, platform.organization
        self._api = f"{server.endpoint}/api/v1/repos/{organization}/voltran"
        self._name = f"{organization}/voltran"
        self._repository = Repository(
            platform.cache / "stranger",
            Remote(f"{server.endpoint}/{organization}/voltran.git"),
            token=lambda: server.token,
            author=Author("Eve", "eve@example.com"),
            clock=lambda: LATER,
        )

    def push(self, edits: Mapping[str, bytes | Mapping[str, bytes] | None], message: str = "Fix it") -> Event:
        """A commit; a folder is given with all that shall be in it, and None removes."""
        with self._repository.transaction() as git:
            before = git.head
            after = git.commit(edits, message)
            assert after is not None, "the stranger changes something"
            git.push()
        return self._event("push", before=before or ZERO, after=after, messages=(message,), total=1)

    def reset(self, revision: str) -> Event:
        """A force-push to an older commit."""
        before = self._platform.head() or ZERO
        self._git("push", "-q", "--force", "origin", f"{revision}:refs/heads/main")
        return self._event("push", before=before, after=revision)

    def rewrite(self) -> Event:
        """A force-push of everything there is as one commit without a past."""
        before = self._platform.head() or ZERO
        author = ("-c", "user.name=Eve", "-c", "user.email=eve@example.com")
        root = self._platform.git(*author, "commit-tree", "-m", "All history is mine", "main^{tree}").strip()
        self._git("push", "-q", "--force", "origin", f"{root}:refs/heads/main")
        return self._event("push", before=before, after=root, messages=("All history is mine",), total=1)

    def delete_branch(self) -> Event:
        """Gitea deletes no default branch, so it is made another's first."""
        self._call("POST", "/branches", {"new_branch_name": "other", "old_branch_name": "main"})
        self._call("PATCH", "", {"default_branch": "other"})
        self._call("DELETE", "/branches/main")
        return self._event("delete", ref="main")

    def give_branch_back(self) -> None:
        """Its old place, once it is there again."""
        self._call("PATCH", "", {"default_branch": "main"})

    def delete_repository(self) -> Event:
        """Gitea tells the organization's hook."""
        self._call("DELETE", "")
        return Event(uuid.uuid4().hex, "io.infraforge.gitea.repository", delivery=Delivery(self._name, "deleted"))

    def _event(
        self,
        kind: str,
        *,
        ref: str = "refs/heads/main",
        before: str = "",
        after: str = "",
        messages: tuple[str, ...] = (),
        total: int = 0,
    ) -> Event:
        delivery = Delivery(self._name, "", ref, before, after, messages, total)
        return Event(uuid.uuid4().hex, f"io.infraforge.gitea.{kind}", delivery=delivery)

    def _git(self, *arguments: str) -> None:
        self._platform.git("config", "--unset-all", "remote.origin.mirror") if self._mirrors() else None
        self._platform.git(*arguments)

    def _mirrors(self) -> bool:
        return "remote.origin.mirror" in self._platform.git("config", "--list", "--name-only")

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> None:
        httpx.request(method, f"{self._api}{path}", auth=self._platform.server.admin, json=body).raise_for_status()
