"""Who is who in the sandbox's own Gitea, asked of the real stand-in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.supervisor.accounts import ADMINISTRATOR, BOT, ensure_tokens
from sandbox.supervisor.credentials import Credentials
from sandbox.supervisor.errors import TokenRefused
from tests.sandbox.gitea.server import Server, basic, serving

ORGANIZATION = "platform"


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    folder = tmp_path / "credentials"
    folder.mkdir()
    made = Credentials(folder, folder / "services")
    made.ensure()
    return made


@pytest.fixture
def gitea(tmp_path: Path, credentials: Credentials) -> Iterator[Server]:
    """With the administrator that a sandbox gives it."""
    password = ("--admin-user", ADMINISTRATOR, "--admin-password-file", str(credentials.admin_password_file))
    with serving(tmp_path / "gitea", *password) as server:
        yield server


def asked(gitea: Server, path: str, authorization: str) -> Any:
    return httpx.get(f"{gitea.url}/api/v1{path}", headers={"Authorization": authorization}, trust_env=False).json()


def create_organization(gitea: Server, authorization: str) -> None:
    headers = {"Authorization": authorization}
    body = {"username": ORGANIZATION, "visibility": "private"}
    httpx.post(f"{gitea.url}/api/v1/orgs", headers=headers, json=body, trust_env=False).raise_for_status()


def test_the_functions_are_not_the_person(gitea: Server, credentials: Credentials) -> None:
    """A hand edit shall have another author than what the platform writes."""
    ensure_tokens(gitea.url, credentials, ORGANIZATION)
    functions = asked(gitea, "/user", f"token {credentials.gitea_token}")
    person = asked(gitea, "/user", basic(ADMINISTRATOR, credentials.admin_password or ""))
    assert (functions["login"], functions["is_admin"]) == (BOT, False)
    assert (person["login"], person["is_admin"]) == (ADMINISTRATOR, True)
    create_organization(gitea, f"token {credentials.gitea_token}")
    assert [one["name"] for one in asked(gitea, "/user/orgs", f"token {credentials.gitea_token}")] == [ORGANIZATION]


def test_tokens_that_work_are_kept(gitea: Server, credentials: Credentials) -> None:
    ensure_tokens(gitea.url, credentials, ORGANIZATION)
    before = credentials.gitea_token
    ensure_tokens(gitea.url, credentials, ORGANIZATION)
    assert credentials.gitea_token == before


def test_forgotten_tokens_are_made_again_for_the_same_user(gitea: Server, credentials: Credentials) -> None:
    """As after a time with another Gitea."""
    ensure_tokens(gitea.url, credentials, ORGANIZATION)
    create_organization(gitea, f"token {credentials.gitea_token}")
    credentials.forget_tokens()
    ensure_tokens(gitea.url, credentials, ORGANIZATION)
    assert asked(gitea, "/user", f"token {credentials.gitea_token}")["login"] == BOT


def test_an_organization_that_the_administrator_made_stays_writable(gitea: Server, credentials: Credentials) -> None:
    """A sandbox of an earlier version: the functions' own user may not write there."""
    create_organization(gitea, basic(ADMINISTRATOR, credentials.admin_password or ""))
    ensure_tokens(gitea.url, credentials, ORGANIZATION)
    assert asked(gitea, "/user", f"token {credentials.gitea_token}")["login"] == ADMINISTRATOR


def test_a_user_with_another_password_is_named_with_the_mend(gitea: Server, credentials: Credentials) -> None:
    ensure_tokens(gitea.url, credentials, ORGANIZATION)
    credentials.forget_tokens()
    (credentials.folder / "gitea-bot-password").unlink()
    credentials.ensure()
    with pytest.raises(TokenRefused, match="infraforge down --purge"):
        ensure_tokens(gitea.url, credentials, ORGANIZATION)
