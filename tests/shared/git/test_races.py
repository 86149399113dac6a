"""Others push too: nothing is lost, nothing is forced."""

import multiprocessing
import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.errors import PushRejected, TransientError
from shared.git import Author, Remote, Repository

from .backend import Backend
from .conftest import NAME, TOKEN, Opener
from .seed import seed

# Not forked: the server's threads live in this process.
PROCESSES = multiprocessing.get_context("spawn")


def at(directory: Path, url: str) -> Repository:
    author = Author("InfraForge", "infraforge@example.com")
    return Repository(directory, Remote(url), token=lambda: SecretStr(TOKEN), author=author, timeout=30)


def write(repository: Repository, path: str, content: bytes) -> None:
    """Write as a function does: a rejected push starts over at the fetch."""
    while True:
        try:
            with repository.transaction() as transaction:
                transaction.commit({path: content}, f"{path}\n")
                transaction.push()
        except PushRejected:
            continue
        return


def write_many(directory: Path, url: str, worker: int, count: int) -> None:
    repository = at(directory, url)
    for number in range(count):
        write(repository, f"apps/worker{worker}/file{number}", b"1")


def hold(directory: Path, url: str, ready: "multiprocessing.queues.Queue[int]") -> None:
    """Be in the middle of a transaction for ever."""
    with at(directory, url).transaction() as transaction:
        transaction.commit({"held": b"1"}, "held\n")
        ready.put(os.getpid())
        threading.Event().wait()


def commits(backend: Backend) -> list[str]:
    return backend.git(NAME, "log", "--format=%s %p", "main").splitlines()


