"""A push that is made here, against Git's own receiver and against everything that it may answer."""

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError, PushRejected
from shared.git import PushDeclined, Repository
from shared.git.connection import Connection
from shared.git.objects import Stored, name_of
from shared.git.packets import NotGit
from shared.git.sending import pack, refusal, request

from .backend import Backend
from .conftest import NAME, TOKEN, Opener
from .seed import seed

MAIN = "refs/heads/main"
OLD, NEW = "1" * 40, "2" * 40
MOVE = {MAIN: (OLD, NEW)}
URL = "http://gitea:3000/infraforge/voltran.git"
RESULT = "application/x-git-receive-pack-result"


def packet(content: bytes) -> bytes:
    """One pkt-line, as Git's documents write it."""
    return f"{len(content) + 4:04x}".encode() + content


def answer(*report: str, told: str = "", end: bytes = b"0000") -> bytes:
    """What a server says: the report in band 1 and what hooks print in band 2."""
    inner = b"".join(packet(line.encode() + b"\n") for line in report) + b"0000"
    words = packet(b"\2" + told.encode()) if told else b""
    return words + packet(b"\1" + inner) + end


def objects(*contents: bytes) -> dict[str, Stored]:
    """Blobs by their names."""
    return {name_of("blob", data): Stored("blob", data) for data in contents}


def indexed(content: bytes, directory: Path) -> set[str]:
    """The objects that Git finds in a pack."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "a.pack"
    file.write_bytes(content)
    subprocess.run(["git", "index-pack", "--strict", str(file)], check=True, capture_output=True, cwd=directory)
    shown = subprocess.run(
        ["git", "show-index"], input=(directory / "a.idx").read_bytes(), check=True, capture_output=True
    )
    return {line.split()[1].decode() for line in shown.stdout.splitlines()}


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 2047, 2048, 2049, 262_143, 262_144, 1_000_000])
def test_git_reads_a_pack(size: int, tmp_path: Path) -> None:
    """At each size where the length takes one more byte."""
    sent = objects(b"a" * size, b"other")
    assert indexed(pack(sent), tmp_path) == sent.keys()


@given(contents=st.lists(st.binary(max_size=5000), max_size=20))
def test_git_reads_any_pack(contents: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    sent = objects(*contents)
    assert indexed(pack(sent), tmp_path_factory.mktemp("pack")) == sent.keys()


def test_a_request_names_what_is_expected() -> None:
    body = request({MAIN: (None, NEW)}, {})
    assert body.startswith(packet(f"{'0' * 40} {NEW} {MAIN}\0 report-status side-band-64k agent=infraforge".encode()))
    assert b"0000PACK" in body


def test_several_references_are_moved_all_or_none() -> None:
    body = request(MOVE | {"refs/tags/v1": (None, NEW)}, {})
    assert body.count(b"\0 report-status") == 1
    assert b" atomic" in body


REFUSALS: list[tuple[bytes, str | None, str]] = [
    (answer("unpack ok", f"ok {MAIN}"), None, "moved"),
    (answer("unpack ok", f"ok {MAIN}", told="Processed 1 references\n"), None, "moved, with words"),
    (
        answer("unpack ok", f"ng {MAIN} pre-receive hook declined", told="policy: no\rmore\n"),
        f"remote: policy: no\nremote: more\n ! [remote rejected] {MAIN} (pre-receive hook declined)\n",
        "a hook",
    ),
    (
        answer("unpack index-pack abnormal exit", f"ng {MAIN} unpacker error"),
        f"error: remote unpack failed: index-pack abnormal exit\n ! [remote rejected] {MAIN} (unpacker error)\n",
        "a disk that is full",
    ),
    (answer("unpack ok", "ok refs/heads/other"), "", "another reference than ours"),
    (answer("unpack ok"), "", "no word of ours"),
    (packet(b"\3out of memory") + b"0000", "fatal: remote error: out of memory", "the server gave up"),
]


@pytest.mark.parametrize(("page", "expected", "reason"), REFUSALS, ids=[case[2] for case in REFUSALS])
def test_an_answer_reads_as_git_prints_it(page: bytes, expected: str | None, reason: str) -> None:
    assert refusal(page, MOVE) == expected


STRANGE: list[tuple[bytes, str]] = [
    (b"", "nothing"),
    (b"0000", "no report"),
    (b"<html>", "a page"),
    (answer("unpack ok", f"ok {MAIN}")[:-12], "cut off"),
    (packet(b"\1" + packet(b"unpack ok\n")) + b"0000", "a report that was cut off"),
    (packet(b"\4x") + b"0000", "an unknown band"),
    (answer(f"ok {MAIN}"), "no word of the pack"),
]


@pytest.mark.parametrize(("page", "reason"), STRANGE, ids=[case[1] for case in STRANGE])
def test_what_is_no_answer(page: bytes, reason: str) -> None:
    with pytest.raises(NotGit):
        refusal(page, MOVE)
    with pytest.raises(GiteaUnavailable, match="does not answer as a Git server"):
        connected(page).push(MOVE, {})


@given(st.binary(max_size=200))
def test_bytes_of_anybody_are_no_success(page: bytes) -> None:
    try:
        assert refusal(page, MOVE) is not None
    except NotGit:
        return


ERRORS: list[tuple[bytes, type[InfraForgeError], str]] = [
    (answer("unpack ok", f"ng {MAIN} failed to update ref"), PushRejected, "somebody was faster"),
    (answer("unpack ok", f"ng {MAIN} atomic transaction failed"), PushRejected, "somebody made the tag"),
    (answer("unpack ok", f"ng {MAIN} missing necessary objects"), PushRejected, "the head was rewritten"),
    (answer("unpack ok", f"ng {MAIN} pre-receive hook declined"), PushDeclined, "a hook"),
    (answer("unpack ok", f"ng {MAIN} something new"), GiteaUnavailable, "words that nobody knows"),
    (answer("unpack ok"), GiteaUnavailable, "no word of ours"),
    (answer("unpack no room", f"ng {MAIN} unpacker error"), GiteaUnavailable, "a disk that is full"),
    (packet(b"\3out of memory") + b"0000", GiteaUnavailable, "the server gave up"),
]


@pytest.mark.parametrize(("page", "kind", "reason"), ERRORS, ids=[case[2] for case in ERRORS])
def test_an_answer_has_its_error(page: bytes, kind: type[InfraForgeError], reason: str) -> None:
    with pytest.raises(kind) as caught:
        connected(page).push(MOVE, {})
    assert type(caught.value) is kind


def test_a_token_in_the_words_of_a_hook_is_not_told() -> None:
    page = answer("unpack ok", f"ng {MAIN} pre-receive hook declined", told=f"no {TOKEN}\n")
    with pytest.raises(PushDeclined, match="no …"):
        connected(page).push(MOVE, {})


def connected(page: bytes) -> Connection:
    """A connection whose server always answers so."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=page, headers={"Content-Type": RESULT}))
    return Connection(URL, lambda: SecretStr(TOKEN), 5, transport)


