"""The listing of references: what Gitea was recorded to send, what Git itself sends, and everything that is neither."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError
from shared.git import RepositoryMissing
from shared.git.connection import Connection
from shared.git.listing import parse
from shared.git.packets import NotGit

from .backend import Backend
from .conftest import NAME, TOKEN
from .seed import seed

RECORDINGS = Path(__file__).parents[2] / "recordings" / "gitea" / "transcript.jsonl"
PAGES = {
    case["case"]: case["response"]
    for case in map(json.loads, RECORDINGS.read_text().splitlines())
    if "info/refs?service=git-upload-pack" in case["request"]["path"]
}
MEDIA_TYPE = "application/x-git-upload-pack-advertisement"
URL = "http://gitea:3000/infraforge/voltran.git"
SHA = "25c4aaef94799ef11d1ff74efab32b109486864b"
OTHER = "d08e9023c8fe01d7f74fe3668af783c9bdcb4fd4"
FIRST = "# service=git-upload-pack"


def page(*lines: str, end: str = "0000") -> bytes:
    """A listing of these lines, as a server sends it."""
    return (packet(FIRST) + "0000" + "".join(map(packet, lines)) + end).encode()


def packet(line: str) -> str:
    """One pkt-line."""
    return f"{len(line.encode()) + 5:04x}{line}\n"


def listing(answer: Callable[[httpx.Request], httpx.Response], token: str = TOKEN, timeout: float = 5) -> Connection:
    """A listing whose server is `answer`."""
    return Connection(URL, lambda: SecretStr(token), timeout, httpx.MockTransport(answer))


def answering(status: int, content: bytes = b"", **headers: str) -> Connection:
    """A listing whose server always answers so."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return listing(lambda _: httpx.Response(status, content=content, headers=named))


@pytest.mark.parametrize("case", sorted(PAGES))
def test_a_recorded_answer_of_gitea(case: str) -> None:
    recorded = PAGES[case]
    asked = answering(recorded["status"], recorded["body"].encode(), content_type=recorded["headers"]["content-type"])
    expected: dict[int, type[InfraForgeError]] = {401: Forbidden, 404: RepositoryMissing}
    if recorded["status"] == 200:
        found = asked.references()
        assert "refs/heads/main" in found
        assert found["HEAD"] in found.values()
    else:
        with pytest.raises(expected[recorded["status"]]):
            asked.references()


def test_every_recorded_answer_is_looked_at() -> None:
    assert len(PAGES) == 19


def test_git_itself(backend: Backend) -> None:
    """A branch, a plain tag and an annotated one, which is told as what it is a tag of."""
    seed(backend.path(NAME), 3)
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    backend.git(NAME, "tag", "plain", "main")
    backend.git(NAME, *identity, "tag", "-a", "-m", "noted", "noted", "main")
    main = backend.git(NAME, "rev-parse", "main")
    assert Connection(backend.url(NAME), lambda: SecretStr(TOKEN), 20).references() == {
        "HEAD": main,
        "refs/heads/main": main,
        "refs/tags/noted": main,
        "refs/tags/plain": main,
    }


def test_an_empty_repository_of_git_itself(backend: Backend) -> None:
    assert Connection(backend.url(NAME), lambda: SecretStr(TOKEN), 20).references() == {}


def test_requests_share_a_connection_and_a_new_token_counts_at_once(backend: Backend) -> None:
    tokens = [TOKEN, "wrong", "wrong", TOKEN]  # a refused one is asked for once more
    asked = Connection(backend.url(NAME), lambda: SecretStr(tokens.pop(0)), 20)
    assert asked.references() == {}
    with pytest.raises(Forbidden, match="does not accept the token") as caught:
        asked.references()
    assert caught.value.reason == "TokenRefused"
    assert asked.references() == {}


