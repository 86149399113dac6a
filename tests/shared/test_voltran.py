"""One commit for a change, none for no change, and a status that names the right commit either way."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

from shared.attempt import Attempt
from shared.claims import PlatformClaim, ServiceRow
from shared.drift import Drift
from shared.events import ClaimRef, Delivery, Version
from shared.git import Edits, Record, Repository, RepositoryMissing, Transaction, compose, parse
from shared.gitea import Gitea
from shared.history import PastCommit
from shared.kinds import PLATFORM
from shared.kube.recorder import Recorder
from shared.memory import Memory, Settled
from shared.telemetry import Metrics
from shared.voltran import Change, Plan, Voltran, Written, others
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
        self.is_rewritten = False
        self.since: list[str | None] = []
        self._names = names
        self.log: list[str] = []
        self.message = ""

    @contextmanager
    def transaction(self) -> Iterator["FakeGit"]:
        if self.is_missing:
            raise RepositoryMissing("no such repository")
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
        return None if self.is_rewritten else ()

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
    )


def planned(change: Change = CHANGE, spec: dict[str, Any] | None = None) -> Callable[[Transaction], Plan]:
    return lambda _: Plan("dev", change, spec if spec is not None else {"services": []})


def write(git: FakeGit, change: Change = CHANGE, **status: Any) -> Written:
    return voltran(git).write("o", attempt(**status), planned(change), SCOPE)


def test_no_difference_is_no_commit_and_no_push() -> None:
    git, metrics = FakeGit(), Metrics()
    written = voltran(git, metrics=metrics).write("o", attempt(), planned(), SCOPE)
    assert written == Written(CHANGE, head=git.head)
    assert git.log == []
    assert metrics.registry.get_sample_value("infraforge_commits_total") == 0


def test_a_difference_is_one_commit_with_the_claim_in_it() -> None:
    """Its message is read back by the same code that history will use; the spec is the plan's, fit to be read."""
    git, metrics = FakeGit([A, SET]), Metrics()
    written = voltran(git, metrics=metrics).write("o", attempt(), planned(spec={"shown": True}), SCOPE)
    assert (written.commit, written.touched, written.drift) == ("new-sha", frozenset({A, SET}), None)
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
    assert record.spec == {"shown": True}
    assert metrics.registry.get_sample_value("infraforge_commits_total") == 1


def test_its_message_says_who_changed_the_claim_and_what_is_not_shown() -> None:
    git, one = FakeGit([A]), attempt()
    manager = {"manager": "kubectl-edit", "time": "2026-11-23T11:59:00Z", "fieldsV1": {"f:spec": {}}}
    one.live["metadata"]["managedFields"] = [manager]
    voltran(git).write("o", one, lambda _: Plan("dev", CHANGE, {}, ("services[0].values.password",)), SCOPE)
    record = parse(git.message)
    assert record is not None
    assert (record.manager, record.changed, record.deleted) == ("kubectl-edit", "2026-11-23T11:59:00Z", False)
    assert record.omitted == ("services[0].values.password",)


def test_its_message_says_that_the_claim_is_being_deleted() -> None:
    git, one = FakeGit([A]), attempt()
    one.take(one.live | {"metadata": one.live["metadata"] | {"deletionTimestamp": "2026-11-23T12:00:00Z"}})
    voltran(git).write("o", one, planned(Change(removed=(A,))), SCOPE)
    record = parse(git.message)
    assert record is not None
    assert (record.deleted, record.manager) == (True, "")


GONE = "environments/nonprod/dev/platform/gone"
SUBJECTS = [
    ([A, B, GONE], "dev: write a, b; remove gone", "both"),
    ([GONE], "dev: remove gone", "only a removal"),
    (["environments/nonprod/dev/platform/.gitkeep"], "dev: lay out folders", "only what keeps a folder"),
]


@pytest.mark.parametrize(("touched", "subject", "why"), SUBJECTS, ids=[case[2] for case in SUBJECTS])
def test_subjects(touched: list[str], subject: str, why: str) -> None:
    git = FakeGit(touched)
    write(git, Change(folders=CHANGE.folders, files=CHANGE.files, removed=(GONE,)))
    assert git.message.partition("\n")[0] == subject, why


