"""A stand-in for Git's transaction and for Gitea, and a claim that is written with them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from shared.attempt import Attempt
from shared.changes import Change, Plan
from shared.claims import PlatformClaim
from shared.errors import Forbidden
from shared.events import ClaimRef
from shared.git import Edits, Repository, RepositoryMissing, Transaction
from shared.gitea import Gitea
from shared.history import PastCommit
from shared.kinds import PLATFORM
from shared.kube.recorder import Recorder
from shared.memory import Memory
from shared.telemetry import Metrics
from shared.tracing import Tracing
from shared.voltran import Voltran
from tests.fakes import FakeKube

A, B = "environments/nonprod/dev/platform/a", "environments/nonprod/dev/platform/b"
SET = "appsets/nonprod/platform/dev-platform-appset.yaml"
CHANGE = Change(folders={A: {"values.yaml": b"a"}, B: {"values.yaml": b"b"}}, files={SET: b"set"})
SCOPE = ("environments/nonprod/dev/platform", SET)
REF = ClaimRef("PlatformClaim", "dev", "p")


class FakeGit:
    """A repository that finds so much changed, and the one transaction on it."""

    def __init__(self, differing: Iterable[str] = (), names: tuple[str, ...] = (), head: str | None = "head-1") -> None:
        self.differing = frozenset(differing)
        self.head = self.tip = head
        self.is_missing = False
        self.is_closed = False
        self.is_rewritten = False
        self.gone: frozenset[str] = frozenset()
        self.since: list[str | None] = []
        self._names = names
        self.log: list[str] = []
        self.message = ""

    @contextmanager
    def transaction(self) -> Iterator["FakeGit"]:
        if self.is_missing:
            raise RepositoryMissing("no such repository")
        if self.is_closed:
            raise Forbidden("Gitea does not accept the token", reason="TokenRefused")
        self.tip = self.head
        yield self

    @property
    def is_prepared(self) -> bool:
        return self.tip != self.head

    def look_ahead(self, _: Sequence[str]) -> None:
        return

    def mark(self) -> str | None:
        return self.tip

    def rollback(self, mark: str | None) -> None:
        self.tip = mark

    def changed(self, _: Edits) -> frozenset[str]:
        return self.differing

    def commit(self, _: Edits, message: str) -> str:
        self.log.append("commit")
        self.message = message
        self.tip = "new-sha"
        return "new-sha"

    def push(self) -> None:
        self.log.append("push")
        self.head = self.tip

    def touched(self, since: str | None) -> frozenset[str] | None:
        self.since.append(since)
        return None if since is None else self.differing

    def commits(self, since: str, most: int) -> tuple[str, ...] | None:
        """None is a history that `since` is not part of."""
        return None if self.is_rewritten or since in self.gone else ()

    def names(self, _: str) -> tuple[str, ...]:
        return self._names


class FakeGitea:
    """Gitea's memory of who changed what."""

    def __init__(self, **commits: PastCommit) -> None:
        self.commits = commits
        self.asked: list[tuple[str, str, str]] = []

    def last_commit(self, organization: str, repository: str, path: str) -> PastCommit | None:
        self.asked.append((organization, repository, path))
        return self.commits.get(path.rpartition("/")[2])


def attempt(**status: Any) -> Attempt[PlatformClaim]:
    """An attempt at a claim that was read."""
    metadata = {"name": "p", "namespace": "dev", "uid": "u-1", "generation": 4, "resourceVersion": "7"}
    document = {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "PlatformClaim",
        "metadata": metadata,
        "spec": {"clusterType": "nonprod", "environment": "dev", "services": []},
        "status": status,
    }
    kube = FakeKube()
    made = Attempt(PLATFORM, kube, REF, "event-7", recorder=Recorder(kube, "PlatformClaim"), now="2026-11-23T12:00:00Z")
    made.take(document)
    return made


def voltran(
    git: FakeGit | None = None,
    gitea: FakeGitea | None = None,
    metrics: Metrics | None = None,
    memory: Memory | None = None,
    tracing: Tracing | None = None,
) -> Voltran:
    repository = cast("Repository", git or FakeGit())
    return Voltran(
        lambda _: repository,
        cast("Gitea", gitea or FakeGitea()),
        gitea_url="http://gitea",
        metrics=metrics or Metrics(),
        memory=memory or Memory(),
        pause=lambda _: None,
        together=1,
        tracing=tracing,
    )


def planned(change: Change = CHANGE, spec: dict[str, Any] | None = None) -> Callable[[Transaction], Plan]:
    return lambda _: Plan("dev", change, spec if spec is not None else {"services": []})
