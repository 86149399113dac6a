"""What the functions are told of a repository, and what they find out by looking: news, surveys, rewritten history."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.changes import Change, Written
from shared.events import Delivery, Version
from shared.git import Record, compose
from shared.history import PastCommit
from shared.memory import Memory, Settled
from tests.shared.voltran import REF, SCOPE, A, B, FakeGit, FakeGitea, attempt, planned, voltran


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


def closed(git: FakeGit) -> None:
    git.is_closed = True


def without_branch(git: FakeGit) -> None:
    git.head, git.differing = None, frozenset({"appsets", "environments"})


def rewritten(git: FakeGit) -> None:
    git.head, git.is_rewritten = "head-2", True


LOST = [
    (missing, "the repository was deleted"),
    (closed, "the token was revoked: each claim says so, and none is blamed for what another one met"),
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


def test_what_was_dealt_with_at_a_later_head_is_looked_at_when_that_is_undone() -> None:
    """Somebody else pushed, then we did, and a stranger takes both back: all is as at the last survey, and is wrong."""
    git, memory = FakeGit(), Memory()
    store = voltran(git, memory=memory)
    store.survey("o")
    git.head, git.differing = "another-functions", frozenset({A})
    store.write("o", attempt(), planned(), SCOPE)
    memory.remember(REF, Version("u", "7"), Settled("inputs", SCOPE), epoch=memory.epoch)
    git.head, git.differing = "a-strangers", frozenset()
    store.survey("o")
    assert not settled(memory)
    memory.remember(REF, Version("u", "7"), Settled("inputs", SCOPE), epoch=memory.epoch)
    store.survey("o")
    assert settled(memory), "told once"


def test_forcing_the_branch_back_to_what_was_surveyed() -> None:
    """The head is the one of the last survey, and what came since is gone."""
    git, memory = FakeGit(), Memory()
    store = voltran(git, memory=memory)
    store.survey("o")
    git.head, git.differing = "another-functions", frozenset({A})
    store.write("o", attempt(), planned(), SCOPE)
    memory.remember(REF, Version("u", "7"), Settled("inputs", SCOPE), epoch=memory.epoch)
    git.head, git.differing = "head-1", frozenset()
    store.survey("o")
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


def test_a_rewriting_since_our_last_push_is_one_as_well() -> None:
    """The head of the last survey is still of the history; the one that we made is not."""
    git, known = FakeGit([A]), FakeGitea(**{"a": PastCommit("there", "2026-01-01T00:00:00+00:00")})
    store = voltran(git, known)
    store.survey("o")
    git.head = "another-functions"
    store.write("o", attempt(), planned(), SCOPE)
    git.head, git.gone = "squashed", frozenset({"new-sha"})
    store.survey("o")
    change = Change(folders={A: {"values.yaml": b"a: 1\n"}})
    here = attempt(observedGeneration=4, checksum=change.checksum, commit={"sha": "new-sha"})
    named = store.provenance.commit("o", Written(change), here, [A])
    assert named is not None
    assert named.sha == "there"


def test_after_a_rewriting_gitea_is_asked_once_for_each_claim() -> None:
    """What a status remembers may be of the history that is gone."""
    git, known = FakeGit(), FakeGitea(**{"a": PastCommit("there", "2026-01-01T00:00:00+00:00")})
    store = voltran(git, known)
    change = Change(folders={A: {"values.yaml": b"a: 1\n"}})
    here = attempt(observedGeneration=4, checksum=change.checksum, commit={"sha": "gone"})
    asked = Written(change)

    def named() -> str | None:
        found = store.provenance.commit("o", asked, here, [A])
        return found.sha if found else None

    store.survey("o")
    assert named() == "gone", "nobody knows of a rewriting"
    rewritten(git)
    store.survey("o")
    assert named() == "there"
    assert len(known.asked) == 1
    assert named() == "gone", "asked once: its status says by now what Gitea said"
    assert len(known.asked) == 1