def test_edits_are_what_a_transaction_takes() -> None:
    change = Change(folders=CHANGE.folders, files=CHANGE.files, removed=(GONE,))
    assert change.edits == {A: {"values.yaml": b"a"}, B: {"values.yaml": b"b"}, SET: b"set", GONE: None}


def test_a_checksum_is_of_what_shall_be_there() -> None:
    """Removals are not part of it; one file in a folder is the same as the file itself."""
    same = Change(folders={}, files={f"{A}/values.yaml": b"a", f"{B}/values.yaml": b"b", SET: b"set"}, removed=(GONE,))
    assert same.checksum == CHANGE.checksum
    assert Change(folders=CHANGE.folders, files={SET: b"other"}).checksum != CHANGE.checksum


def test_a_row_names_the_commit_that_changed_its_files() -> None:
    """The new one where it changed them, the remembered one where it did not, and Gitea's where nobody remembers."""
    gitea = FakeGitea(b=PastCommit("past", "2026-01-01T00:00:00+00:00"))
    store = voltran(gitea=gitea)
    written = Written(CHANGE, "new-sha", frozenset({A}))
    row = store.row("o", written, attempt(), A, None)
    assert row == {"path": A, "checksum": row["checksum"], "commit": "new-sha"}
    other = store.row("o", written, attempt(), B, None)
    assert other["commit"] == "past"
    assert gitea.asked == [("o", "voltran", B)]
    recorded = ServiceRow(name="b", checksum=other["checksum"], commit="before")
    fresh = attempt(observedGeneration=3)
    assert store.row("o", written, fresh, B, recorded)["commit"] == "before"
    assert len(gitea.asked) == 1, "what is remembered is not asked for"
    stale = ServiceRow(name="b", checksum="of other files", commit="before")
    assert store.row("o", written, fresh, B, stale)["commit"] == "past"
    behind = attempt(observedGeneration=2)
    assert store.row("o", written, behind, B, recorded)["commit"] == "past", "a generation between has left no status"


def test_the_claims_commit_and_its_address() -> None:
    gitea = FakeGitea(**{"dev-platform-appset.yaml": PastCommit("set", "2"), "platform": PastCommit("folder", "1")})
    store = voltran(gitea=gitea)
    new = store.commit("o", Written(CHANGE, "new-sha", frozenset({A})), attempt(), SCOPE)
    assert new is not None
    assert (new.sha, new.url) == ("new-sha", "http://gitea/o/voltran/commit/new-sha")
    remembered = attempt(checksum=CHANGE.checksum, commit={"sha": "before"}, observedGeneration=3)
    found = store.commit("o", Written(CHANGE), remembered, SCOPE)
    assert found is not None
    assert found.sha == "before"
    assert not gitea.asked
    lost = store.commit("o", Written(CHANGE), attempt(), SCOPE)
    assert lost is not None
    assert lost.sha == "set", "the latest of the scope's paths"
    assert voltran().commit("o", Written(CHANGE), attempt(), SCOPE) is None


def test_others_are_the_folders_that_nobody_stands_for() -> None:
    git = FakeGit(names=(".gitkeep", "a", "b", "namespaces"))
    assert others(transaction(git), "f", {"a", "namespaces"}) == ("b",)


EVE = PastCommit("e" * 40, "2026-11-01T00:00:00+00:00", "Eve <eve@x>")
STRAY = "environments/nonprod/dev/platform/stray"
STRAYED = Change(folders=CHANGE.folders, files=CHANGE.files, strays=(STRAY,))
OURS = {"checksum": CHANGE.checksum, "observedGeneration": 3}
DRIFTS = [
    (CHANGE, [A], OURS, [A], "dev: restore a", "what the claim says to have written was changed"),
    (STRAYED, [STRAY], OURS, [STRAY], "dev: remove stray", "something was put beside it"),
    (STRAYED, [A, STRAY], OURS, [A, STRAY], "dev: restore a; remove stray", "both"),
    (STRAYED, [A, STRAY], {"checksum": "other"}, [STRAY], "dev: write a; remove stray", "an edit, and a stray"),
    (CHANGE, [A], {"checksum": "other"}, None, "dev: write a", "the claim wants something else than before"),
    (STRAYED, [A, STRAY], {}, None, "dev: write a; remove stray", "a claim that wrote nothing yet adopts or clears"),
    (CHANGE, [], OURS, None, None, "nothing differs"),
]