def test_a_token_that_was_replaced_meanwhile_is_no_refusal(backend: Backend) -> None:
    """It is read once more before a 401 is believed, and only once."""
    tokens = ["old", TOKEN]
    assert Connection(backend.url(NAME), lambda: SecretStr(tokens.pop(0)), 20).references() == {}
    tokens = ["old", "older", TOKEN]
    with pytest.raises(Forbidden):
        Connection(backend.url(NAME), lambda: SecretStr(tokens.pop(0)), 20).references()
    assert tokens == [TOKEN]


GOOD: list[tuple[bytes, dict[str, str], str]] = [
    (page(f"{'0' * 40} capabilities^{{}}\0agent=git/2"), {}, "an empty repository"),
    (page(), {}, "an empty repository, as an older Git says it"),
    (page(f"{SHA} refs/heads/main\0multi_ack agent=git/2"), {"refs/heads/main": SHA}, "one branch"),
    (
        page(f"{SHA} refs/tags/v1\0x", f"{OTHER} refs/tags/v1^{{}}"),
        {"refs/tags/v1": OTHER},
        "an annotated tag",
    ),
    (page(f"{SHA} refs/heads/main\0x", f"shallow {OTHER}"), {"refs/heads/main": SHA}, "a shallow server"),
    (page(f"{SHA} refs/heads/ä\0x"), {"refs/heads/ä": SHA}, "a name beyond ASCII"),
]


@pytest.mark.parametrize(("content", "expected", "reason"), GOOD, ids=[case[2] for case in GOOD])
def test_a_listing(content: bytes, expected: dict[str, str], reason: str) -> None:
    assert parse(content) == expected


BAD: list[tuple[bytes, str]] = [
    (b"", "nothing"),
    (b"<html>a login page</html>", "a page"),
    (b"0000", "no service"),
    (packet(FIRST).encode(), "no end of the first section"),
    (page(f"{SHA} refs/heads/main\0x", end=""), "cut off between two lines"),
    (page(f"{SHA} refs/heads/main\0x", end="0")[:-6], "cut off in a line"),
    (page(f"{SHA} refs/heads/main\0x", end="00000000"), "more than a listing"),
    (page(f"{SHA} refs/heads/main\0x", end="0001"), "a delimiter, of a later version"),
    (page(f"{SHA} refs/heads/main\0x", end="0004"), "a packet of nothing"),
    (page(f"{SHA} refs/heads/main\0x", end="-001"), "a length with a sign"),
    (page(f"{SHA} refs/heads/main\0x", end="0x05"), "a length with a prefix"),
    (page("version 1", f"{SHA} refs/heads/main\0x"), "another version"),
    (page("ERR no room"), "the server gave up"),
    (page(f"{SHA * 2}"[:64] + " refs/heads/main\0x"), "names of SHA-256"),
    (page(f"{SHA}"), "no name"),
    (page(f"{SHA} refs/heads/main extra"), "two names"),
    (packet("# service=git-receive-pack").encode() + b"00000000", "another service"),
]


@pytest.mark.parametrize(("content", "reason"), BAD, ids=[case[1] for case in BAD])
def test_what_is_no_listing(content: bytes, reason: str) -> None:
    with pytest.raises(NotGit):
        parse(content)
    with pytest.raises(GiteaUnavailable, match="infraforge/voltran does not answer as a Git server"):
        answering(200, content, content_type=MEDIA_TYPE).references()


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_bytes_of_anybody(content: bytes, tail: bytes) -> None:
    """Whatever comes is a listing or refused, never anything else."""
    for bytes_ in (content, page(f"{SHA} refs/heads/main\0x", end="") + tail):
        try:
            assert isinstance(parse(bytes_), dict)
        except NotGit:
            continue