@pytest.mark.parametrize("shared", [True, False], ids=["one cache", "a cache each"])
def test_processes_lose_no_update(backend: Backend, tmp_path: Path, shared: bool) -> None:
    seed(backend.path(NAME), 5)
    workers = [
        PROCESSES.Process(target=write_many, args=(tmp_path / ("c" if shared else f"c{n}"), backend.url(NAME), n, 4))
        for n in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    names = backend.git(NAME, "ls-tree", "-r", "--name-only", "main", "apps").splitlines()
    assert names == sorted(f"apps/worker{n}/file{m}" for n in range(3) for m in range(4))
    assert len(commits(backend)) == 13
    assert all(len(line.split()) <= 2 for line in commits(backend)), "history is one line without merges"
    backend.git(NAME, "fsck", "--strict", "--full")


def test_threads_lose_no_update(backend: Backend, opened: Opener) -> None:
    repository = opened()
    threads = [threading.Thread(target=write, args=(repository, f"apps/{n}", b"1")) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert backend.git(NAME, "ls-tree", "--name-only", "main:apps").splitlines() == ["0", "1", "2", "3"]


def test_a_killed_process_leaves_the_cache_usable(backend: Backend, tmp_path: Path) -> None:
    """The kernel frees the lock, and what the dead process prepared was never sent."""
    ready = PROCESSES.Queue()
    worker = PROCESSES.Process(target=hold, args=(tmp_path / "c", backend.url(NAME), ready))
    worker.start()
    os.kill(ready.get(timeout=30), signal.SIGKILL)
    worker.join(30)
    write(at(tmp_path / "c", backend.url(NAME)), "a", b"1")
    assert backend.git(NAME, "ls-tree", "--name-only", "main").splitlines() == ["a"]


def test_a_lock_that_is_never_freed_is_a_transient_fault(opened: Opener) -> None:
    with opened("c").transaction(), pytest.raises(TransientError) as caught, opened("c", timeout=0.05).transaction():
        pass
    assert caught.value.reason == "CacheBusy"


def test_the_loser_of_a_race_starts_over(backend: Backend, opened: Opener) -> None:
    seed(backend.path(NAME), 5)
    slow, fast = opened("slow"), opened("fast")
    with slow.transaction() as transaction:
        transaction.commit({"a": b"slow"}, "slow\n")
        write(fast, "a", b"fast")
        with pytest.raises(PushRejected):
            transaction.push()
    with slow.transaction() as transaction:
        assert transaction.read("a") == b"fast"
        transaction.commit({"a": b"slow"}, "slow\n")
        transaction.push()
    assert [line.split()[0] for line in commits(backend)] == ["slow", "a", "seed"]


def test_a_branch_set_back_is_not_pushed_forward(backend: Backend, opened: Opener) -> None:
    """Git alone would accept it: the old commit is an ancestor of ours, so it would bring back what was taken out."""
    repository = opened()
    write(repository, "a", b"1")
    write(repository, "a", b"2")
    with repository.transaction() as transaction:
        backend.git(NAME, "update-ref", "refs/heads/main", "main~1")
        transaction.commit({"b": b"1"}, "b\n")
        with pytest.raises(PushRejected):
            transaction.push()
    with repository.transaction() as transaction:
        assert transaction.read("a") == b"1"


def test_a_deleted_branch_is_not_made_again_with_its_history(backend: Backend, opened: Opener) -> None:
    repository = opened()
    write(repository, "a", b"1")
    with repository.transaction() as transaction:
        backend.git(NAME, "update-ref", "-d", "refs/heads/main")
        transaction.commit({"b": b"1"}, "b\n")
        with pytest.raises(PushRejected):
            transaction.push()
    write(repository, "c", b"1")
    assert backend.git(NAME, "ls-tree", "--name-only", "main") == "c"


def test_a_rewritten_history_is_followed(backend: Backend, opened: Opener) -> None:
    """Somebody force-pushes something else altogether, and the old objects are gone."""
    repository = opened()
    write(repository, "a", b"1")
    backend.git(NAME, "update-ref", "-d", "refs/heads/main")
    seed(backend.path(NAME), 5)
    backend.git(NAME, "reflog", "expire", "--expire=now", "--all")
    backend.git(NAME, "gc", "--quiet", "--prune=now")
    write(repository, "b", b"1")
    with repository.transaction() as transaction:
        assert transaction.names() == ("appsets", "b", "environments", "root-apps")


def test_a_recreated_repository_is_followed(backend: Backend, opened: Opener) -> None:
    repository = opened()
    write(repository, "a", b"1")
    backend.path(NAME).rename(backend.root / "gone.git")
    backend.create(NAME)
    write(repository, "b", b"1")
    assert backend.git(NAME, "ls-tree", "--name-only", "main") == "b"


def test_a_push_whose_answer_was_lost_happened_once(backend: Backend, opened: Opener) -> None:
    """The caller is told that Gitea is away, tries again, and finds that there is nothing left to do."""
    repository = opened()
    write(repository, "a", b"1")
    backend.lose_answer = lambda target: target.endswith("/git-receive-pack")
    with pytest.raises(TransientError), repository.transaction() as transaction:
        transaction.commit({"a": b"2"}, "lost\n")
        transaction.push()
    backend.lose_answer = None
    with repository.transaction() as transaction:
        assert transaction.commit({"a": b"2"}, "lost\n") is None
        sha = transaction.commit({"a": b"3"}, "next\n")
        transaction.push()
    assert [line.split()[0] for line in commits(backend)] == ["next", "lost", "a"]
    assert backend.git(NAME, "rev-parse", "main") == sha


def test_the_clock_is_read_for_every_commit(backend: Backend, tmp_path: Path) -> None:
    moments = iter([datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)])
    repository = Repository(
        tmp_path / "c",
        Remote(backend.url(NAME)),
        token=lambda: SecretStr(TOKEN),
        author=Author("a", "b"),
        clock=lambda: next(moments),
    )
    write(repository, "a", b"1")
    write(repository, "b", b"1")
    assert backend.git(NAME, "log", "--format=%cs", "main").splitlines() == ["2026-01-02", "2026-01-01"]