@pytest.mark.parametrize(
    ("change", "differing", "status", "paths", "subject", "why"), DRIFTS, ids=[case[5] for case in DRIFTS]
)
def test_drift(
    change: Change,
    differing: list[str],
    status: dict[str, Any],
    paths: list[str] | None,
    subject: str | None,
    why: str,
) -> None:
    """It is told in the commit and noted for the history, with the restoring commit."""
    git, gitea = FakeGit(differing), FakeGitea(a=EVE, stray=EVE)
    one = attempt(**status)
    written = voltran(git, gitea).write("o", one, planned(change), SCOPE)
    assert written.drift == (None if paths is None else Drift(paths, [EVE])), why
    assert git.message.partition("\n")[0] == (subject or "")
    if paths is None:
        assert not one.carried.notes
        assert "Drift" not in git.message
    else:
        assert f"Drift: {', '.join(paths)}: changed by eeeeeeeeeeee (Eve <eve@x>)" in git.message
        assert [(entry.commit, entry.restored) for entry in one.carried.notes] == [(EVE.sha, "new-sha")]


def test_our_own_later_generation_is_no_drift() -> None:
    """Its commit was pushed, its status was not written, and then the claim was edited back."""
    later = PastCommit("f" * 40, "2026-11-01T00:00:00+00:00", "InfraForge <i@x>", str(REF), 4)
    git, one = FakeGit([A]), attempt(**OURS)
    written = voltran(git, FakeGitea(a=later)).write("o", one, planned(), SCOPE)
    assert written.drift is None
    assert not one.carried.notes
    assert git.message.startswith("dev: write a\n")


def settled(memory: Memory) -> bool:
    return memory.is_settled(REF, Version("u", "7"), "inputs")


def knowing() -> Memory:
    """A memory of one settled claim."""
    memory = Memory()
    memory.remember(REF, Version("u", "7"), Settled("inputs", SCOPE), epoch=0)
    return memory


def test_a_survey_has_those_looked_at_whose_files_were_touched() -> None:
    """The first knows nothing; later ones ask what differs since, and only when the head has moved."""
    git, memory = FakeGit(), Memory()
    store = voltran(git, memory=memory)
    store.survey("o")
    memory.remember(REF, Version("u", "7"), Settled("inputs", SCOPE), epoch=memory.epoch)
    store.survey("o")
    assert git.since == [None]
    assert settled(memory)
    git.head, git.differing = "head-2", frozenset({"README.md"})
    store.survey("o")
    assert settled(memory), "somebody pushed something else"
    git.head, git.differing = "head-3", frozenset({f"{A}/values.yaml"})
    store.survey("o")
    assert not settled(memory)
    assert git.since == [None, "head-1", "head-2"]


def missing(git: FakeGit) -> None:
    git.is_missing = True


def without_branch(git: FakeGit) -> None:
    git.head, git.differing = None, frozenset({"appsets", "environments"})


def rewritten(git: FakeGit) -> None:
    git.head, git.is_rewritten = "head-2", True


LOST = [
    (missing, "the repository was deleted"),
    (without_branch, "the branch was deleted"),
    (rewritten, "the branch is of another history"),
]


@pytest.mark.parametrize(("lose", "why"), LOST, ids=[case[1] for case in LOST])
def test_a_survey_of_what_is_lost_has_everything_looked_at(lose: Callable[[FakeGit], None], why: str) -> None:
    git, memory = FakeGit(), Memory()
    store = voltran(git, memory=memory)
    store.survey("o")
    memory.remember(REF, Version("u", "7"), Settled("inputs", SCOPE), epoch=memory.epoch)
    lose(git)
    store.survey("o")
    assert not settled(memory), why


def test_our_own_push_is_no_news_to_a_survey() -> None:
    """The head that we pushed onto was the one we knew: nothing else can have changed."""
    git, memory = FakeGit([A]), knowing()
    store = voltran(git, memory=memory)
    store.write("o", attempt(), planned(), SCOPE)
    store.survey("o")
    assert git.since == []
    assert settled(memory)


def test_a_push_onto_a_strangers_head_leaves_the_stranger_to_the_survey() -> None:
    git, memory = FakeGit(), Memory()
    store = voltran(git, memory=memory)
    store.survey("o")
    memory.remember(REF, Version("u", "7"), Settled("inputs", SCOPE), epoch=memory.epoch)
    git.head, git.differing = "a-strangers", frozenset({B})
    store.write("o", attempt(), planned(), SCOPE)
    store.survey("o")
    assert git.since == [None, "head-1"]
    assert not settled(memory)


