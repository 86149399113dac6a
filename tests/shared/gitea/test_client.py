"""The Gitea client against what a real Gitea answered, at httpx's transport."""

import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError
from shared.git import Record, compose
from shared.gitea import Gitea, Hook
from shared.gitea.client import GiteaNotFound, GiteaRefused
from shared.history import PastCommit

TOKEN = "canary-of-gitea"
ENDPOINT = "http://gitea.test:3000/sub"
RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "recordings/gitea/transcript.jsonl").read_text().splitlines()
]


def recorded(case: str) -> httpx.Response:
    """What a real Gitea answered."""
    response = next(one["response"] for one in RECORDED if one["case"] == case)
    body = response["body"]
    content = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    headers = {name: value for name, value in response["headers"].items() if name.lower() != "content-length"}
    return httpx.Response(response["status"], headers=headers, text=content)


class Edge:
    """Prepared answers in order, and the requests that they answered."""

    def __init__(self, *answers: httpx.Response | str) -> None:
        self.answers = [recorded(answer) if isinstance(answer, str) else answer for answer in answers]
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers[len(self.asked) - 1]

    @property
    def lines(self) -> list[str]:
        """Method and path of each request, as they went out."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.asked]

    def body(self, index: int) -> Any:
        return json.loads(self.asked[index].content)


def client(edge: Callable[[httpx.Request], httpx.Response]) -> Gitea:
    return Gitea(ENDPOINT, SecretStr(TOKEN), timeout=5, transport=httpx.MockTransport(edge))


def test_what_every_request_carries() -> None:
    edge = Edge("user-token")
    client(edge).ping()
    assert edge.lines == ["GET /sub/api/v1/user"]
    assert edge.asked[0].headers["Authorization"] == f"token {TOKEN}"


def test_an_organization_is_created_private() -> None:
    """The organization hides everything in it from strangers, "public" repositories too."""
    edge = Edge("org-get-missing", "org-create")
    assert client(edge).ensure_organization("infraforge")
    assert edge.lines == ["GET /sub/api/v1/orgs/infraforge", "POST /sub/api/v1/orgs"]
    assert edge.body(1) == {"username": "infraforge", "visibility": "private"}


def test_an_organization_that_is_there() -> None:
    edge = Edge("org-get")
    assert not client(edge).ensure_organization("infraforge")
    assert len(edge.asked) == 1


def test_an_organization_that_somebody_creates_meanwhile() -> None:
    """422 while it is there: two of us at once, and the other one was first."""
    edge = Edge("org-get-missing", "org-create-duplicate", "org-get")
    assert not client(edge).ensure_organization("infraforge")


NOT_OURS = [
    ("org-create-name-of-user", "a user has the name"),
    ("org-create-reserved-name", "a name that Gitea keeps for itself"),
    ("org-create-duplicate", "a private organization that our token may not see"),
]


@pytest.mark.parametrize(("answer", "why"), NOT_OURS, ids=[case[0] for case in NOT_OURS])
def test_an_organization_that_cannot_be_ours(answer: str, why: str) -> None:
    """422 is not always "it is there"."""
    with pytest.raises(Forbidden) as caught:
        client(Edge("org-get-missing", answer, "org-get-stranger-private")).ensure_organization("stranger")
    assert caught.value.reason == "OrganizationNotAccessible", why
    assert str(caught.value) == (
        'the organization "stranger" cannot be created: the name belongs to a user, is reserved, or is an organization '
        "that our token may not see; choose another spec.gitea.organization or grant access"
    )


def test_a_repository_is_created_private_and_empty() -> None:
    edge = Edge("repo-get-missing", "repo-create-empty-repo")
    assert client(edge).ensure_repository("infraforge", "voltran")
    assert edge.lines == ["GET /sub/api/v1/repos/infraforge/voltran", "POST /sub/api/v1/orgs/infraforge/repos"]
    assert edge.body(1) == {"name": "voltran", "private": True, "auto_init": False, "default_branch": "main"}


ADOPTED = [
    (("repo-get-empty",), "it is there"),
    (("repo-get-missing", "repo-create-duplicate"), "409: somebody was faster"),
]


@pytest.mark.parametrize(("answers", "why"), ADOPTED, ids=[case[1] for case in ADOPTED])
def test_a_repository_that_is_there(answers: tuple[str, ...], why: str) -> None:
    assert not client(Edge(*answers)).ensure_repository("infraforge", "voltran"), why


NOT_WRITABLE = [
    ("repo-create-stranger", "Gitea has no /orgs/o/repos: HasOrgOrUserVisible"),
    ("repo-create-org-missing", "Gitea has no /orgs/o/repos: GetOrgByName"),
    (
        "repo-create-readonly-token",
        "Gitea refuses us at /orgs/o/repos: token does not have at least one of required scope(s), "
        "required=[write:organization], token scope=read:organization,read:repository",
    ),
]


@pytest.mark.parametrize(("answer", "words"), NOT_WRITABLE, ids=[case[0] for case in NOT_WRITABLE])
def test_a_repository_that_we_may_not_create(answer: str, words: str) -> None:
    """403 and 404 mean the same to who asks: grant it."""
    with pytest.raises(Forbidden) as caught:
        client(Edge("repo-get-stranger-private", answer)).ensure_repository("o", "voltran")
    assert caught.value.reason == "OrganizationNotWritable"
    assert str(caught.value) == (
        'our token may not create repositories in the organization "o": make its user an owner of the organization, '
        f"and give it the scope write:organization ({words})"
    )


def test_a_repository_that_was_renamed() -> None:
    """301 to the new name: a second one beside it is no mend, and what to do is a person's to say."""
    answer = recorded("repo-get-renamed-old")
    with pytest.raises(GiteaRefused) as caught:
        client(Edge(answer)).ensure_repository("infraforge", "open")
    assert str(caught.value) == (
        "Gitea sends us from /repos/infraforge/open to /api/v1/repos/infraforge/opened: "
        "undo the renaming there, or name Gitea's own address in INFRAFORGE_GITEA_ENDPOINT"
    )