STATUSES: list[tuple[int, type[InfraForgeError], str]] = [
    (301, RepositoryMissing, "renamed"),
    (302, RepositoryMissing, "a login page"),
    (401, Forbidden, "a wrong token"),
    (403, Forbidden, "no right to read"),
    (404, RepositoryMissing, "deleted"),
    (429, GiteaUnavailable, "throttled"),
    (500, GiteaUnavailable, "a fault of Gitea's"),
    (502, GiteaUnavailable, "a proxy without Gitea"),
    (204, GiteaUnavailable, "no answer at all"),
]


@pytest.mark.parametrize(("status", "kind", "reason"), STATUSES, ids=[case[2] for case in STATUSES])
def test_a_refusal(status: int, kind: type[InfraForgeError], reason: str) -> None:
    with pytest.raises(kind) as caught:
        answering(status, b"Words of its own\n", location="http://elsewhere/infraforge/voltran.git").references()
    assert type(caught.value) is kind


def test_a_good_page_of_another_media_type_is_refused() -> None:
    with pytest.raises(GiteaUnavailable, match="as a Git server"):
        answering(200, page(f"{SHA} refs/heads/main\0x"), content_type="text/plain").references()


def test_a_media_type_may_have_parameters() -> None:
    found = answering(200, page(f"{SHA} HEAD\0x"), content_type=f"{MEDIA_TYPE}; charset=utf-8").references()
    assert found == {"HEAD": SHA}


def test_a_redirect_gets_no_token() -> None:
    """Nobody but the address that was asked hears anything."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(301, headers={"Location": "http://elsewhere/a/b.git/info/refs"})

    with pytest.raises(RepositoryMissing):
        listing(answer).references()
    assert asked == [f"{URL}/info/refs?service=git-upload-pack"]


def test_a_cookie_is_not_kept() -> None:
    """A session of Gitea's would outlive the token."""
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Cookie"))
        return httpx.Response(200, content=page(), headers={"Content-Type": MEDIA_TYPE, "Set-Cookie": "session=1"})

    asked = listing(answer)
    asked.references()
    asked.references()
    assert seen == [None, None]


FAILURES: list[tuple[httpx.TransportError, str]] = [
    (httpx.ConnectError(f"no route, {TOKEN}"), "cannot be reached: ConnectError"),
    (httpx.ReadError("reset"), "cannot be reached: ReadError"),
    (httpx.RemoteProtocolError("half an answer"), "cannot be reached: RemoteProtocolError"),
    (httpx.ReadTimeout("slow"), "did not answer within 5 seconds"),
    (httpx.ConnectTimeout("away"), "did not answer within 5 seconds"),
]


@pytest.mark.parametrize(("failure", "text"), FAILURES, ids=[type(case[0]).__name__ for case in FAILURES])
def test_a_failure_of_the_network(failure: httpx.TransportError, text: str) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(GiteaUnavailable, match=text) as caught:
        listing(answer).references()
    assert TOKEN not in str(caught.value)


def test_a_token_that_is_sent_back_is_not_told() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, text=f"no entry for {request.headers['Authorization']} or {TOKEN}\n")

    with pytest.raises(Forbidden, match="no entry for Basic … or …"):
        listing(answer).references()


class Endless(httpx.SyncByteStream):
    """An answer without an end."""

    def __init__(self, part: bytes) -> None:
        self.part = part
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.sent += len(self.part)
            yield self.part


@pytest.mark.parametrize(
    ("part", "timeout", "text"),
    [
        (b"0" * 1_000_000, 60.0, "cannot be reached: DecodingError"),
        (b"0", 0.01, "did not answer within 0.01 seconds"),
    ],
    ids=["too long", "too slow"],
)
def test_a_page_is_bounded_in_size_and_time(part: bytes, timeout: float, text: str) -> None:
    stream: Any = Endless(part)
    asked = listing(lambda _: httpx.Response(200, headers={"Content-Type": MEDIA_TYPE}, stream=stream), timeout=timeout)
    with pytest.raises(GiteaUnavailable, match=text):
        asked.references()
    assert stream.sent <= 40 * 1024 * 1024
