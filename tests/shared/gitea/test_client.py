"""The Gitea client against what a real Gitea answered, at httpx's transport."""

import traceback
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError
from shared.gitea import Gitea, Hook
from shared.gitea.api import GiteaNotFound, GiteaRefused
from tests.shared.gitea.edge import ENDPOINT, TOKEN, Edge, client, recorded


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


REFUSED_TOKEN = (
    "Gitea does not know our token: renew INFRAFORGE_GITEA_TOKEN, or what is in the file that "
    "INFRAFORGE_GITEA_TOKEN_FILE names (invalid username, password or token)"
)
LONG = "<html>" + "x" * 5000
FAILURES = [
    (Edge("user-token-wrong"), Forbidden, "TokenRefused",
     REFUSED_TOKEN, "401"),
    (Edge("user-token-deleted"), Forbidden, "TokenRefused",
     REFUSED_TOKEN, "revoked"),
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
    (Edge(httpx.Response(408)), GiteaUnavailable, "GiteaUnavailable",
     "Gitea answered 408: Request Timeout", "a proxy that gave up on a Gitea that starts"),
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


def replaced(*tokens: str) -> Callable[[], SecretStr]:
    """A token that is another one whenever it is asked for, and stays the last one."""
    left = list(tokens)
    return lambda: SecretStr(left.pop(0) if len(left) > 1 else left[0])


def test_a_token_that_was_replaced_meanwhile_is_no_refusal() -> None:
    """It is read once more before a 401 is believed, and what was asked is asked again, with its body."""
    edge = Edge("user-token-deleted", httpx.Response(201, json={}))
    gitea = Gitea(ENDPOINT, replaced("old", "new"), timeout=5, transport=httpx.MockTransport(edge))
    gitea.create_hook("o", "http://hook.test", SecretStr("s"), frozenset({"push"}))
    assert [one.headers["Authorization"] for one in edge.asked] == ["token old", "token new"]
    assert edge.asked[0].content == edge.asked[1].content
    assert edge.asked[0].url == edge.asked[1].url
    gitea.close()


@pytest.mark.parametrize(
    ("tokens", "asked", "why"),
    [
        (("same",), ["token same"], "nobody replaced it"),
        (("old", "new", "newest"), ["token old", "token new"], "the new one is refused too: that is believed"),
    ],
    ids=["the same", "refused twice"],
)
def test_a_401_that_stays_one(tokens: tuple[str, ...], asked: list[str], why: str) -> None:
    edge = Edge("user-token-deleted", "user-token-deleted")
    gitea = Gitea(ENDPOINT, replaced(*tokens), timeout=5, transport=httpx.MockTransport(edge))
    with pytest.raises(Forbidden) as caught:
        gitea.ping()
    assert caught.value.reason == "TokenRefused"
    assert [one.headers["Authorization"] for one in edge.asked] == asked, why
    gitea.close()


def test_a_client_hides_its_token() -> None:
    gitea = client(Edge())
    assert TOKEN not in repr(gitea)
    assert TOKEN not in repr(vars(gitea))
    gitea.close()
