"""Requests to Gitea's API v1, whoever makes them: httpx's exceptions and Gitea's refusals become ours here only.

::

    PermanentError
    ├── Forbidden              403
    │   └── GiteaUnauthorized  401, with Gitea's own words: who made the request knows what he showed
    ├── GiteaNotFound          404
    └── GiteaRefused           a redirect, which is not followed, and every other 3xx and 4xx, with its status
    TransientError
    └── GiteaUnavailable       no answer in time, 408, 429, 5xx, and what is not Gitea's API

What Gitea answers is recorded in tests/recordings/gitea.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError, PermanentError, without_credentials
from shared.secret import Source
from shared.tls import trusting

PAGE: Final = 50
"""Gitea caps a page at 50, whatever is asked."""

CONNECTIONS: Final = 128
"""Open at once and kept, above the number of a function's threads: httpx keeps 20, and the others shake hands again."""
_MOST_WORDS: Final = 2_000
_BUSY: Final = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)


class GiteaUnauthorized(Forbidden):
    """Gitea does not know what it was shown. The message is Gitea's."""


class GiteaNotFound(PermanentError):
    """There is no such thing, or we may not see it: Gitea hides what is private behind a 404."""


class GiteaRefused(PermanentError):
    """Gitea does not accept the request as it stands."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TokenAuth(httpx.Auth):
    """Shows a token, which is asked anew for every request, and once more before a 401 is believed.

    It may just have been replaced.
    """

    def __init__(self, token: Source) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with the token, and with another one if there is another by then."""
        token = self._token()
        request.headers["Authorization"] = _shown(token)
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and (renewed := self._token()) != token:
            request.headers["Authorization"] = _shown(renewed)
            yield request


class Api:
    """The API of the Gitea at `endpoint`. Thread-safe; what `auth` shows goes to that endpoint only.

    `worded` puts a failure into the words of who asks: the same one, or one of a kind with it.
    """

    def __init__(
        self,
        endpoint: str,
        auth: httpx.Auth,
        *,
        worded: Callable[[InfraForgeError], InfraForgeError],
        timeout: float,
        authorities: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._auth = auth
        self._worded = worded
        self._http = httpx.Client(
            base_url=f"{endpoint}/api/v1",
            headers={"Accept": "application/json"},
            timeout=timeout,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            transport=transport,
            verify=trusting(authorities),
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        auth: httpx.Auth | None = None,
    ) -> Any:
        """The answer's JSON, None for an empty one; `auth` shows something else than usual.

        Raises what the module's head draws, and whatever the credential's source raises.
        """
        try:
            return self._asked(method, path, query, body, auth or self._auth)
        except InfraForgeError as error:
            worded = self._worded(error)
            if worded is error:
                raise
            raise worded from error

    def exists(self, path: str) -> bool:
        """Whether there is such a thing that we may see."""
        try:
            self.request("GET", path)
        except GiteaNotFound:
            return False
        return True

    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
        auth: httpx.Auth,
    ) -> Any:
        try:
            response = self._http.request(method, path, params=query, json=body, auth=auth)
        except httpx.HTTPError as error:
            raise GiteaUnavailable(f"Gitea does not answer: {type(error).__name__}") from error
        if not response.is_success:
            raise _failure(response, path)
        try:
            return response.json() if response.content else None
        except (ValueError, RecursionError) as error:
            raise GiteaUnavailable("Gitea answered with something that is not JSON") from error


@contextmanager
def as_described() -> Iterator[None]:
    """Around the reading of an answer: JSON of another shape is a proxy's or another server's; Gitea may be back."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise GiteaUnavailable("Gitea answered with something else than its API describes") from error


def part(name: str) -> str:
    """`name` as one part of a path."""
    return quote(name, safe="")


def _shown(token: SecretStr) -> str:
    return f"token {token.get_secret_value()}"


def _failure(response: httpx.Response, path: str) -> InfraForgeError:
    status, words = response.status_code, _words(response)
    if status == httpx.codes.UNAUTHORIZED:
        return GiteaUnauthorized(words, reason="TokenRefused")
    if status == httpx.codes.FORBIDDEN:
        return Forbidden(f"Gitea refuses us at {path}: {words}", reason="GiteaForbidden")
    if status == httpx.codes.NOT_FOUND:
        return GiteaNotFound(f"Gitea has no {path}: {words}", reason="NotFound")
    if status in _BUSY or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return GiteaUnavailable(f"Gitea answered {status}: {words}")
    if response.has_redirect_location:
        place = without_credentials(response.headers["Location"])
        return GiteaRefused(
            f"Gitea sends us from {path} to {place}: undo the renaming there, or name Gitea's own address in "
            "INFRAFORGE_GITEA_ENDPOINT",
            status,
        )
    return GiteaRefused(f"Gitea refuses {path} ({status}): {words}", status)


def _words(response: httpx.Response) -> str:
    """Gitea's own message, in one bounded line."""
    try:
        message = str(response.json().get("message", ""))
    except (ValueError, AttributeError, RecursionError):
        message = response.text
    shown = "".join(character if character.isprintable() else " " for character in message[:_MOST_WORDS])
    return " ".join(shown.split())[:200] or response.reason_phrase
