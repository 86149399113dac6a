"""Many threads that write at once share a push, and each gets what is its own."""

import threading
import time

import pytest

from shared.errors import GiteaUnavailable
from shared.git import Transaction, Writer

from .backend import Backend
from .conftest import NAME, Opener, Steps
from .seed import seed
from .writing import Job, batch, commits, log, pushes, reach, threads


def test_a_lone_job_goes_at_once(backend: Backend, opened: Opener) -> None:
    """However long a batch may gather; the steps are told in their order, and the push is known as ours."""
    told: list[tuple[str | None, str]] = []
    steps: list[str] = []
    writer = Writer(
        opened(), gather=600, pause=time.sleep, on_step=steps.append, on_push=lambda *push: told.append(push)
    )
    first = writer.write(commits("a"))
    second = writer.write(commits("b"))
    assert log(backend) == ["a", "b"]
    assert told == [(None, first), (first, second)]
    assert tuple(steps) == Writer.STEPS * 2
    assert writer.pushed(None, first)
    assert writer.pushed("0" * 40, first), "as a webhook says that there was no branch"
    assert writer.pushed(first, second)
    assert not writer.pushed(None, second)
    assert not writer.pushed(second, first)


def test_those_that_wait_share_a_push(backend: Backend, writer: Writer, steps: Steps) -> None:
    """In the order of their arrival, each with its own commit and in its own thread."""
    idents: list[int] = []

    def job(number: int) -> Job:
        def write(transaction: Transaction) -> str | None:
            idents.append(threading.get_ident())
            return transaction.commit({f"f{number}": b"1"}, f"f{number}\n")

        return write

    shas = [result.result() for result in batch(writer, [job(n) for n in range(20)])]
    assert log(backend) == [f"f{n}" for n in range(20)]
    assert backend.git(NAME, "log", "--reverse", "--format=%H", "main").splitlines() == shas
    assert pushes(backend) == 1
    assert len(set(idents)) == 20
    assert steps == ["Fetch", "Generate", *Writer.STEPS]
    backend.git(NAME, "fsck", "--strict")


def test_no_more_than_most_go_together(backend: Backend, opened: Opener) -> None:
    writer = Writer(opened(), gather=0, most=4, pause=time.sleep)
    batch(writer, [commits(f"f{n}") for n in range(10)])
    assert log(backend) == [f"f{n}" for n in range(10)]
    assert pushes(backend) == 3


def test_without_a_commit_there_is_no_push(backend: Backend, writer: Writer, steps: Steps) -> None:
    results = batch(writer, [lambda transaction: transaction.head] * 3)
    assert [result.result() for result in results] == [None] * 3
    assert pushes(backend) == 0
    assert steps == ["Fetch", "Generate"] * 2


def test_what_stands_on_no_commit_does_not_share_its_fate(backend: Backend, writer: Writer) -> None:
    """Before the first commit a result is true whatever becomes of the push; after it, it is not."""
    backend.fault = lambda method, path: (500, "") if "receive-pack" in path else None
    results = batch(writer, [lambda _: "before", commits("a"), lambda transaction: transaction.read("a")])
    assert results[0].result() == "before"
    for result in results[1:]:
        assert isinstance(result.exception(), GiteaUnavailable)
    assert results[1].exception() is not results[2].exception(), "one object raised in two threads mixes up traces"


def test_scopes_are_fetched_together(backend: Backend, opened: Opener) -> None:
    """Below the depth that the cache holds: one request for all, instead of one for each job."""
    seed(backend.path(NAME), 1000)
    writer = Writer(opened(), gather=0, pause=time.sleep)
    folders = [f"environments/nonprod/env{n:03d}/applications" for n in range(10)]
    begun, go = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        begun.set()
        assert go.wait(30)

    with threads() as pool:
        pool.submit(writer.write, hold)
        assert begun.wait(30)
        counts = [
            pool.submit(writer.write, lambda transaction, path=folder: len(transaction.names(path)), [folder])
            for folder in folders
        ]
        reach(lambda: writer.waiting == 10, "the jobs do not line up")
        backend.exchanges.clear()
        go.set()
    assert [count.result() for count in counts] == [100] * 10
    assert [exchange.service for exchange in backend.exchanges] == ["info/upload", "info/upload", "upload"]


def test_a_bad_scope_is_its_callers_own_fault(backend: Backend, writer: Writer) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        writer.write(commits("a"), ["../etc"])
    assert backend.exchanges == []


def test_a_burst_shares_pushes(backend: Backend, opened: Opener) -> None:
    """200 jobs of 32 threads: at most 15 pushes, nothing lost, nothing twice."""
    seed(backend.path(NAME), 100)
    writer = Writer(opened(), pause=time.sleep)
    with threads(32) as pool:
        shas = list(pool.map(lambda n: writer.write(commits(f"apps/f{n}")), range(200)))
    assert len(set(shas)) == 200
    assert sorted(log(backend)) == sorted(["seed", *(f"apps/f{n}" for n in range(200))])
    assert pushes(backend) <= 15
    backend.git(NAME, "fsck", "--strict")


def test_who_comes_before_the_push_still_joins(backend: Backend, writer: Writer, steps: Steps) -> None:
    """With folders fetched for it as for the others, and with a fate of its own."""
    seed(backend.path(NAME), 300)
    folder = "environments/nonprod/env001/applications"
    begun, go = threading.Event(), threading.Event()

    def first(transaction: Transaction) -> str | None:
        begun.set()
        assert go.wait(30)
        return transaction.commit({"first": b"1"}, "first\n")

    def late(transaction: Transaction) -> str | None:
        assert len(transaction.names(folder)) == 100
        return transaction.commit({"late": b"1"}, "late\n")

    def broken(transaction: Transaction) -> None:
        transaction.commit({"broken": b"1"}, "broken\n")
        raise LookupError

    with threads() as pool:
        results = [pool.submit(writer.write, first)]
        assert begun.wait(30)
        results += [pool.submit(writer.write, late, [folder]), pool.submit(writer.write, broken, [folder])]
        reach(lambda: writer.waiting == 2, "the late ones do not line up")
        go.set()
    assert isinstance(results[2].exception(), LookupError)
    assert log(backend) == ["seed", "first", "late"]
    assert results[1].result() == backend.git(NAME, "rev-parse", "main")
    assert steps == list(Writer.STEPS)
    assert pushes(backend) == 1


def test_a_batch_that_grows_has_a_bound(backend: Backend, opened: Opener) -> None:
    """Otherwise those who came first would wait as long as others come."""
    writer = Writer(opened(), gather=0, most=2, pause=lambda _: None)
    begun, go = threading.Event(), threading.Event()

    def first(transaction: Transaction) -> str | None:
        begun.set()
        assert go.wait(30)
        return transaction.commit({"first": b"1"}, "first\n")

    with threads() as pool:
        results = [pool.submit(writer.write, first)]
        assert begun.wait(30)
        results += [pool.submit(writer.write, commits(f"f{number}")) for number in range(3)]
        reach(lambda: writer.waiting == 3, "the late ones do not line up")
        go.set()
    assert all(result.result() for result in results)
    assert pushes(backend) == 2
