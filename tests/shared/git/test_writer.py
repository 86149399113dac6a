"""Many threads that write at once share a push, and each gets what is its own."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from shared.errors import Forbidden, GiteaUnavailable, PushRejected, TransientError
from shared.git import PushDeclined, Repository, Transaction, Writer
from shared.git.writer import FIRST_PAUSE, LONGEST_PAUSE, RESTARTS

from .backend import Backend
from .conftest import NAME, Opener
from .seed import seed

Job = Callable[[Transaction], Any]


def commits(path: str, content: bytes = b"1") -> Job:
    """A job that writes a file of that name, with its path for a message."""
    return lambda transaction: transaction.commit({path: content}, f"{path}\n")


def log(backend: Backend) -> list[str]:
    """Subjects, oldest first; every commit has one parent at most."""
    lines = backend.git(NAME, "log", "--reverse", "--format=%s|%p", "main").splitlines()
    assert all(" " not in line.partition("|")[2] for line in lines), "merged"
    return [line.partition("|")[0] for line in lines]


def pushes(backend: Backend) -> int:
    return sum(exchange.service == "receive" for exchange in backend.exchanges)


def reach(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.002)  # other threads' waiting is seen from outside only; nothing is timed by it


class Steps(list[str]):
    """What a writer tells."""


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def writer(opened: Opener, pauses: list[float], steps: Steps) -> Writer:
    """Batches are made by the tests, so nobody is waited for."""
    return Writer(opened(), gather=0, pause=pauses.append, on_step=steps.append)


@contextmanager
def threads(count: int = 40) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(count) as pool:
        yield pool


def batch(writer: Writer, jobs: Sequence[Job]) -> list[Future[Any]]:
    """Have `jobs` written as one batch, in this order: they line up while another job holds the writer up."""
    begun, go = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        begun.set()
        assert go.wait(30)

    with threads(len(jobs) + 1) as pool:
        first = pool.submit(writer.write, hold)
        assert begun.wait(30)
        results = []
        for number, job in enumerate(jobs):
            results.append(pool.submit(writer.write, job))
            reach(lambda expected=number + 1: writer.waiting == expected, "a job does not line up")  # type: ignore[misc] # mypy cannot infer a lambda with a default
        go.set()
    first.result()
    return results


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


def test_one_that_raises_loses_its_own_commits_only(backend: Backend, writer: Writer) -> None:
    """Also what ends a thread; a tag that it made goes with its commit."""

    def failing(error: BaseException) -> Job:
        def write(transaction: Transaction) -> None:
            sha = transaction.commit({"bad": b"1"}, "bad\n")
            assert sha
            transaction.create_tag("bad", sha)
            raise error

        return write

    results = batch(
        writer, [commits("a"), failing(KeyError("x")), commits("b"), failing(SystemExit(3)), commits("bad", b"2")]
    )
    assert [type(result.exception()) for result in results] == [
        type(None),
        KeyError,
        type(None),
        SystemExit,
        type(None),
    ]
    assert log(backend) == ["a", "b", "bad"]
    assert backend.git(NAME, "show", "main:bad") == "2"
    assert backend.git(NAME, "tag") == ""
    assert writer.waiting == 0
    backend.git(NAME, "fsck", "--strict")


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


def test_after_a_lost_race_everything_starts_over(
    backend: Backend, writer: Writer, opened: Opener, pauses: list[float]
) -> None:
    """At the fetch: every job sees the new head, those that had raised too."""
    heads: list[str | None] = []
    stranger = opened("stranger")

    def seeing(transaction: Transaction) -> str | None:
        heads.append(transaction.head)
        if len(heads) == 1:
            write(stranger, "stranger")
        return transaction.commit({"a": b"1"}, "a\n")

    def reading(transaction: Transaction) -> bytes | None:
        found = transaction.read("stranger")
        if found is None:
            raise KeyError("stranger")
        return found

    results = batch(writer, [seeing, reading, commits("b")])
    assert results[1].result() == b"1"
    assert log(backend) == ["stranger", "a", "b"]
    assert heads == [None, backend.git(NAME, "rev-parse", "main~2")]
    assert len(pauses) == 1


def write(repository: Repository, path: str, content: bytes = b"1") -> None:
    with repository.transaction() as transaction:
        transaction.commit({path: content}, f"{path}\n")
        transaction.push()


def test_it_gives_up_when_others_are_faster_every_time(
    backend: Backend, writer: Writer, opened: Opener, pauses: list[float]
) -> None:
    """With pauses that may grow; everybody is told."""
    stranger = opened("stranger")
    count = 0

    def losing(transaction: Transaction) -> None:
        nonlocal count
        count += 1
        transaction.commit({"a": b"1"}, "a\n")
        write(stranger, "s", b"%d" % count)

    results = batch(writer, [losing, commits("b")])
    assert [type(result.exception()) for result in results] == [PushRejected, PushRejected]
    assert log(backend) == ["s"] * (RESTARTS + 1)
    assert len(pauses) == RESTARTS == 6
    assert all(0 <= pause <= min(LONGEST_PAUSE, FIRST_PAUSE * 2**n) for n, pause in enumerate(pauses))


HOOK = """#!/bin/sh
while read old new name; do
  if git ls-tree -r --name-only "$new" | grep -q bad; then echo "policy: no bad files" >&2; exit 1; fi
