"""What a caller is told when the server refuses, is away, or answers nonsense."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError, TransientError
from shared.git import Author, Remote, Repository, RepositoryMissing

from .backend import Backend
from .conftest import NAME, TOKEN, Opener
from .seed import seed


def write(repository: Repository, content: bytes = b"1") -> None:
    with repository.transaction() as transaction:
        transaction.commit({"a": content}, "a\n")
        transaction.push()


ANSWERS: list[tuple[str, int, str, type[InfraForgeError], str]] = [
    ("info/refs", 500, "oops", GiteaUnavailable, "500"),
    ("info/refs", 502, "<html>bad gateway</html>", GiteaUnavailable, "502"),
    ("info/refs", 503, "", GiteaUnavailable, "503"),
    ("info/refs", 404, "Repository not found\n", RepositoryMissing, "does not exist"),
    ("info/refs", 403, "Forbidden\n", Forbidden, "refuses"),
    ("info/refs", 301, "", RepositoryMissing, "does not exist"),
    ("info/refs", 200, "<html>a login page</html>", GiteaUnavailable, "as a Git server"),
    ("info/refs", 200, "<html>\na page\n</html>", GiteaUnavailable, "as a Git server"),
    ("info/refs", 200, "", GiteaUnavailable, "as a Git server"),
    ("POST git-receive-pack", 403, "Push to create is not enabled for organizations.\n", RepositoryMissing, "exist"),
    ("POST git-receive-pack", 403, "This repo is archived.\n", Forbidden, "This repo is archived."),
    ("POST git-upload-pack", 500, "", GiteaUnavailable, "500"),
    ("POST git-receive-pack", 500, "", GiteaUnavailable, "500"),
    ("POST git-receive-pack", 200, "", GiteaUnavailable, "infraforge/voltran"),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: f"{case[0]} {case[1]} {case[2][:12].strip()}")
def test_answers(backend: Backend, opened: Opener, case: tuple[str, int, str, type[InfraForgeError], str]) -> None:
    """The server's own words reach the message, and afterwards the same cache works."""
    where, status, body, kind, text = case
    seed(backend.path(NAME), 3)
    method, _, target = where.rpartition(" ")
    backend.fault = lambda verb, path: (status, body) if target in path and verb == (method or verb) else None
    repository = opened()
    with pytest.raises(kind, match=text) as caught:
        write(repository)
    assert type(caught.value) is kind
    assert TOKEN not in str(caught.value)
    backend.fault = None
    write(repository)
    assert backend.git(NAME, "show", "main:a") == "1"


def test_a_wrong_token_is_named(opened: Opener) -> None:
    with pytest.raises(Forbidden, match="does not accept the token") as caught:
        write(opened(token="wrong"))
    assert caught.value.reason == "TokenRefused"


def test_a_new_token_is_used_at_once(backend: Backend, tmp_path: Path) -> None:
    tokens = ["old"]
    repository = Repository(
        tmp_path / "c", Remote(backend.url(NAME)), token=lambda: SecretStr(tokens[-1]), author=Author("a", "b")
    )
    with pytest.raises(Forbidden):
        write(repository)
    tokens.append(TOKEN)
    write(repository)


def test_a_token_that_is_replaced_in_the_middle_is_no_refusal(backend: Backend, tmp_path: Path) -> None:
    """Whichever request of a write is refused, one of ours or one of Git's: the token is read once more."""
    seed(backend.path(NAME), 3)

    def asked_by(folder: str, old: int) -> int:
        """How often a first write from there asks for its token, which is an old one at one of those times."""
        times = 0

        def token() -> SecretStr:
            nonlocal times
            times += 1
            return SecretStr("old" if times == old else TOKEN)

        repository = Repository(tmp_path / folder, Remote(backend.url(NAME)), token=token, author=Author("a", "b"))
        write(repository, folder.encode())
        return times

    usual = asked_by("none", 0)
    assert usual >= 3, "list, fetch, push"
    assert [asked_by(str(turn), turn) >= usual for turn in range(1, usual + 1)] == [True] * usual
    assert sum(asked_by(f"again-{turn}", turn) > usual for turn in range(1, usual + 1)) >= 3


def test_a_missing_repository_is_told_apart(opened: Opener) -> None:
    with pytest.raises(RepositoryMissing, match="infraforge/nothere does not exist"):
        write(opened(name="infraforge/nothere"))


