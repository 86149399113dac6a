"""The process: its state, its secrets, what a token may do, and what it says of things it has not."""

import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sandbox.gitea.client import GitClient
from tests.sandbox.gitea.server import ADMIN, PASSWORD, Server, basic, serving


@pytest.fixture(scope="module")
def prepared(server: Server) -> Server:
    """The server with an organization and a repository of one commit."""
    server.made("POST", "/orgs", {"username": "team", "visibility": "private"})
    server.made("POST", "/orgs/team/repos", {"name": "code", "auto_init": True, "private": True})
    return server


def test_state_survives_a_sigkill(tmp_path: Path, git: GitClient) -> None:
    """Organizations, repositories, hooks, tokens and commits are there again."""
    with serving(tmp_path) as server:
        token = server.token()
        server.made("POST", "/orgs", {"username": "kept", "visibility": "private"}, token=token)
        server.made("POST", "/orgs/kept/repos", {"name": "code", "auto_init": True}, token=token)
        hook = {"type": "gitea", "config": {"url": "http://127.0.0.1:9/", "content_type": "json"}}
        server.made("POST", "/orgs/kept/hooks", hook, token=token)
        git.run("clone", "--quiet", f"http://x:{token}@127.0.0.1:{server.port}/kept/code.git", "w")
        git.commit(git.home / "w", "change", file="1\n")
        git.run("push", "--quiet", "origin", "main", cwd=git.home / "w")
        server.stop(signal.SIGKILL)
        server.start()
        head = server.made("GET", "/repos/kept/code/branches/main", token=token)["commit"]["id"]
        assert head == git.run("rev-parse", "HEAD", cwd=git.home / "w")
        assert [one["id"] for one in server.made("GET", "/orgs/kept/hooks", token=token)] == [1]
        again = server.made("POST", "/orgs/kept/repos", {"name": "next"}, token=token)
        assert again["id"] == 2


def test_a_push_costs_what_it_is_told_to(tmp_path: Path, git: GitClient) -> None:
    """A push and a commit by REST take the delay, as a real Gitea takes its time."""
    with serving(tmp_path, "--push-delay", "400ms") as server:
        token = server.token()
        server.made("POST", "/orgs", {"username": "slow"}, token=token)
        server.made("POST", "/orgs/slow/repos", {"name": "code", "auto_init": True}, token=token)
        url = f"http://x:{token}@127.0.0.1:{server.port}/slow/code.git"
        git.run("clone", "--quiet", url, "w")
        git.commit(git.home / "w", "change", file="1\n")
        git.run("push", "--quiet", "origin", "main", cwd=git.home / "w")
        server.made("POST", "/repos/slow/code/contents", {"files": [], "message": "none"}, token=token)
        took = dict(re.findall(r"POST (\S+) 20\d (\d+) ms", server.log))
        assert int(took["/slow/code.git/git-receive-pack"]) >= 400
        assert int(took["/api/v1/repos/slow/code/contents"]) >= 400


def test_two_who_make_one_repository(prepared: Server) -> None:
    """At the same time: one makes it, the others are told that it is there."""
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda _: prepared.call("POST", "/orgs/team/repos", {"name": "once"}).status_code, range(8))
    assert sorted(made) == [201] + [409] * 7


def test_it_stops_at_once(tmp_path: Path) -> None:
    """SIGTERM ends it in two seconds at most, with a client's connection open."""
    with serving(tmp_path) as server:
        server.call("GET", "/version")
        assert server.stop() < 2


def test_secrets_are_kept_as_hashes_and_logged_never(tmp_path: Path, git: GitClient) -> None:
    """Neither passwords nor tokens are in the database, its journal or the log."""
    with serving(tmp_path) as server:
        token = server.token()
        account = {"username": "person", "email": "person@example.com", "password": "a very long password"}
        server.made("POST", "/admin/users", account)
        server.call("GET", f"/user?token={token}&access_token={token}")
        git.try_run("ls-remote", f"http://x:{token}@127.0.0.1:{server.port}/none/none.git")
        server.stop()
        files = [path for path in server.data.rglob("*") if path.is_file() and path.name != "admin.password"]
        written = b"".join(path.read_bytes() for path in files) + server.log.encode()
        for secret in (token, PASSWORD, "a very long password"):
            assert secret.encode() not in written
        assert (server.data / "gitea.db").stat().st_mode & 0o077 == 0
        assert "GET /api/v1/user 200" in server.log


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        pytest.param(["read:repository"], "GET", "/repos/team/code", 200, id="reading is enough to read"),
        pytest.param(["write:repository"], "GET", "/repos/team/code", 200, id="writing includes reading"),
        pytest.param(["read:repository"], "PATCH", "/repos/team/code", 403, id="reading does not write"),
        pytest.param(["read:user"], "GET", "/repos/team/code", 403, id="another part of the API"),
        pytest.param(["read:organization"], "POST", "/orgs/team/repos", 403, id="a repository of an organization"),
        pytest.param(["all"], "GET", "/orgs/team/hooks", 200, id="everything"),
    ],
)
def test_scopes(prepared: Server, scopes: list[str], method: str, path: str, status: int) -> None:
    """A token does what its scopes say, whatever its owner may do; the refusal names the scope that lacks."""
    token = prepared.token(f"{scopes} {method} {path}", tuple(scopes))
    answer = prepared.call(method, path, {}, token=token)
    assert answer.status_code == status
    if status == 403:
        level = "read" if method == "GET" else "write"
        part = "organization" if path.startswith("/orgs") else "repository"
        assert f"required=[{level}:{part}], token scope={scopes[0]}" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "names"),
    [
        pytest.param("GET", "/repos/team/code/pulls", "GET /api/v1/repos/team/code/pulls", id="a call of Gitea's"),
        pytest.param("GET", "/orgs", "GET /api/v1/orgs", id="another method of a call that is there"),
        pytest.param("GET", "/teams/1", "GET /api/v1/teams/1", id="another part of Gitea"),
        pytest.param("GET", "/repos/team/code/archive/main.tar.gz", "archives", id="a call that is half there"),
        pytest.param("GET", "/user?sudo=somebody", "sudo", id="an option that would be ignored"),
    ],
)
def test_what_is_not_covered_says_so(prepared: Server, method: str, path: str, names: str) -> None:
    """501 with the name of the missing part, never a wrong success."""
    answer = prepared.call(method, path)
    assert answer.status_code == 501
    assert names in answer.json()["message"]