done
"""


def install_hook(backend: Backend, text: str) -> None:
    path = backend.path(NAME) / "hooks" / "pre-receive"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_only_the_one_that_a_hook_declines_fails(backend: Backend, writer: Writer) -> None:
    """Found by halves; who only read what it would have written is told of the repository without it."""
    install_hook(backend, HOOK)
    reader: Job = lambda transaction: transaction.read("bad1")  # noqa: E731 - one of a row of jobs
    jobs = [commits(f"f{n}") for n in range(30)]
    results = batch(writer, [*jobs[:5], commits("bad1"), reader, *jobs[5:]])
    assert [number for number, result in enumerate(results) if result.exception()] == [5]
    assert isinstance(results[5].exception(), Forbidden)
    assert "policy: no bad files" in str(results[5].exception())
    assert results[6].result() is None
    assert log(backend) == [f"f{n}" for n in range(30)]
    assert pushes(backend) <= 11, "halves of 32 five times, and the first"


def test_all_that_a_hook_declines_fail(backend: Backend, writer: Writer) -> None:
    install_hook(backend, HOOK)
    results = batch(writer, [commits("bad1"), commits("f"), commits("bad2"), commits("bad3")])
    assert [type(result.exception()) for result in results] == [PushDeclined, type(None), PushDeclined, PushDeclined]
    assert log(backend) == ["f"]


def test_a_refusal_of_the_repository_is_for_all(backend: Backend, writer: Writer) -> None:
    """An archived repository declines no push in particular, so nothing is tried one by one."""
    backend.fault = lambda method, path: (403, "This repo is archived.\n") if "receive-pack" in path else None
    results = batch(writer, [commits(f"f{n}") for n in range(5)])
    assert {type(result.exception()) for result in results} == {Forbidden}
    assert sum(exchange.service == "receive" for exchange in backend.exchanges) == 1


def test_what_opening_raises_is_for_all(backend: Backend, writer: Writer) -> None:
    def break_server(_: Transaction) -> None:
        backend.fault = lambda method, path: (502, "")

    results = batch(writer, [commits("a"), commits("b")])
    assert [result.exception() for result in results] == [None, None]
    writer.write(break_server)
    with threads() as pool:
        errors = [pool.submit(writer.write, commits(f"c{n}")).exception() for n in range(3)]
    assert {type(error) for error in errors} == {GiteaUnavailable}
    backend.fault = None
    writer.write(commits("d"))
    assert log(backend) == ["a", "b", "d"]


def test_an_answer_that_was_lost_makes_no_second_commit(backend: Backend, writer: Writer) -> None:
    """All are told that it may have happened; done again they find it. The push is known as ours from the start."""
    writer.write(commits("first"))
    before = backend.git(NAME, "rev-parse", "main")
    backend.lose_answer = lambda target: target.endswith("/git-receive-pack")
    results = batch(writer, [commits("a"), commits("b")])
    assert {type(result.exception()) for result in results} == {GiteaUnavailable}
    assert writer.pushed(before, backend.git(NAME, "rev-parse", "main"))
    backend.lose_answer = None
    assert [result.result() for result in batch(writer, [commits("a"), commits("b")])] == [None, None]
    assert log(backend) == ["first", "a", "b"]


@pytest.mark.parametrize("step", Writer.STEPS)
def test_a_leader_that_is_interrupted_leaves_nobody_behind(backend: Backend, opened: Opener, step: str) -> None:
    """Those it led are told to try again, and the next job finds a writer that works."""
    armed = threading.Event()

    def interrupt(name: str) -> None:
        if name == step and armed.is_set():
            armed.clear()
            raise KeyboardInterrupt

    writer = Writer(opened(), gather=0, pause=time.sleep, on_step=interrupt)
    begun, go = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        begun.set()
        assert go.wait(30)
        armed.set()

    with threads() as pool:
        first = pool.submit(writer.write, hold)
        assert begun.wait(30)
        results = [pool.submit(writer.write, commits(f"f{n}")) for n in range(4)]
        reach(lambda: writer.waiting == 4, "the jobs do not line up")
        go.set()
    first.result()
    errors = [result.exception() for result in results]
    assert sorted(type(error).__name__ for error in errors) == ["KeyboardInterrupt"] + ["TransientError"] * 3
    assert {error.reason for error in errors if isinstance(error, TransientError)} == {"WriteInterrupted"}
    writer.write(commits("after"))
    expected = [f"f{n}" for n in range(4)] if step == "Pushed" else []
    assert sorted(log(backend)) == sorted([*expected, "after"])
    assert writer.waiting == 0


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
