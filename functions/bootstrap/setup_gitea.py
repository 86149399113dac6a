"""What an administrator of Gitea, or of Forgejo, does for the functions: a user of their own, and tokens for it.

Tokens are made, listed and deleted with basic auth only, by their user or by an administrator (Gitea's `reqSelfOrAdmin`
and `reqBasicOrRevProxyAuth`; recorded in tests/recordings/gitea). A token is shown once, in the answer that made it;
its last eight digits and its scopes are listed.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError, PermanentError, without_credentials
from shared.tls import trusting

PAGE: Final = 50
MAX_PAGES: Final = 100
_STARTING: Final = frozenset({404, 408, 429})
"""What a proxy says for a Gitea that is not there yet, beside 5xx."""
_PLAIN: Final = "its user name and password are those of a site administrator without a second factor"

OK: Final = 200
CREATED: Final = 201
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
UNPROCESSABLE: Final = 422


@dataclass(frozen=True)
class Listed:
    """A token as Gitea lists it."""

    name: str
    last_eight: str
    scopes: frozenset[str]

    def is_of(self, token: SecretStr) -> bool:
        """Whether that is the token, as far as its last digits tell."""
        return bool(self.last_eight) and token.get_secret_value().endswith(self.last_eight)

    def covers(self, scopes: Sequence[str]) -> bool:
        """Whether the token may do all of that: to write is also to read."""
        given = {*self.scopes, *(f"read:{one[6:]}" for one in self.scopes if one.startswith("write:"))}
        return "all" in given or given.issuperset(scopes)


class Administrator:
    """A site administrator at `endpoint`. Raises `GiteaUnavailable`, and `Forbidden` for 401 and 403."""

    def __init__(
        self,
        endpoint: str,
        username: str,
        password: SecretStr,
        *,
        timeout: float,
        authorities: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._auth = httpx.BasicAuth(username, password.get_secret_value())
        self._endpoint = endpoint
        self._username = username
        self._http = httpx.Client(
            base_url=f"{endpoint}/api/v1",
            headers={"Accept": "application/json"},
            timeout=timeout,
            transport=transport,
            verify=trusting(authorities),
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def greet(self) -> None:
        """Raise `GiteaUnavailable` while nobody answers, and what keeps us from being an administrator."""
        answer = self._send("GET", "/user")
        if answer.status_code in _STARTING:
            raise GiteaUnavailable(f"{self._endpoint} answers {answer.status_code}")
        user = self._document(answer, "/user")
        if user.get("is_admin") is not True:
            raise Forbidden(f'"{self._username}" is no site administrator of {self._endpoint}: see that {_PLAIN}')

    def ensure_user(self, name: str, email: str) -> bool:
        """Make the user, with a password that nobody keeps; False when there is one."""
        if self._send("GET", f"/orgs/{_part(name)}").status_code == OK:
            raise PermanentError(f'"{name}" is an organization there: name another user in INFRAFORGE_GITEA_USER')
        answer = self._send("GET", f"/users/{_part(name)}")
        if answer.status_code != NOT_FOUND:
            self._document(answer, f"/users/{name}")
            return False
        user = {
            "username": name,
            "email": email,
            "password": f"aA1-{secrets.token_urlsafe(32)}",  # of every class that a rule may ask for
            "must_change_password": False,
            "send_notify": False,
        }
        self._document(self._send("POST", "/admin/users", user), f'a new user "{name}" ({email})', CREATED)
        return True

    def tokens(self, user: str) -> list[Listed]:
        """All of the user's tokens."""
        found: list[Listed] = []
        for page in range(1, MAX_PAGES):
            path = f"/users/{_part(user)}/tokens?page={page}&limit={PAGE}"
            answer = self._send("GET", path)
            rows = self._json(answer, path)
            if not isinstance(rows, list):
                raise _strange()
            found += [_listed(row) for row in rows]
            if len(rows) < PAGE:
                break
        return found

    def mint(self, user: str, name: str, scopes: Sequence[str]) -> SecretStr:
        """A new token of that name, which must be new."""
        answer = self._send("POST", f"/users/{_part(user)}/tokens", {"name": name, "scopes": list(scopes)})
        token = self._document(answer, f'a token for "{user}"', CREATED).get("sha1")
        if not isinstance(token, str) or not token:
            raise _strange()
        return SecretStr(token)

    def delete_token(self, user: str, name: str) -> None:
        """Revoke it; one that is gone already is no error."""
        path = f"/users/{_part(user)}/tokens/{_part(name)}"
        answer = self._send("DELETE", path)
        if not answer.is_success and answer.status_code != NOT_FOUND:
            raise self._failure(answer, path)

    def works(self, token: SecretStr, scopes: Sequence[str]) -> bool:
        """Whether Gitea lets the token in; one that need not be able to ask who it is only has to be known."""
        header = {"Authorization": f"token {token.get_secret_value()}"}
        answer = self._ask(lambda: self._http.get("/user", headers=header))
        if answer.status_code not in (OK, UNAUTHORIZED, FORBIDDEN):
            raise self._failure(answer, "/user")
        return answer.status_code == OK or (answer.status_code == FORBIDDEN and "read:user" not in scopes)

    def owns(self, user: str, organization: str) -> bool | None:
        """Whether the user is one of its owners; None when there is no such organization."""
        if self._send("GET", f"/orgs/{_part(organization)}").status_code == NOT_FOUND:
            return None
        path = f"/users/{_part(user)}/orgs/{_part(organization)}/permissions"
        answer = self._send("GET", path)
        return answer.status_code != NOT_FOUND and self._document(answer, path).get("is_owner") is True

    def _send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> httpx.Response:
        return self._ask(lambda: self._http.request(method, path, json=body, auth=self._auth))

    def _ask(self, request: Callable[[], httpx.Response]) -> httpx.Response:
        try:
            answer = request()
        except httpx.HTTPError as error:
            raise GiteaUnavailable(f"{self._endpoint} does not answer: {type(error).__name__}: {error}") from error
        if answer.status_code >= 500:  # noqa: PLR2004 - the first of HTTP's codes for a server's fault
            raise GiteaUnavailable(f"{self._endpoint} answers {answer.status_code}: {_words(answer)}")
        return answer

    def _document(self, answer: httpx.Response, what: str, status: int = OK) -> Mapping[str, Any]:
        document = self._json(answer, what, status)
        if not isinstance(document, Mapping):
            raise _strange()
        return document

    def _json(self, answer: httpx.Response, what: str, status: int = OK) -> Any:
        if answer.status_code != status:
            raise self._failure(answer, what)
        try:
            return answer.json()
        except (ValueError, RecursionError) as error:
            raise _strange() from error

    def _failure(self, answer: httpx.Response, what: str) -> InfraForgeError:
        said = f"{self._endpoint} answers {answer.status_code} to {what}: {_words(answer)}"
        if answer.status_code == UNAUTHORIZED:
            return Forbidden(f'{said}; it does not take the password of "{self._username}": see that {_PLAIN}')
        if answer.status_code == FORBIDDEN:
            return Forbidden(f"{said}; see that {_PLAIN}, and that the password need not be changed first")
        if answer.has_redirect_location:
            place = without_credentials(answer.headers["Location"])
            return PermanentError(f"{said}; it sends us to {place}: name Gitea's own in INFRAFORGE_GITEA_ENDPOINT")
        if answer.status_code == UNPROCESSABLE:
            return PermanentError(f"{said}; see INFRAFORGE_GITEA_USER and INFRAFORGE_AUTHOR_EMAIL")
        return PermanentError(said)


def _listed(row: Any) -> Listed:
    try:
        return Listed(str(row["name"]), str(row["token_last_eight"]), frozenset(row.get("scopes") or ()))
    except (LookupError, TypeError, AttributeError) as error:
        raise _strange() from error


def _strange() -> GiteaUnavailable:
    return GiteaUnavailable("what answers is not Gitea's API: see INFRAFORGE_GITEA_ENDPOINT")


def _part(name: str) -> str:
    return quote(name, safe="")


def _words(answer: httpx.Response) -> str:
    """Gitea's own message, in one bounded line."""
    try:
        text = str(answer.json().get("message", ""))
    except (ValueError, AttributeError, RecursionError):
        text = answer.text[:2_000]
    shown = "".join(character if character.isprintable() else " " for character in text[:2_000])
    return " ".join(shown.split())[:200] or answer.reason_phrase