def test_hooks_of_other_kinds_and_events_are_not_covered(prepared: Server) -> None:
    """A hook that would never be told anything is refused."""
    config = {"url": "http://127.0.0.1:9/", "content_type": "json"}
    slack = prepared.call("POST", "/orgs/team/hooks", {"type": "slack", "config": config})
    release = prepared.call("POST", "/orgs/team/hooks", {"type": "gitea", "config": config, "events": ["release"]})
    assert [slack.status_code, release.status_code] == [501, 501]


def test_a_user_must_choose_a_password_first(prepared: Server) -> None:
    """As in Gitea, unless its maker says otherwise."""
    account = {"username": "newcomer", "email": "newcomer@example.com", "password": "first password"}
    prepared.made("POST", "/admin/users", account)
    answer = prepared.client.get(
        f"{prepared.url}/api/v1/user", headers={"Authorization": basic("newcomer", "first password")}
    )
    assert (answer.status_code, "must change your password" in answer.text) == (403, True)


def test_only_the_owners_of_a_public_organization_make_repositories_in_it(prepared: Server) -> None:
    """An organization that is there and not writable: 403 with a reason."""
    account = {"username": "guest", "email": "guest@example.com", "password": "guest password"}
    prepared.made("POST", "/admin/users", {**account, "must_change_password": False})
    prepared.made("POST", "/orgs", {"username": "square"})
    answer = prepared.client.post(
        f"{prepared.url}/api/v1/orgs/square/repos",
        json={"name": "mine"},
        headers={"Authorization": basic("guest", "guest password")},
    )
    assert answer.status_code == 403
    assert answer.json()["message"] == "Given user is not allowed to create repository in organization square."


def test_the_administrator_has_the_password_of_the_file(prepared: Server) -> None:
    """Also after another one was set in an earlier run."""
    assert prepared.made("GET", "/user")["login"] == ADMIN


def test_an_administrator_keeps_the_tokens_of_another_user(server: Server) -> None:
    """With a password: makes, lists and deletes them, and they are that user's, whose password nobody knows."""
    bot = {"username": "bot", "email": "bot@example.com", "password": "forgotten 1", "must_change_password": False}
    server.made("POST", "/admin/users", bot)
    made = server.made("POST", "/users/bot/tokens", {"name": "one", "scopes": ["read:user"]})
    assert server.made("GET", "/user", token=made["sha1"])["login"] == "bot"
    (listed,) = server.made("GET", "/users/bot/tokens")
    assert (listed["name"], listed["sha1"], listed["scopes"]) == ("one", "", ["read:user"])
    assert made["sha1"].endswith(listed["token_last_eight"])
    assert server.call("DELETE", "/users/bot/tokens/one", token=server.token("all", ("all",))).status_code == 401
    assert server.call("DELETE", "/users/bot/tokens/one").status_code == 204
    assert server.call("DELETE", "/users/bot/tokens/one").status_code == 404
    assert server.call("GET", "/user", token=made["sha1"]).status_code == 401


def test_what_a_user_may_do_in_an_organization(server: Server) -> None:
    """Asked by an administrator, whose own rights are not meant; a private one is hidden from who is no member."""
    for name in ("owner", "stranger"):
        user = {"username": name, "email": f"{name}@example.com", "password": "forgotten 1"}
        server.made("POST", "/admin/users", user | {"must_change_password": False})
    token = server.made("POST", "/users/owner/tokens", {"name": "t", "scopes": ["write:organization"]})["sha1"]
    for name, visibility in (("hers", "private"), ("shown", "public")):
        server.made("POST", "/orgs", {"username": name, "visibility": visibility}, token=token)
    assert server.made("GET", "/users/owner/orgs/hers/permissions") == {
        "is_owner": True, "is_admin": True, "can_write": True, "can_read": True, "can_create_repository": True,
    }  # fmt: skip
    assert server.call("GET", "/users/stranger/orgs/hers/permissions").status_code == 404
    assert server.call("GET", "/users/owner/orgs/missing/permissions").status_code == 404
    assert not any(server.made("GET", "/users/stranger/orgs/shown/permissions").values())
