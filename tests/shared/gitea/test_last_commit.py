"""What Gitea says of the commit that changed a path last."""

import httpx
import pytest

from shared.git import Record, compose
from shared.gitea.api import GiteaRefused
from shared.history import PastCommit
from tests.shared.gitea.edge import Edge, client, recorded


def test_last_commit() -> None:
    """Its time comes back in UTC, so that commits of any zone sort."""
    edge = Edge("commits-of-path")
    found = client(edge).last_commit("infraforge", "voltran", "environments/a b")
    first = recorded("commits-of-path").json()[0]
    assert found is not None
    assert found.sha == first["sha"]
    assert found.when.endswith("+00:00")
    assert edge.asked[0].url.params["path"] == "environments/a b"
    assert edge.asked[0].url.params["limit"] == "1"


def test_last_commits_of_two_zones_compare() -> None:
    def commit(when: str) -> PastCommit:
        person = {"name": "n", "email": "n@example.com", "date": when}
        body = [{"sha": when, "commit": {"message": "m", "author": person, "committer": person}}]
        found = client(Edge(httpx.Response(200, json=body))).last_commit("o", "r", "p")
        assert found is not None
        return found

    assert commit("2026-01-01T02:00:00+02:00").when < commit("2026-01-01T00:30:00Z").when


DATES = [
    ("10000-01-01T00:00:00Z", "beyond what a calendar holds"),
    ("3170843-11-07T09:46:39Z", "far beyond"),
    ("0001-01-01T00:00:00+14:00", "before the first day"),
    ("2026-01-01T00:00:00+99:99", "in no zone"),
    ("", "none"),
]


@pytest.mark.parametrize(("date", "why"), DATES, ids=[case[1] for case in DATES])
def test_last_commit_by_a_clock_that_is_wrong(date: str, why: str) -> None:
    """Whoever commits sets it; such a commit is older than any."""
    person = {"name": "n", "email": "n@example.com", "date": date}
    body = [{"sha": "s", "commit": {"message": "m", "author": person, "committer": person}}]
    found = client(Edge(httpx.Response(200, json=body))).last_commit("o", "r", "p")
    assert found is not None
    assert found.when == "0001-01-01T00:00:00+00:00", why


def told(message: str, name: str = "Eve", email: str = "eve@example.com") -> PastCommit:
    """What the client makes of a commit."""
    person = {"name": name, "email": email, "date": "2026-01-01T00:00:00Z"}
    body = [{"sha": "s", "commit": {"message": message, "author": person, "committer": person}}]
    found = client(Edge(httpx.Response(200, json=body))).last_commit("o", "r", "p")
    assert found is not None
    return found


def test_who_made_the_last_commit() -> None:
    """The author as Git has it, whoever the committer was."""
    author = {"name": "Eve", "email": "eve@example.com", "date": "2026-01-01T00:00:00Z"}
    committer = {"name": "Gitea", "email": "g@example.com", "date": "2026-01-02T00:00:00Z"}
    body = [{"sha": "s", "commit": {"message": "Fix it", "author": author, "committer": committer}}]
    found = client(Edge(httpx.Response(200, json=body))).last_commit("o", "r", "p")
    assert found == PastCommit("s", "2026-01-02T00:00:00+00:00", "Eve <eve@example.com>")


MESSAGES = [
    (compose(Record("s", "PlatformClaim", "dev", "p", "u", 7, "e", {})), ("PlatformClaim/dev/p", 7), "a claim's"),
    ("Fix it", (None, 0), "a stranger's"),
    ("", (None, 0), "nobody's"),
    ("Fix\n\nClaim: PlatformClaim/dev/p\n", (None, 0), "one that has only one of the trailers"),
    ("Revert\n\n" + compose(Record("s", "PlatformClaim", "dev", "p", "u", 7, "e", {})) + "\nSigned-off-by: Eve\n",
     (None, 0), "one that quotes a claim's"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "expected", "why"), MESSAGES, ids=[case[2] for case in MESSAGES])
def test_whose_the_last_commit_is(message: str, expected: tuple[str | None, int], why: str) -> None:
    found = told(message)
    assert (found.claim, found.generation) == expected, why


NO_COMMITS = [
    (recorded("commits-empty-repo"), "409: a repository without commits, as after a claim without clusters"),
    (recorded("repo-get-missing"), "404: no repository, or no such path"),
    (httpx.Response(200, json=[]), "none that touched the path"),
    (httpx.Response(200, text="null"), "Gitea's empty list"),
]


@pytest.mark.parametrize(("answer", "why"), NO_COMMITS, ids=[case[1] for case in NO_COMMITS])
def test_last_commit_of_nothing(answer: httpx.Response, why: str) -> None:
    assert client(Edge(answer)).last_commit("infraforge", "voltran", "x") is None, why


def test_last_commit_does_not_take_every_refusal_for_nothing() -> None:
    with pytest.raises(GiteaRefused):
        client(Edge(httpx.Response(422, json={"message": "x"}))).last_commit("o", "r", "p")
