"""What others did since a commit that we know."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from shared.git import Commit, Repository

from .backend import Backend
from .conftest import NAME, Opener
from .damage import DAMAGES
from .seed import seed

APPS = "environments/nonprod/env000/applications"


def write(repository: Repository, edits: dict[str, bytes | dict[str, bytes] | None], message: str = "ours\n") -> str:
    """Write and return the new head."""
    with repository.transaction() as transaction:
        transaction.commit(edits, message)
        transaction.push()
        assert transaction.head
        return transaction.head


def forget_history(backend: Backend) -> None:
    """The operator collects what no branch holds."""
    backend.git(NAME, "reflog", "expire", "--expire=now", "--all")
    backend.git(NAME, "gc", "--quiet", "--prune=now")


TOUCHES: list[tuple[dict[str, bytes | dict[str, bytes] | None], set[str], str]] = [
    ({f"{APPS}/app-00001/values.yaml": b"x"}, {f"{APPS}/app-00001/values.yaml"}, "down to the file"),
    ({f"{APPS}/app-00001": None}, {f"{APPS}/app-00001"}, "a folder that went, by its own path"),
    ({f"{APPS}/new": {"a": b"1", "b/c": b"1"}}, {f"{APPS}/new"}, "a folder that came, by its own path"),
    ({APPS: b"file"}, {APPS}, "a file in the place of a folder"),
    ({f"{APPS}/app-00001/values.yaml": {"a": b"1"}}, {f"{APPS}/app-00001/values.yaml"}, "and the reverse"),
    ({"environments": None}, {"environments"}, "a folder at the root"),
    (
        {"root-apps/nonprod/apps-rootapp.yaml": b"x", f"{APPS}/app-00002/more.yaml": b"1"},
        {"root-apps/nonprod/apps-rootapp.yaml", f"{APPS}/app-00002/more.yaml"},
        "several, in places of different depth",
    ),
]


@pytest.mark.parametrize("case", TOUCHES, ids=lambda case: case[2])
@pytest.mark.parametrize("cache", ["warm", "cold"])
def test_what_a_stranger_touched(
    backend: Backend,
    opened: Opener,
    case: tuple[dict[str, bytes | dict[str, bytes] | None], set[str], str],
    cache: str,
) -> None:
    """For an instance that has seen the old head, and for one that starts later."""
    edits, expected, _ = case
    seed(backend.path(NAME), 5)
    with opened("warm").transaction() as transaction:
        since = transaction.head
    write(opened("stranger"), edits)
    with opened(cache).transaction() as transaction:
        assert transaction.touched(since) == expected
        assert transaction.touched(transaction.head) == set()
        assert transaction.touched(None) is None
    write(opened(cache), {"after": b"1"})
    backend.git(NAME, "fsck", "--strict")


def test_commits_prepared_here_count(backend: Backend, opened: Opener) -> None:
    seed(backend.path(NAME), 5)
    with opened().transaction() as transaction:
        transaction.commit({f"{APPS}/app-00001/values.yaml": b"x"}, "x\n")
        assert transaction.touched(transaction.head) == {f"{APPS}/app-00001/values.yaml"}


def test_looking_costs_what_differs(backend: Backend, opened: Opener) -> None:
    """3,000 applications of which three changed: one fetch for the head, one for each level below the cache's depth."""
    seed(backend.path(NAME), 3000)
    repository = opened()
    with repository.transaction() as transaction:
        since = transaction.head
    paths = {f"environments/nonprod/env{n:03d}/applications/app-{n:05d}/values.yaml": b"%d" % n for n in range(3)}
    write(opened("stranger"), dict(paths))
    backend.exchanges.clear()
    with repository.transaction() as transaction:
        assert transaction.touched(since) == paths.keys()
    fetches = [exchange for exchange in backend.exchanges if exchange.service == "upload"]
    assert len(fetches) == 3
    assert sum(exchange.objects for exchange in fetches[1:]) == 12, (
        "for three environments: two folders before and after"
    )


def test_more_than_anybody_wants_to_know_is_everything(backend: Backend, opened: Opener) -> None:
    repository = opened()
    since = write(repository, {"a": b"1"})
    write(opened("stranger"), {f"{n // 200}/{n}": b"1" for n in range(20_001)} | {"b": b"1"})
    with repository.transaction() as transaction:
        assert transaction.touched(since) == {*(f"{n}" for n in range(101)), "b"}
    before = write(repository, {f"{n}": {f"{m}": b"1" for m in range(200)} for n in range(101)})
    write(opened("stranger"), {f"{n}": {f"{m}": b"2" for m in range(200)} for n in range(101)})
    with repository.transaction() as transaction:
        assert transaction.touched(before) is None


