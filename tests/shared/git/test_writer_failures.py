"""What becomes of a batch when something fails: a hook declines, others are faster, an answer or the leader is lost."""

import threading
import time

import pytest

from shared.errors import Forbidden, GiteaUnavailable, PushRejected, TransientError
from shared.git import PushDeclined, Transaction, Writer
from shared.git.writer import FIRST_PAUSE, LONGEST_PAUSE, RESTARTS

from .backend import Backend
from .conftest import NAME, Opener
from .writing import Job, batch, commits, log, pushes, reach, threads, write


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