def hook(backend: Backend, script: str) -> None:
    path = backend.path(NAME) / "hooks" / "pre-receive"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_hook_says_why(backend: Backend, opened: Opener) -> None:
    hook(backend, "echo 'policy: files must be signed off' >&2; exit 1")
    with pytest.raises(Forbidden, match="policy: files must be signed off"):
        write(opened())


def test_a_hook_that_hangs_costs_the_timeout(backend: Backend, opened: Opener) -> None:
    """Afterwards the repository is usable; the hook declines, lest its push comes in between."""
    gate = backend.root / "gate"
    hook(backend, f"while [ ! -e '{gate}' ]; do sleep 0.05; done; exit 1")
    repository = opened(timeout=1.5)
    begun = time.monotonic()
    with pytest.raises(GiteaUnavailable, match=r"did not answer within 1\.5 seconds"):
        write(repository)
    assert time.monotonic() - begun < 10
    (backend.path(NAME) / "hooks" / "pre-receive").unlink()
    gate.touch()
    write(opened(), b"2")


@contextmanager
def silent_server() -> Iterator[tuple[str, list[socket.socket]]]:
    """A server that takes connections and says nothing: its address, and the connections."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", taken
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        thread.join(30)
    for connection in taken:
        connection.close()


def test_the_whole_process_group_ends_at_the_timeout(tmp_path: Path) -> None:
    """git-remote-http holds the connection; its end of the socket closes when it is gone."""
    with silent_server() as (url, taken):
        remote = Remote(f"{url}/a/b.git")
        repository = Repository(
            tmp_path / "c", remote, token=lambda: SecretStr(TOKEN), author=Author("a", "b"), timeout=1
        )
        with pytest.raises(GiteaUnavailable, match="did not answer"), repository.transaction():
            pass
        assert taken
        for connection in taken:
            connection.settimeout(10)
            while connection.recv(65536):
                pass


def test_a_machine_without_git(opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = opened()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TransientError, match="Git cannot be started"), repository.transaction():
        pass


def test_nobody_listens(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    repository = Repository(
        tmp_path / "c",
        Remote(f"http://127.0.0.1:{port}/a/b.git"),
        token=lambda: SecretStr("x"),
        author=Author("a", "b"),
    )
    with pytest.raises(GiteaUnavailable, match="a/b cannot be reached"), repository.transaction():
        pass


def refuse_filters(backend: Backend) -> None:
    backend.git(NAME, "config", "uploadpack.allowFilter", "false")


def refuse_tree_filters(backend: Backend) -> None:
    backend.git(NAME, "config", "uploadpackfilter.tree.allow", "false")


def refuse_deep_filters(backend: Backend) -> None:
    backend.git(NAME, "config", "uploadpackfilter.tree.maxDepth", "1")


@pytest.mark.parametrize("refuse", [refuse_filters, refuse_tree_filters, refuse_deep_filters])
def test_a_server_without_our_filter_serves_the_newest_commit_whole(
    backend: Backend, opened: Opener, refuse: Callable[[Backend], None]
) -> None:
    seed(backend.path(NAME), 30)
    refuse(backend)
    repository = opened()
    for content in (b"1", b"2"):
        write(repository, content)
        write(opened("other"), content + b"x")
    with repository.transaction() as transaction:
        assert transaction.read("environments/nonprod/env000/platform/postgres/values.yaml") == b"size: 0Gi\n"
        assert len(transaction.names("environments/nonprod/env000/applications")) == 30
    backend.git(NAME, "fsck", "--strict", "--full")


def test_a_full_disk_is_told_as_such(backend: Backend, tmp_path: Path) -> None:
    """The place of the cache is a file: the same OSError as a full disk, which needs root to make."""
    (tmp_path / "caches").write_text("")
    repository = Repository(
        tmp_path / "caches" / "c", Remote(backend.url(NAME)), token=lambda: SecretStr(TOKEN), author=Author("a", "b")
    )
    with pytest.raises(TransientError, match="cache") as caught:
        write(repository)
    assert caught.value.reason == "CacheUnavailable"


@pytest.mark.skipif(shutil.which("git") is None or not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_while_writing_is_told_as_such(backend: Backend, opened: Opener, tmp_path: Path) -> None:
    """Objects of ours go to a folder that cannot take them; a fresh cache is tried once and then works again."""
    repository = opened()
    write(repository)
    with repository.transaction() as transaction:
        transaction.commit({"b": b"1"}, "b\n")
        objects = tmp_path / "caches" / "cache" / "objects"
        shutil.rmtree(objects)
        objects.symlink_to("/dev/full")
        transaction.push()
    assert backend.git(NAME, "show", "main:b") == "1"
