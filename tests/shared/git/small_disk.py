"""Writes from a process whose disk is too small; run by test_disk.py, which reads the answer: one word a write."""

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from shared.errors import TransientError
from shared.git import Author, Remote, Repository

from .conftest import TOKEN


def write(repository: Repository, path: str, content: bytes) -> None:
    """Write one file, and tell how it went."""
    try:
        with repository.transaction() as transaction:
            transaction.commit({path: content}, f"{path}\n")
            transaction.push()
    except TransientError as error:
        print(error.reason)
    else:
        print("written")


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """No file of this process and its children grows above `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def limited(directory: Path, repository: Repository) -> None:
    """Too little for a fetch, for an object of ours, for anything; and enough again."""
    with limited_files(2000):
        write(repository, "fetch", b"1")
    write(repository, "a", b"1")
    with limited_files(2000):
        write(repository, "object", os.urandom(5000))
    with limited_files(0):
        write(repository, "anything", b"1")
    write(repository, "b", b"1")


def filled(directory: Path, repository: Repository) -> None:
    """Somebody else fills the disk, and goes away."""
    write(repository, "a", b"1")
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            pass
    write(repository, "b", os.urandom(5000))
    filler.unlink()
    write(repository, "c", b"1")


def filling(directory: Path, repository: Repository) -> None:
    """It is the cache itself that fills it, with files too deep to be fetched again."""
    for number in range(30):
        write(repository, f"a/b/c/d/f{number}", os.urandom(40_000))


if __name__ == "__main__":
    place, url, mode = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    opened = Repository(
        place / "cache", Remote(url), token=lambda: SecretStr(TOKEN), author=Author("a", "a@example.com")
    )
    {"limited": limited, "filled": filled, "filling": filling}[mode](place, opened)