def write(repository: Repository, *paths: str, content: bytes = b"1") -> None:
    """Commit and push these files."""
    with repository.transaction() as transaction:
        transaction.commit(dict.fromkeys(paths, content), "a\n")
        transaction.push()


def test_a_reference_that_is_not_as_expected_is_left_alone(backend: Backend, opened: Opener) -> None:
    """Moved, there where none is expected, and gone: Git compares under its lock."""
    seed(backend.path(NAME), 3)
    head = backend.git(NAME, "rev-parse", "main")
    write(opened(), "a")
    now = backend.git(NAME, "rev-parse", "main")
    there = Connection(backend.url(NAME), lambda: SecretStr(TOKEN), 20)
    for name, expected in ((MAIN, head), (MAIN, None), ("refs/heads/none", head)):
        with pytest.raises(PushRejected):
            there.push({name: (expected, head)}, {})
    with pytest.raises(PushRejected):
        there.push({"refs/tags/v1": (None, now), MAIN: (head, head)}, {})
    assert there.references() == {"HEAD": now, MAIN: now}


def test_a_commit_whose_parent_is_gone_is_refused(backend: Backend, opened: Opener) -> None:
    """Whatever we believe of the server: it looks itself."""
    with opened().transaction() as transaction:
        transaction.commit({"a": b"1"}, "a\n")
        shutil.rmtree(backend.path(NAME))
        backend.create(NAME)
        transaction.push()  # the first commit of all needs nothing
    with opened().transaction() as transaction:
        transaction.commit({"b": b"1"}, "b\n")
        shutil.rmtree(backend.path(NAME))
        backend.create(NAME)
        with pytest.raises(PushRejected):
            transaction.push()
    assert backend.git(NAME, "for-each-ref") == ""


def test_a_repository_that_was_made_anew_gets_everything(backend: Backend, opened: Opener) -> None:
    """What the cache still holds of the old one is not taken for being there."""
    repository = opened()
    write(repository, "a/b/c", "d")
    seen = backend.git(NAME, "rev-parse", "main")
    shutil.rmtree(backend.path(NAME))
    backend.create(NAME)
    with repository.transaction() as transaction:
        assert transaction.read("a/b/c") is None
        transaction.touched(seen)  # reads the old commit and its trees, which are here
        transaction.commit({"a/b/c": b"1", "d": b"1"}, "a\n")
        transaction.push()
    backend.git(NAME, "fsck", "--strict", "--full")
    assert backend.git(NAME, "ls-tree", "-r", "--name-only", "main").split() == ["a/b/c", "d"]


def test_only_what_changed_is_sent(backend: Backend, opened: Opener) -> None:
    """Of a folder that is written as a whole, the files that stay as they are stay where they are."""
    folder = "environments/nonprod/env000/applications"
    files = {f"app-{number}/values.yaml": b"%d\n" % number for number in range(100)}
    repository = opened()
    for content in (b"1", b"2"):
        backend.exchanges.clear()
        with repository.transaction() as transaction:
            transaction.commit({folder: files | {"app-7/values.yaml": content}}, "a\n")
            transaction.push()
    sent = next(exchange.received for exchange in backend.exchanges if exchange.service == "receive")
    assert sent < 8000
    backend.git(NAME, "fsck", "--strict", "--full")


def test_several_commits_and_a_tag_go_at_once(backend: Backend, opened: Opener) -> None:
    """And a second push of the same transaction sends what is new since the first."""
    with opened().transaction() as transaction:
        first = transaction.commit({"a": b"1"}, "a\n")
        transaction.commit({"a": b"2"}, "b\n")
        assert first is not None
        transaction.create_tag("v1", first)
        transaction.push()
        transaction.commit({"a": b"1", "b": b"2"}, "c\n")
        transaction.push()
    assert backend.git(NAME, "log", "--reverse", "--format=%s", "main").split() == ["a", "b", "c"]
    assert backend.git(NAME, "rev-parse", "v1") == first
    backend.git(NAME, "fsck", "--strict", "--full")


def test_a_refused_token_is_told_before_anything_is_sent(backend: Backend) -> None:
    with pytest.raises(Forbidden) as caught:
        Connection(backend.url(NAME), lambda: SecretStr("wrong"), 20).push(MOVE, {})
    assert caught.value.reason == "TokenRefused"