def test_a_redirect_is_not_followed() -> None:
    """The token stays with the endpoint that the settings name."""
    edge = Edge(httpx.Response(302, headers={"Location": "http://user:pw@evil.example.com/steal?token=x"}))
    with pytest.raises(GiteaRefused) as caught:
        client(edge).ping()
    assert len(edge.asked) == 1
    assert "to http://evil.example.com/steal:" in str(caught.value)


def test_head() -> None:
    edge = Edge("branch")
    assert client(edge).head("infraforge", "voltran") == "91476c7de703db546712bec96606d52e124687ed"
    assert edge.lines == ["GET /sub/api/v1/repos/infraforge/voltran/branches/main"]


@pytest.mark.parametrize("answer", ["branch-empty-repo", "repo-get-missing"])
def test_head_of_nothing(answer: str) -> None:
    assert client(Edge(answer)).head("infraforge", "voltran") is None


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


OTHERS = ["1", '"x"', '{"status": "ok"}', "[1]", '[{"commit": null}]', '{"commit": []}', '[["x"]]', "[" * 100_000]


@pytest.mark.parametrize("body", OTHERS, ids=[one[:20] for one in OTHERS])
def test_answers_that_are_no_gitea(body: str) -> None:
    """A proxy's, or another server's: it may be back later."""
    reads: list[Callable[[Gitea], object]] = [
        lambda gitea: gitea.head("o", "r"),
        lambda gitea: gitea.last_commit("o", "r", "p"),
        lambda gitea: list(gitea.hooks("o")),
    ]
    for read in reads:
        with pytest.raises(GiteaUnavailable, match="Gitea answered with something"):
            read(client(Edge(httpx.Response(200, text=body))))


@pytest.mark.parametrize("words", ['{"message": "\\u001b[31mno\\ud800"}', "\x1b[31mno\x00", "[" * 100_000])
def test_words_are_a_line_for_people(words: str) -> None:
    """They go into a status, and `kubectl` shows that on a terminal."""
    with pytest.raises(GiteaRefused) as refusal:
        client(Edge(httpx.Response(422, text=words))).head("o", "r")
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 400


def test_hooks_as_gitea_lists_them() -> None:
    edge = Edge("hook-org-list")
    hooks = list(client(edge).hooks("infraforge"))
    assert [(hook.id, hook.url) for hook in hooks] == [(4, "http://127.0.0.1:8899/org")]
    assert hooks[0].active
    assert "push" in hooks[0].events


def test_hooks_page_by_page() -> None:
    """50 at most, whatever is asked; a full page means that there may be more."""
    full = [{"id": number, "config": {"url": f"http://x/{number}"}, "events": None} for number in range(50)]
    edge = Edge(*(httpx.Response(200, json=page) for page in (full, full, full[:1])))
    assert len(list(client(edge).hooks("o"))) == 101
    assert [request.url.params["page"] for request in edge.asked] == ["1", "2", "3"]
    edge = Edge(*(httpx.Response(200, json=page) for page in (full, [])))
    assert len(list(client(edge).hooks("o"))) == 50
    assert list(client(Edge(httpx.Response(200, text="null"))).hooks("o")) == []


