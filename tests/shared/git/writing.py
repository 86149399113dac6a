"""Jobs for a writer, and what the server saw of them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from shared.git import Repository, Transaction, Writer

from .backend import Backend
from .conftest import NAME

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


def write(repository: Repository, path: str, content: bytes = b"1") -> None:
    with repository.transaction() as transaction:
        transaction.commit({path: content}, f"{path}\n")
        transaction.push()