def claims_commit(name: str = "p") -> str:
    return compose(Record("dev: write a", "PlatformClaim", "dev", name, "u", 1, "e", {}))


PUSH = Delivery("o/voltran", ref="refs/heads/main", before="b" * 40, after="a" * 40, messages=("Fix it",), total=1)
ZERO = "0" * 40


def push(**changes: Any) -> Delivery:
    fields = {name: getattr(PUSH, name) for name in ("repository", "ref", "before", "after", "messages", "total")}
    return Delivery(**(fields | changes))


NEWS = [
    (PUSH, True, "a stranger's push"),
    (push(repository="O/Voltran"), True, "Gitea knows no case"),
    (push(repository="o/charts"), False, "another repository of ours"),
    (push(repository="p/voltran"), False, "another organization's"),
    (push(repository=""), False, "no repository at all"),
    (push(ref="refs/heads/feature"), False, "another branch"),
    (push(ref="refs/tags/main"), False, "a tag of the branch's name"),
    (Delivery("o/voltran", ref="main"), True, "the branch was deleted, as Gitea's own event tells it"),
    (push(after=ZERO, messages=(), total=0), True, "the branch was deleted, as the push tells it"),
    (push(messages=(), total=0), True, "a force-push back: no commit is new"),
    (Delivery("o/voltran", "deleted"), True, "the repository was deleted"),
    (Delivery("o/voltran", "created"), False, "the repository was created: by us, or who looks will see"),
    (push(messages=(claims_commit(), claims_commit("q")), total=2), False, "other processes' commits of claims"),
    (push(messages=(claims_commit(), "Fix it"), total=2), True, "a stranger's among them"),
    (push(messages=(claims_commit(),) * 5, total=6), True, "one that Gitea has cut off"),
    (push(messages=("Fix it\n\nClaim: PlatformClaim/dev/p\n",), total=1), True, "a stranger's that looks a little so"),
]


@pytest.mark.parametrize(("delivery", "expected", "why"), NEWS, ids=[case[2] for case in NEWS])
def test_news(delivery: Delivery, expected: bool, why: str) -> None:
    assert voltran().is_news("o", delivery) is expected, why


def test_our_own_push_is_no_news() -> None:
    """However Gitea describes it, and before its answer to the push as well."""
    git = FakeGit([A])
    store = voltran(git)
    store.write("o", attempt(), planned(), SCOPE)
    assert not store.is_news("o", push(before="head-1", after="new-sha", messages=("cut",), total=99))
    assert store.is_news("o", push(before="other", after="new-sha")), "somebody forced the branch to where we were"


def test_after_a_rewriting_gitea_is_asked_once_for_each_claim() -> None:
    """What a status remembers may be of the history that is gone."""
    git, known = FakeGit(), FakeGitea(**{"a": PastCommit("there", "2026-01-01T00:00:00+00:00")})
    store = voltran(git, known)
    change = Change(folders={A: {"values.yaml": b"a: 1\n"}})
    here = attempt(observedGeneration=4, checksum=change.checksum, commit={"sha": "gone"})
    asked = Written(change)

    def named() -> str | None:
        found = store.commit("o", asked, here, [A])
        return found.sha if found else None

    store.survey("o")
    assert named() == "gone", "nobody knows of a rewriting"
    rewritten(git)
    store.survey("o")
    assert named() == "there"
    assert len(known.asked) == 1
    assert named() == "gone", "asked once: its status says by now what Gitea said"
    assert len(known.asked) == 1


def test_in_a_shared_folder_the_claims_own_commit_is_looked_for_row_by_row() -> None:
    """The structure's `.gitkeep` lies in the same folder, and who restored it last was not this claim."""
    theirs = PastCommit("theirs", "2026-01-02T00:00:00+00:00", claim="BootstrapClaim/platform-system/p", generation=1)
    own = PastCommit("own", "2026-01-01T00:00:00+00:00", claim=str(REF), generation=4)
    known = FakeGitea(platform=theirs, a=own)
    found = voltran(FakeGit(), known).commit("o", Written(CHANGE), attempt(), SCOPE)
    assert found is not None
    assert found.sha == "own"