def test_create_hook_is_active_and_json() -> None:
    """Gitea's own default is inactive."""
    edge = Edge("hook-org-create")
    client(edge).create_hook("infraforge", "http://f/webhooks", SecretStr("s3cret"), frozenset({"push", "delete"}))
    assert edge.lines == ["POST /sub/api/v1/orgs/infraforge/hooks"]
    assert edge.body(0) == {
        "type": "gitea",
        "active": True,
        "events": ["delete", "push"],
        "config": {"url": "http://f/webhooks", "content_type": "json", "secret": "s3cret"},
    }


@pytest.mark.parametrize("answer", ["hook-delete", "hook-delete-again"])
def test_delete_hook(answer: str) -> None:
    """One that is gone is no error."""
    edge = Edge(answer)
    client(edge).delete_hook("infraforge", Hook(3, "u", True, frozenset()))
    assert edge.lines == ["DELETE /sub/api/v1/orgs/infraforge/hooks/3"]


def test_names_stay_in_their_place_of_a_path() -> None:
    edge = Edge("branch")
    client(edge).head("a/../b", "c?d#e", "feature/x")
    assert edge.lines == ["GET /sub/api/v1/repos/a%2F..%2Fb/c%3Fd%23e/branches/feature%2Fx"]


def raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def edge(_: httpx.Request) -> httpx.Response:
        raise error

    return edge


LONG = "<html>" + "x" * 5000
FAILURES = [
    (Edge("user-token-wrong"), Forbidden, "TokenRefused",
     "Gitea does not know our token: renew INFRAFORGE_GITEA_TOKEN (invalid username, password or token)", "401"),
    (Edge("user-token-deleted"), Forbidden, "TokenRefused",
     "Gitea does not know our token: renew INFRAFORGE_GITEA_TOKEN (invalid username, password or token)", "revoked"),
    (Edge("user-readonly-token-missing-scope"), Forbidden, "GiteaForbidden",
     "Gitea refuses us at /user: token does not have at least one of required scope(s), required=[read:user], "
     "token scope=read:organization,read:repository", "403 names the scope"),
    (Edge("repo-get-missing"), GiteaNotFound, "NotFound", "Gitea has no /user: not found", "404"),
    (Edge("org-create-bad-name"), GiteaRefused, "GiteaRefused",
     "Gitea refuses /user (422): [UserName]: invalid username", "422"),
    (Edge("repo-create-reserved-name"), GiteaUnavailable, "GiteaUnavailable",
     "Gitea answered 500: Internal Server Error", "500 with an empty message"),
    (Edge(httpx.Response(429, json={"message": "slow down"})), GiteaUnavailable, "GiteaUnavailable",
     "Gitea answered 429: slow down", "throttled by a proxy"),
    (Edge(httpx.Response(503, text="<html>\n  <b>Service\tUnavailable</b>")), GiteaUnavailable, "GiteaUnavailable",
     "Gitea answered 503: <html> <b>Service Unavailable</b>", "a proxy's page, in one line"),
    (Edge(httpx.Response(502, text=LONG)), GiteaUnavailable, "GiteaUnavailable",
     f"Gitea answered 502: {LONG[:200]}", "a long page is cut"),
    (Edge(httpx.Response(404, json=["x"])), GiteaNotFound, "NotFound",
     'Gitea has no /user: ["x"]', "JSON that is no object"),
    (Edge(httpx.Response(200, text="<html>Sign in</html>")), GiteaUnavailable, "GiteaUnavailable",
     "Gitea answered with something that is not JSON", "a sign-in page instead of an answer"),
    (Edge(httpx.Response(200, content=b"\xff\xfe\x00")), GiteaUnavailable, "GiteaUnavailable",
     "Gitea answered with something that is not JSON", "no text"),
    (raising(httpx.ConnectError("refused")), GiteaUnavailable, "GiteaUnavailable",
     "Gitea does not answer: ConnectError", "nobody listens"),
    (raising(httpx.ReadTimeout("slow")), GiteaUnavailable, "GiteaUnavailable",
     "Gitea does not answer: ReadTimeout", "hangs"),
    (raising(httpx.RemoteProtocolError("?")), GiteaUnavailable, "GiteaUnavailable",
     "Gitea does not answer: RemoteProtocolError", "hangs up"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edge", "kind", "reason", "message", "why"), FAILURES, ids=[f"{case[2]} {case[4]}" for case in FAILURES]
)
def test_failures(
    edge: Callable[[httpx.Request], httpx.Response], kind: type[InfraForgeError], reason: str, message: str, why: str
) -> None:
    """Each answer is an error of ours with Gitea's own words, and without our token."""
    with pytest.raises(InfraForgeError) as caught:
        client(edge).ping()
    assert type(caught.value) is kind, why
    assert (caught.value.reason, str(caught.value)) == (reason, message)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_client_hides_its_token() -> None:
    gitea = client(Edge())
    assert TOKEN not in repr(gitea)
    assert TOKEN not in repr(vars(gitea))
    gitea.close()