STRANGE = ["", "main", "HEAD", "--upload-pack=touch /tmp/x", "0" * 40, "f" * 40, "A" * 40, "a" * 64, "a" * 39]


@pytest.mark.parametrize("since", STRANGE)
def test_what_names_no_commit_of_ours_is_everything(backend: Backend, opened: Opener, since: str) -> None:
    seed(backend.path(NAME), 5)
    with opened().transaction() as transaction:
        assert transaction.touched(since) is None
        assert transaction.commits(since) is None
    write(opened(), {"a": b"1"})


def test_a_tree_is_no_commit(backend: Backend, opened: Opener) -> None:
    seed(backend.path(NAME), 5)
    with opened().transaction() as transaction:
        assert transaction.touched(backend.git(NAME, "rev-parse", "main^{tree}")) is None


def test_a_forced_push_is_compared_like_any_other(backend: Backend, opened: Opener) -> None:
    """Set back to an older commit, and to another history: as long as the server has the old commit."""
    seed(backend.path(NAME), 5)
    repository = opened()
    write(repository, {"a": b"1"})
    since = write(repository, {"b": b"1"})
    backend.git(NAME, "update-ref", "refs/heads/main", "main~2")
    with repository.transaction() as transaction:
        assert transaction.touched(since) == {"a", "b"}
        assert transaction.commits(since) is None
    backend.git(NAME, "update-ref", "-d", "refs/heads/main")
    seed(backend.path(NAME), 1)
    with opened("cold").transaction() as transaction:
        touched = transaction.touched(since)
        assert touched
        assert {"a", "b", f"{APPS}/app-00001"} <= touched
        assert transaction.commits(since) is None


def test_a_commit_that_was_collected_is_everything(backend: Backend, opened: Opener) -> None:
    """For who never had it, and for who lacks its lower folders; who wrote it still knows. All go on to write."""
    seed(backend.path(NAME), 5)
    changed = f"{APPS}/app-00001/values.yaml"
    since = write(opened("wrote"), {changed: b"2"})
    with opened("saw").transaction() as transaction:
        assert transaction.head == since
    backend.git(NAME, "update-ref", "refs/heads/main", "main~1")
    forget_history(backend)
    for cache, expected in (("cold", None), ("saw", None), ("wrote", {"cold", "saw", changed})):
        with opened(cache).transaction() as transaction:
            assert transaction.touched(since) == expected
            assert transaction.commits(since) is None
            transaction.commit({cache: b"1"}, f"{cache}\n")
            transaction.push()
    assert backend.git(NAME, "log", "--format=%s", "main").splitlines() == ["wrote", "saw", "cold", "seed"]
    backend.git(NAME, "fsck", "--strict")


def test_a_deleted_branch_has_lost_everything(backend: Backend, opened: Opener) -> None:
    seed(backend.path(NAME), 5)
    repository = opened()
    since = write(repository, {"a": b"1"})
    backend.git(NAME, "update-ref", "-d", "refs/heads/main")
    with repository.transaction() as transaction:
        assert transaction.head is None
        assert transaction.touched(since) == {"a", "appsets", "environments", "root-apps"}
        assert transaction.commits(since) is None


def test_restoring_what_was_there_before(backend: Backend, opened: Opener) -> None:
    """Objects of the old head are at hand from the comparison, and are sent although the remote's head lacks them."""
    repository = opened()
    ours: dict[str, bytes | dict[str, bytes] | None] = {"env/app": {"values.yaml": b"ours", "deep/er": b"ours too"}}
    since = write(repository, ours)
    write(opened("stranger"), {"env": None, "other": b"1"})
    with repository.transaction() as transaction:
        assert transaction.touched(since) == {"env", "other"}
        transaction.commit({**ours, "other": None}, "restored\n")
        transaction.push()
    assert backend.git(NAME, "rev-parse", "main^{tree}") == backend.git(NAME, "rev-parse", f"{since}^{{tree}}")
    backend.git(NAME, "fsck", "--strict")


def test_names_that_are_no_text_leave_their_folder_right(backend: Backend, opened: Opener) -> None:
    repository = opened()
    since = write(repository, {"mine/ours": b"1"})
    stream = b"""commit refs/heads/main
committer x <x@example.com> 1700000000 +0000
data 1
x
from refs/heads/main^0
M 100644 inline "mine/\\377"
data 1
1
M 100755 inline mine/ours
data 1
1
"""
    subprocess.run(["git", "-C", str(backend.path(NAME)), "fast-import", "--quiet"], input=stream, check=True)
    with repository.transaction() as transaction:
        assert transaction.touched(since) == {"mine/\ufffd", "mine/ours"}, "a file made executable differs too"


