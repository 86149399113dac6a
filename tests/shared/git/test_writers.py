"""Writers of several processes and whatever befalls the repository: no update is lost, none is made twice."""

import multiprocessing
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.errors import PushRejected, TransientError
from shared.git import Author, Remote, Repository, Transaction, Writer

from .backend import Backend
from .conftest import NAME, TOKEN, Opener
from .damage import DAMAGES
from .seed import seed

# Not forked: the server's threads live in this process.
PROCESSES = multiprocessing.get_context("spawn")
THREADS = 6
JOBS = 24


def count_up(path: str) -> Callable[[Transaction], str | None]:
    """A job that adds one to the number in a file: a lost update and a repeated one both show in the sum."""

    def job(transaction: Transaction) -> str | None:
        number = int(transaction.read("count") or b"0")
        return transaction.commit({"count": b"%d" % (number + 1), path: b"1"}, f"{path}\n")

    return job


def write(writer: Writer, path: str) -> str | None:
    """As a function's caller does: an answer 503 is sent again."""
    while True:
        try:
            return writer.write(count_up(path), [path])
        except PushRejected:
            continue


def write_many(directory: Path, url: str, worker: int) -> None:
    repository = Repository(
        directory, Remote(url), token=lambda: SecretStr(TOKEN), author=Author("a", "a@example.com"), timeout=60
    )
    writer = Writer(repository, gather=0.05, pause=time.sleep)
    with ThreadPoolExecutor(THREADS) as pool:
        shas = list(pool.map(lambda n: write(writer, f"apps/worker{worker}/file{n}"), range(JOBS)))
    assert len(set(shas)) == JOBS
    assert threading.active_count() == 1


def chain(backend: Backend) -> list[str]:
    """Commits, oldest first, each the only child of the one before."""
    lines = [line.split() for line in backend.git(NAME, "rev-list", "--reverse", "--parents", "main").splitlines()]
    assert [line[1:] for line in lines] == [[], *([line[0]] for line in lines[:-1])]
    return [line[0] for line in lines]


