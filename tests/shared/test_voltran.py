"""One commit for a change, none for no change, and a status that names the right commit either way."""

from collections.abc import Iterable
from typing import Any, cast

import pytest

from shared.attempt import Attempt
from shared.claims import PlatformClaim, ServiceRow
from shared.git import Edits, Transaction, parse
from shared.gitea import Gitea
from shared.history import PastCommit
from shared.kinds import PLATFORM
from shared.telemetry import Metrics
from shared.voltran import Change, Voltran, Written, others

A, B = "environments/nonprod/dev/platform/a", "environments/nonprod/dev/platform/b"
SET = "appsets/nonprod/platform/dev-platform-appset.yaml"
CHANGE = Change(folders={A: {"values.yaml": b"a"}, B: {"values.yaml": b"b"}}, files={SET: b"set"}, scope=(A, SET))


class FakeGit:
    """A transaction that finds so much changed."""

    def __init__(self, touched: Iterable[str] = (), names: tuple[str, ...] = ()) -> None:
        self.touched = frozenset(touched)
        self._names = names
        self.log: list[str] = []
        self.message = ""

    def changed(self, _: Edits) -> frozenset[str]:
        return self.touched

    def commit(self, _: Edits, message: str) -> str:
        self.log.append("commit")
        self.message = message
        return "new-sha"

    def push(self) -> None:
        self.log.append("push")

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


def transaction(git: FakeGit) -> Transaction:
    return cast("Transaction", git)


def attempt(**status: Any) -> Attempt[PlatformClaim]:
    """An attempt at a claim that was read."""
    metadata = {"name": "p", "namespace": "dev", "uid": "u-1", "generation": 4}
    document = {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "PlatformClaim",
        "metadata": metadata,
        "spec": {"clusterType": "nonprod", "environment": "dev", "services": []},
        "status": status,
    }
    made: Attempt[PlatformClaim] = Attempt(lambda: document, PLATFORM, "event-7")
    made.reread()
    return made


def voltran(gitea: FakeGitea | None = None, metrics: Metrics | None = None) -> Voltran:
    def nowhere(_: str) -> Any:
        raise AssertionError("a transaction is passed in")

    known = cast("Gitea", gitea or FakeGitea())
    return Voltran(nowhere, known, gitea_url="http://gitea", metrics=metrics or Metrics())


def test_no_difference_is_no_commit_and_no_push() -> None:
    git, metrics = FakeGit(), Metrics()
    written = voltran(metrics=metrics).write(transaction(git), attempt(), "dev", CHANGE)
    assert written == Written(CHANGE, None, frozenset())
    assert git.log == []
    assert metrics.registry.get_sample_value("infraforge_commits_total") == 0


def test_a_difference_is_one_commit_with_the_claim_in_it() -> None:
    """Its message is read back by the same code that history will use."""
    git, metrics = FakeGit([A, SET]), Metrics()
    written = voltran(metrics=metrics).write(transaction(git), attempt(), "dev", CHANGE)
    assert (written.commit, written.touched) == ("new-sha", frozenset({A, SET}))
    assert git.log == ["commit", "push"]
    record = parse(git.message)
    assert record is not None
    assert (record.subject, record.kind, record.namespace, record.name) == (
        "dev: write a, dev-platform-appset.yaml",
        "PlatformClaim",
        "dev",
        "p",
    )
    assert (record.uid, record.generation, record.event_id) == ("u-1", 4, "event-7")
    assert record.spec == {"clusterType": "nonprod", "environment": "dev", "services": []}
    assert metrics.registry.get_sample_value("infraforge_commits_total") == 1


GONE = "environments/nonprod/dev/platform/gone"
SUBJECTS = [
    ([A, B, GONE], "dev: write a, b; remove gone", "both"),
    ([GONE], "dev: remove gone", "only a removal"),
    (["environments/nonprod/dev/platform/.gitkeep"], "dev: lay out folders", "only what keeps a folder"),
]


@pytest.mark.parametrize(("touched", "subject", "why"), SUBJECTS, ids=[case[2] for case in SUBJECTS])
def test_subjects(touched: list[str], subject: str, why: str) -> None:
    git = FakeGit(touched)
    change = Change(folders=CHANGE.folders, files=CHANGE.files, removed=(GONE,))
    voltran().write(transaction(git), attempt(), "dev", change)
    assert git.message.partition("\n")[0] == subject, why


def test_edits_are_what_a_transaction_takes() -> None:
    change = Change(folders=CHANGE.folders, files=CHANGE.files, removed=(GONE,))
    assert change.edits == {A: {"values.yaml": b"a"}, B: {"values.yaml": b"b"}, SET: b"set", GONE: None}


def test_a_checksum_is_of_what_shall_be_there() -> None:
    """Removals and the scope are not part of it; one file in a folder is the same as the file itself."""
    same = Change(folders={}, files={f"{A}/values.yaml": b"a", f"{B}/values.yaml": b"b", SET: b"set"}, removed=(GONE,))
    assert same.checksum == CHANGE.checksum
    assert Change(folders=CHANGE.folders, files={SET: b"other"}).checksum != CHANGE.checksum


def test_a_row_names_the_commit_that_changed_its_files() -> None:
    """The new one where it changed them, the remembered one where it did not, and Gitea's where nobody remembers."""
    gitea = FakeGitea(b=PastCommit("past", "2026-01-01T00:00:00+00:00"))
    store = voltran(gitea)
    written = Written(CHANGE, "new-sha", frozenset({A}))
    row = store.row("o", written, A, None)
    assert row == {"path": A, "checksum": row["checksum"], "commit": "new-sha"}
    other = store.row("o", written, B, None)
    assert other["commit"] == "past"
    assert gitea.asked == [("o", "voltran", B)]
    recorded = ServiceRow(name="b", checksum=other["checksum"], commit="before")
    assert store.row("o", written, B, recorded)["commit"] == "before"
    assert len(gitea.asked) == 1, "what is remembered is not asked for"
    stale = ServiceRow(name="b", checksum="of other files", commit="before")
    assert store.row("o", written, B, stale)["commit"] == "past"


def test_the_claims_commit_and_its_address() -> None:
    gitea = FakeGitea(**{"dev-platform-appset.yaml": PastCommit("set", "2"), "a": PastCommit("folder", "1")})
    store = voltran(gitea)
    new = store.commit("o", Written(CHANGE, "new-sha", frozenset({A})), attempt())
    assert new is not None
    assert (new.sha, new.url) == ("new-sha", "http://gitea/o/voltran/commit/new-sha")
    remembered = attempt(checksum=CHANGE.checksum, commit={"sha": "before"})
    found = store.commit("o", Written(CHANGE), remembered)
    assert found is not None
    assert found.sha == "before"
    assert not gitea.asked
    lost = store.commit("o", Written(CHANGE), attempt())
    assert lost is not None
    assert lost.sha == "set", "the latest of the scope's paths"
    assert voltran().commit("o", Written(CHANGE), attempt()) is None


def test_others_are_the_folders_that_nobody_stands_for() -> None:
    git = FakeGit(names=(".gitkeep", "a", "b", "namespaces"))
    assert others(transaction(git), "f", {"a", "namespaces"}) == ("f/b",)