def test_who_did_it(backend: Backend, opened: Opener) -> None:
    """Newest first, with what is prepared here; a merge counts as one, whatever it brings in."""
    repository = opened()
    since = write(repository, {"a": b"1"}, "first\n")
    stream = """commit refs/heads/side
author Jörg <joerg@example.com> 1700000000 +0000
committer x <x@example.com> 1700000000 +0000
data 4
side
from refs/heads/main^0
M 100644 inline b
data 1
1

commit refs/heads/main
author Ada Lovelace <ada@example.com> 1700000000 +0000
committer x <x@example.com> 1700000000 +0000
data 25
Subject

Body
over lines
from refs/heads/main^0
merge refs/heads/side
M 100644 inline c
data 1
1

commit refs/heads/main
author <> 1700000000 +0000
committer x <x@example.com> 1700000000 +0000
data 0
M 100644 inline d
data 1
1
"""
    subprocess.run(["git", "-C", str(backend.path(NAME)), "fast-import", "--quiet"], input=stream.encode(), check=True)
    nobody, merge, _ = backend.git(NAME, "rev-list", "--first-parent", "main").splitlines()
    with repository.transaction() as transaction:
        theirs = (
            Commit(nobody, "", "", ""),
            Commit(merge, "Ada Lovelace", "ada@example.com", "Subject\n\nBody\nover lines"),
        )
        assert transaction.commits(since) == theirs
        assert transaction.head
        assert transaction.commits(transaction.head) == ()
        sha = transaction.commit({"e": b"1"}, "mine\n\nbody\n")
        assert sha
        mine = Commit(sha, "InfraForge", "infraforge@example.com", "mine\n\nbody")
        assert transaction.commits(since) == (mine, *theirs)
        assert transaction.commits(nobody) == (mine,)
        assert transaction.commits(sha) == ()
        transaction.push()
        assert transaction.commits(since) == (mine, *theirs)
    with repository.transaction() as transaction:
        assert transaction.commits(since) == (mine, *theirs)
        assert transaction.touched(since) == {"c", "d", "e"}
    backend.git(NAME, "fsck", "--strict")


def test_how_far_back_it_looks(backend: Backend, opened: Opener, tmp_path: Path) -> None:
    """As far as it is told to; the cache stays shallow, and no commit's content is fetched."""
    seed(backend.path(NAME), 500)
    stream = b"".join(
        b"commit refs/heads/main\ncommitter x <x@example.com> 1700000000 +0000\ndata 1\nx\n"
        b"%sM 100644 inline f\ndata 3\n%03d\n" % (b"from refs/heads/main^0\n" if number == 0 else b"", number)
        for number in range(60)
    )
    subprocess.run(["git", "-C", str(backend.path(NAME)), "fast-import", "--quiet"], input=stream, check=True)
    chain = backend.git(NAME, "rev-list", "main").splitlines()
    with opened().transaction() as transaction:
        backend.exchanges.clear()
        for back in (1, 16, 17, 50, 60):
            found = transaction.commits(chain[back], most=60)
            assert found is not None
            assert [commit.sha for commit in found] == chain[:back]
        assert transaction.commits(chain[51], most=50) is None
        assert transaction.commits(chain[50], most=50) is not None
        assert transaction.commits("f" * 40) is None
        assert max(exchange.objects for exchange in backend.exchanges) == 61
        transaction.commit({"g": b"1"}, "g\n")
        transaction.push()
    assert (tmp_path / "caches" / "cache" / "shallow").read_text().split() == [chain[0]]
    assert sorted(path.name for path in (tmp_path / "caches").iterdir()) == ["cache", "cache.lock"]
    write(opened(), {"h": b"1"})
    backend.git(NAME, "fsck", "--strict")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_cache_costs_only_fetches(
    backend: Backend, opened: Opener, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Before each question, which gets the same answer; and the commit that was prepared is pushed."""
    seed(backend.path(NAME), 5)
    repository = opened()
    since = write(repository, {"a": b"1"})
    changed = f"{APPS}/app-00001/values.yaml"
    last = write(opened("stranger"), {changed: b"stranger"})

    def hurt() -> None:
        with suppress(OSError):  # it may still lie as we left it, when nothing was needed from it
            damage(tmp_path / "caches" / "cache")

    with repository.transaction() as transaction:
        hurt()
        assert transaction.touched(since) == {changed}
        hurt()
        transaction.look_ahead([APPS])
        assert len(transaction.names(APPS)) == 5
        hurt()
        found = transaction.commits(since)
        assert found is not None
        assert [commit.sha for commit in found] == [last]
        transaction.commit({changed: b"ours"}, "restored\n")
        transaction.push()
    assert backend.git(NAME, "log", "--format=%s", "main").splitlines() == ["restored", "ours", "ours", "seed"]
    assert write(repository, {"b": b"1"})
    backend.git(NAME, "fsck", "--strict")
