"""Listing and moving a remote's references over HTTP: a kept connection instead of processes of Git's for each.

What is fetched is left to Git. Both requests are those of its smart protocol in version 0, and an answer that is not
exactly Git's is refused (`listing`, `sending`).
"""

import base64
import time
import weakref
from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final

import httpx
from pydantic import SecretStr

from shared.errors import GiteaUnavailable
from shared.tls import trusting

from . import listing, sending
from .objects import Stored
from .packets import NotGit
from .refusals import classify, refused, repository_name, unclassified
from .sending import Updates

MAX_ANSWER: Final = 32 * 1024 * 1024
"""Bytes of an answer: some 400,000 references."""


class Connection:
    """To the repository at `url`. Thread-safe; what it keeps open ends with it.

    `token` is asked anew for every request, and once more before a 401 is believed; it goes to that address only: no
    redirect is followed, no cookie kept.
    `timeout` is in seconds, for a whole request. Every method raises Forbidden, RepositoryMissing and GiteaUnavailable
    as `refusals` says.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], SecretStr],
        timeout: float,
        transport: httpx.BaseTransport | None = None,
        *,
        authorities: Path | None = None,
    ) -> None:
        self._url = url
        self._token = token
        self._timeout = timeout
        self._http = httpx.Client(
            headers={"Accept-Encoding": "identity", "User-Agent": "infraforge"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
            verify=trusting(authorities),
        )
        weakref.finalize(self, self._http.close)

    def references(self) -> dict[str, str]:
        """What every reference points to now: full name → 40 hex digits, of an annotated tag what it is a tag of."""
        page = self._ask("GET", "info/refs?service=git-upload-pack", "application/x-git-upload-pack-advertisement")
        try:
            return listing.parse(page)
        except NotGit as error:
            raise self._strange(error) from error

    def push(self, updates: Updates, objects: Mapping[str, Stored]) -> None:
        """Move references all or none, each from exactly what is expected, with the objects that the server lacks.

        Raises PushRejected when one of them is not as expected, and PushDeclined. After GiteaUnavailable the references
        may have been moved.
        """
        page = self._ask(
            "POST",
            "git-receive-pack",
            "application/x-git-receive-pack-result",
            ("application/x-git-receive-pack-request", sending.request(updates, objects)),
        )
        try:
            text = sending.refusal(page, updates)
        except NotGit as error:
            raise self._strange(error) from error
        if text is not None:
            text = _without(text, self._token().get_secret_value())
            raise classify(text, self._url) or unclassified(text, self._url)

    def _ask(self, method: str, what: str, expected: str, body: tuple[str, bytes] | None = None) -> bytes:
        """The page of media type `expected`; of any other one nothing, which is no answer of Git's."""
        where, token = repository_name(self._url), self._token().get_secret_value()
        address, headers = f"{self._url}/{what}", {"Accept": expected} | ({"Content-Type": body[0]} if body else {})
        content = body[1] if body else None
        try:
            answer, page = self._exchange(method, address, headers | _shown(token), content)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                renewed = self._token().get_secret_value()
                if renewed != token:  # it was replaced since; nothing was done for the old one
                    token = renewed
                    answer, page = self._exchange(method, address, headers | _shown(token), content)
        except httpx.TimeoutException as error:
            raise GiteaUnavailable(f"{where} did not answer within {self._timeout:g} seconds") from error
        except httpx.HTTPError as error:
            raise GiteaUnavailable(f"{where} cannot be reached: {type(error).__name__}") from error
        if answer.status_code != httpx.codes.OK:
            raise refused(answer.status_code, self._url, _without(page.decode(errors="replace"), token))
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return page if media_type == expected else b""

    def _exchange(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[httpx.Response, bytes]:
        deadline = time.monotonic() + self._timeout
        with self._http.stream(method, address, headers=headers, content=body) as answer:
            page = bytearray()
            for part in answer.iter_bytes():
                page += part
                if len(page) > MAX_ANSWER:
                    raise httpx.DecodingError("the answer is too long", request=answer.request)
                if time.monotonic() > deadline:  # the library's own limit is one for every part
                    raise httpx.ReadTimeout("the answer takes too long", request=answer.request)
            return answer, bytes(page)

    def _strange(self, error: NotGit) -> GiteaUnavailable:
        return GiteaUnavailable(f"{repository_name(self._url)} does not answer as a Git server: {error}")


def _shown(token: str) -> dict[str, str]:
    return {"Authorization": f"Basic {_encoded(token)}"}


def _encoded(token: str) -> str:
    return base64.b64encode(f"infraforge:{token}".encode()).decode()


def _without(text: str, token: str) -> str:
    """`text` without the credentials, which a server might send back."""
    for form in filter(None, (_encoded(token), token)):
        text = text.replace(form, "…")
    return text
