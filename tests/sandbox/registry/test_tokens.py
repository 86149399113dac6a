"""The bearer-token flow: challenge, token, pull; and what a token is not good for."""

import base64
import re

import pytest

from sandbox.registry.tokens import Tokens
from tests.sandbox.registry.running import CREDENTIALS, ask, errors

MANIFEST = "/v2/{}/manifests/{}"
RIGHT = (CREDENTIALS.user, CREDENTIALS.password or "")


def _token(tokens: Tokens, scope: str, auth: tuple[str, str] | None = None) -> str:
    response = ask(f"/token?service=registry.test&scope={scope}", tokens=tokens, auth=auth)
    assert response.status_code == 200
    assert response.json()["expires_in"] == tokens.lifetime
    token: str = response.json()["token"]
    return token


def _pull(tokens: Tokens, repository: str, token: str, tag: str = "v1") -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return ask(MANIFEST.format(repository, tag), tokens=tokens, headers=headers).status_code


def test_the_whole_flow() -> None:
    """401 with realm, service and scope; the token from there; then the manifest. All without credentials."""
    tokens = Tokens()
    challenged = ask(MANIFEST.format("team/one", "v1.2.0"), tokens=tokens)
    assert (challenged.status_code, errors(challenged)) == (401, ["UNAUTHORIZED"])
    challenge = challenged.headers["www-authenticate"]
    assert challenge == (
        'Bearer realm="http://registry.test/token",service="registry.test",scope="repository:team/one:pull"'
    )
    scope = re.findall(r'scope="([^"]*)"', challenge)[0]
    assert _pull(tokens, "team/one", _token(tokens, scope), "v1.2.0") == 200


def test_the_version_check_takes_any_good_token() -> None:
    """With tokens /v2/ is 401 and names no scope, which is how a client learns of the realm."""
    tokens = Tokens()
    assert "scope" not in ask("/v2/", tokens=tokens).headers["www-authenticate"]
    for scope in ("repository:team/one:pull", ""):
        headers = {"Authorization": f"Bearer {_token(tokens, scope)}"}
        assert ask("/v2/", tokens=tokens, headers=headers).status_code == 200


@pytest.mark.parametrize("repository", ["team/secret", "team/missing"])
def test_private_and_missing_look_alike(repository: str) -> None:
    """A stranger cannot tell one from the other, neither at the registry nor at the token endpoint."""
    tokens = Tokens()
    assert ask(MANIFEST.format(repository, "v1"), tokens=tokens).status_code == 401
    refused = ask(f"/token?scope=repository:{repository}:pull", tokens=tokens)
    assert (refused.status_code, errors(refused)) == (401, ["DENIED"])


def test_credentials_open_a_private_repository() -> None:
    """Given at the token endpoint only; the token then says what it is good for."""
    tokens = Tokens()
    token = _token(tokens, "repository:team/secret:pull", RIGHT)
    assert _pull(tokens, "team/secret", token) == 200
    assert ask(MANIFEST.format("team/secret", "v1"), tokens=tokens, auth=RIGHT).status_code == 401


@pytest.mark.parametrize("auth", [(CREDENTIALS.user, "wrong"), ("other", CREDENTIALS.password or ""), ("", "")])
def test_wrong_credentials_get_no_token(auth: tuple[str, str]) -> None:
    """Not even for what is public, so that a mistyped password is noticed."""
    refused = ask("/token?scope=repository:team/one:pull", tokens=Tokens(), auth=auth)
    assert (refused.status_code, errors(refused)) == (403, ["DENIED"])


def test_a_token_is_for_the_asked_repositories() -> None:
    """Several scopes may be asked for at once; what may not be pulled is left out, and nothing else is let in."""
    tokens = Tokens()
    token = _token(
        tokens, "repository:team/index:pull&scope=repository:team/docker:pull,push repository:team/secret:pull"
    )
    assert [_pull(tokens, f"team/{name}", token) for name in ("index", "docker", "secret", "list")] == [
        200,
        200,
        401,
        401,
    ]


def test_a_token_ends() -> None:
    """After expires_in seconds, and with the process that made it."""
    clock = [1000.0]
    tokens = Tokens(lifetime=60, now=lambda: clock[0])
    token = _token(tokens, "repository:team/index:pull")
    clock[0] = 1059.0
    assert _pull(tokens, "team/index", token) == 200
    clock[0] = 1060.0
    assert _pull(tokens, "team/index", token) == 401
    assert _pull(Tokens(now=lambda: 1000.0), "team/index", token) == 401


@pytest.mark.parametrize("token", ["", "x", "..", "9999999999.dGVhbS9pbmRleA.AAAA", "é"])
def test_forged_tokens(token: str) -> None:
    """Only what was signed here counts."""
    assert Tokens().scopes(f"Bearer {token}") is None


def test_a_token_cannot_be_changed() -> None:
    """A later expiry or another repository breaks the signature."""
    tokens = Tokens()
    expiry, scopes, signature = tokens.mint(["team/index"]).split(".")
    other = base64.urlsafe_b64encode(b"team/secret").decode().rstrip("=")
    assert tokens.scopes(f"Bearer {expiry}.{scopes}.{signature}") == ["team/index"]
    assert tokens.scopes(f"Bearer {int(expiry) + 1}.{scopes}.{signature}") is None
    assert tokens.scopes(f"Bearer {expiry}.{other}.{signature}") is None
