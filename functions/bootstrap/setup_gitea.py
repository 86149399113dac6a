"""What an administrator of Gitea, or of Forgejo, does for the functions: a user of their own, and tokens for it.

Tokens are made, listed and deleted with basic auth only, by their user or by an administrator (Gitea's `reqSelfOrAdmin`
and `reqBasicOrRevProxyAuth`; recorded in tests/recordings/gitea). A token is shown once, in the answer that made it;
its last eight digits and its scopes are listed.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import SecretStr

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError, PermanentError
from shared.gitea.api import PAGE, Api, GiteaNotFound, GiteaRefused, GiteaUnauthorized, TokenAuth, as_described, part
from shared.secret import fixed

MAX_PAGES: Final = 100
_ANOTHER: Final = "name another user in INFRAFORGE_GITEA_USER (the chart's setup.giteaUser)"
_PLAIN: Final = "its user name and password are those of a site administrator without a second factor"


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
    """A site administrator at `endpoint`, who shows a password; raises as `shared.gitea.api` draws it."""

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
        auth = httpx.BasicAuth(username, password.get_secret_value())
        self._api = Api(
            endpoint, auth, worded=self._worded, timeout=timeout, authorities=authorities, transport=transport
        )
        self._endpoint = endpoint
        self._username = username

    def close(self) -> None:
        """Give the connections back."""
        self._api.close()

    def greet(self) -> None:
        """Raise `GiteaUnavailable` while nobody answers, and what keeps us from being an administrator."""
        try:
            user = self._api.request("GET", "/user")
        except GiteaNotFound as error:  # a proxy's, for a Gitea that is not there yet
            raise GiteaUnavailable(f"{self._endpoint}: {error}") from error
        with as_described():
            is_admin = user.get("is_admin") is True
        if not is_admin:
            raise Forbidden(f'"{self._username}" is no site administrator of {self._endpoint}: see that {_PLAIN}')

    def ensure_user(self, name: str, email: str) -> bool:
        """Make the user, with a password that nobody keeps; False when there is one."""
        if self._api.exists(f"/orgs/{part(name)}"):
            raise PermanentError(f'"{name}" is an organization there: {_ANOTHER}')
        if self._api.exists(f"/users/{part(name)}"):
            return False
        user = {
            "username": name,
            "email": email,
            "password": f"aA1-{secrets.token_urlsafe(32)}",  # of every class that a rule may ask for
            "must_change_password": False,
            "send_notify": False,
        }
        try:
            self._api.request("POST", "/admin/users", body=user)
        except GiteaRefused as error:
            raise PermanentError(
                f'a new user "{name}" ({email}): {error}; see INFRAFORGE_GITEA_USER and '
                "INFRAFORGE_AUTHOR_EMAIL (the chart's setup.giteaUser and settings.authorEmail)"
            ) from error
        return True

    def tokens(self, user: str) -> list[Listed]:
        """All of the user's tokens."""
        found: list[Listed] = []
        for page in range(1, MAX_PAGES):
            query = {"page": str(page), "limit": str(PAGE)}
            rows = self._api.request("GET", f"/users/{part(user)}/tokens", query=query)
            with as_described():
                found += [_listed(row) for row in rows]
            if len(rows) < PAGE:
                break
        return found

    def mint(self, user: str, name: str, scopes: Sequence[str]) -> SecretStr:
        """A new token of that name, which must be new."""
        answer = self._api.request("POST", f"/users/{part(user)}/tokens", body={"name": name, "scopes": list(scopes)})
        with as_described():
            token = answer["sha1"]
            if not isinstance(token, str) or not token:
                raise ValueError("no token")
        return SecretStr(token)

    def delete_token(self, user: str, name: str) -> None:
        """Revoke it; one that is gone already is no error."""
        try:
            self._api.request("DELETE", f"/users/{part(user)}/tokens/{part(name)}")
        except GiteaNotFound:
            return

    def works(self, token: SecretStr, scopes: Sequence[str]) -> bool:
        """Whether Gitea lets the token in; one that need not be able to ask who it is only has to be known."""
        try:
            self._api.request("GET", "/user", auth=TokenAuth(fixed(token)))
        except GiteaUnauthorized:
            return False
        except Forbidden:
            return "read:user" not in scopes
        return True

    def owns(self, user: str, organization: str) -> bool | None:
        """Whether the user is one of its owners; None when there is no such organization."""
        if not self._api.exists(f"/orgs/{part(organization)}"):
            return None
        try:
            answer = self._api.request("GET", f"/users/{part(user)}/orgs/{part(organization)}/permissions")
        except GiteaNotFound:
            return False
        with as_described():
            return answer.get("is_owner") is True

    def _worded(self, error: InfraForgeError) -> InfraForgeError:
        """Who installs is told the address, the network's own words, and what to see to."""
        told = f"{self._endpoint}: {error}"
        if isinstance(error, GiteaUnauthorized):
            refusal = f'it does not take the password of "{self._username}": see that {_PLAIN}'
            return GiteaUnauthorized(f"{told}; {refusal}", reason=Forbidden.__name__)
        if isinstance(error, Forbidden):
            return Forbidden(f"{told}; see that {_PLAIN}, and that the password need not be changed first")
        if isinstance(error, GiteaUnavailable):
            words = f": {error.__cause__}" if isinstance(error.__cause__, httpx.HTTPError) else ""
            return GiteaUnavailable(f"{told}{words}")
        return error


def _listed(row: Mapping[str, Any]) -> Listed:
    return Listed(str(row["name"]), str(row["token_last_eight"]), frozenset(row.get("scopes") or ()))