@pytest.mark.parametrize("shared", [True, False], ids=["one cache", "a cache each"])
def test_several_threads_of_several_processes(backend: Backend, tmp_path: Path, shared: bool) -> None:
    """Every push moved the branch forward from where the one before had left it: none was forced."""
    seed(backend.path(NAME), 200)
    first = backend.git(NAME, "rev-parse", "main")
    backend.git(NAME, "config", "core.logAllRefUpdates", "always")
    backend.git(NAME, "config", "receive.denyNonFastForwards", "true")
    workers = [
        PROCESSES.Process(target=write_many, args=(tmp_path / ("c" if shared else f"c{n}"), backend.url(NAME), n))
        for n in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert backend.git(NAME, "show", "main:count") == str(3 * JOBS)
    paths = backend.git(NAME, "ls-tree", "-r", "--name-only", "main", "apps").splitlines()
    assert sorted(paths) == sorted(f"apps/worker{n}/file{m}" for n in range(3) for m in range(JOBS))
    commits = chain(backend)
    assert len(commits) == 1 + 3 * JOBS
    moves = [line.split()[:2] for line in (backend.path(NAME) / "logs/refs/heads/main").read_text().splitlines()]
    assert [old for old, _ in moves] == [first, *(new for _, new in moves[:-1])]
    assert [commits.index(new) for _, new in moves] == sorted({commits.index(new) for _, new in moves})
    assert len(moves) < 3 * JOBS, "shared"
    backend.git(NAME, "fsck", "--strict")


def delete_branch(backend: Backend) -> None:
    backend.git(NAME, "update-ref", "-d", "refs/heads/main")


def set_back(backend: Backend) -> None:
    backend.git(NAME, "update-ref", "refs/heads/main", "main~1")


def put_something_else(backend: Backend) -> None:
    """Another history altogether; the old one is collected."""
    delete_branch(backend)
    stream = b"commit refs/heads/main\ncommitter x <x@example.com> 1700000000 +0000\ndata 1\nx\n"
    stream += b"M 100644 inline f\ndata 1\n1\n"
    subprocess.run(["git", "-C", str(backend.path(NAME)), "fast-import", "--quiet"], input=stream, check=True)
    backend.git(NAME, "reflog", "expire", "--expire=now", "--all")
    backend.git(NAME, "gc", "--quiet", "--prune=now")


def make_anew(backend: Backend) -> None:
    """The repository is deleted and made again, empty."""
    backend.path(NAME).rename(backend.root / f"gone-{time.monotonic_ns()}.git")
    backend.create(NAME)


REWRITES: list[tuple[Callable[[Backend], None], int, bool, str]] = [
    (delete_branch, 0, False, "begun anew"),
    (set_back, 2, True, "on the commit before"),
    (put_something_else, 0, False, "on what is there now"),
    (make_anew, 0, False, "begun anew"),
]


@pytest.mark.parametrize("case", REWRITES, ids=lambda case: case[0].__name__)
@pytest.mark.parametrize("when", ["before", "within"])
def test_a_rewritten_repository_is_written_as_it_is(
    backend: Backend, opened: Opener, case: tuple[Callable[[Backend], None], int, bool, str], when: str
) -> None:
    """Nothing that was taken away comes back with our push, whether it went before the fetch or after it."""
    rewrite, count, has_seed, _ = case
    seed(backend.path(NAME), 5)
    writer = Writer(opened(), gather=0, pause=lambda _: None)
    for number in range(3):
        write(writer, f"old/{number}")
    done = threading.Event()

    def job(transaction: Transaction) -> str | None:
        if not done.is_set():
            done.set()
            rewrite(backend)
        return count_up("new/file")(transaction)

    if when == "before":
        done.set()
        rewrite(backend)
    writer.write(job)
    assert int(backend.git(NAME, "show", "main:count")) == count + 1
    roots = backend.git(NAME, "ls-tree", "--name-only", "main").splitlines()
    assert "new" in roots
    assert ("old" in roots) == ("environments" in roots) == has_seed
    chain(backend)
    write(writer, "new/other")
    backend.git(NAME, "fsck", "--strict")


def test_a_deleted_repository_is_told_and_survived(backend: Backend, opened: Opener) -> None:
    """Between fetch and push; the next job after somebody made it anew finds it empty."""
    writer = Writer(opened(), gather=0, pause=lambda _: None)
    write(writer, "a")

    def job(transaction: Transaction) -> None:
        count_up("b")(transaction)
        backend.path(NAME).rename(backend.root / "gone.git")

    with pytest.raises(TransientError):
        writer.write(job)
    with pytest.raises(TransientError):
        writer.write(count_up("c"))
    backend.create(NAME)
    write(writer, "d")
    assert backend.git(NAME, "ls-tree", "-r", "--name-only", "main").splitlines() == ["count", "d"]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_cache_damaged_in_flight(
    backend: Backend, opened: Opener, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Between two jobs of a batch, and again before its push: every job is written once."""
    seed(backend.path(NAME), 5)
    cache = tmp_path / "caches" / "cache"

    def harm(step: str) -> None:
        if step == "Push":
            with suppress(OSError):  # it may still lie as we left it, when nothing was needed from it
                damage(cache)

    writer = Writer(opened(), gather=0, pause=lambda _: None, on_step=harm)
    begun, go = threading.Event(), threading.Event()

    def hold(transaction: Transaction) -> str | None:
        begun.set()
        assert go.wait(30)
        return count_up("held")(transaction)

    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(writer.write, hold)
        assert begun.wait(30)
        others = [pool.submit(write, writer, f"apps/{n}") for n in range(4)]
        damage(cache)
        go.set()
    assert len({first.result(), *(other.result() for other in others)}) == 5
    assert backend.git(NAME, "show", "main:count") == "5"
    assert len(chain(backend)) == 6
    backend.git(NAME, "fsck", "--strict")
