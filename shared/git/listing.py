"""What a remote's references point to, asked over HTTP: a kept connection instead of a process for each look.

The page is the first answer of Git's smart protocol in version 0 (git-scm.com/docs/http-protocol, "Smart Clients",
and gitprotocol-pack, "Reference Discovery"); anything else than exactly that is refused.
"""

import base64
import re
import time
import weakref
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
from pydantic import SecretStr

from shared.errors import GiteaUnavailable

from .refusals import refused, repository_name

MAX_PAGE: Final = 32 * 1024 * 1024
"""Bytes of a listing: some 400,000 references."""

_MEDIA_TYPE: Final = "application/x-git-upload-pack-advertisement"
_FLUSH: Final = b""
_REFERENCE = re.compile(rb"([0-9a-f]{40}) ([^\0\n ]+)")
_NO_REFERENCES: Final = "capabilities^{}"


class NotGit(ValueError):
    """A page that is no listing of Git's."""


class Listing:
    """The references of the repository at `url`. Thread-safe; its connections end with it.

    `token` is asked anew for every request and goes to that address only: no redirect is followed, no cookie kept.
    `timeout` is in seconds, for a whole request.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], SecretStr],
        timeout: float,
        transport: httpx.BaseTransport | None = None,
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
        )
        weakref.finalize(self, self._http.close)

    def references(self) -> dict[str, str]:
        """What every reference points to now: full name → 40 hex digits, of an annotated tag what it is a tag of.

        Raises Forbidden, RepositoryMissing and GiteaUnavailable as `refusals` says.
        """
        where, token = repository_name(self._url), self._token().get_secret_value()
        secret = base64.b64encode(f"infraforge:{token}".encode()).decode()
        try:
            status, page = self._get(secret)
        except httpx.TimeoutException as error:
            raise GiteaUnavailable(f"{where} did not answer within {self._timeout:g} seconds") from error
        except httpx.HTTPError as error:
            raise GiteaUnavailable(f"{where} cannot be reached: {type(error).__name__}") from error
        if status != httpx.codes.OK:
            said = page.decode(errors="replace")
            for form in filter(None, (secret, token)):
                said = said.replace(form, "…")  # a server might send it back
            raise refused(status, self._url, said)
        try:
            return parse(page)
        except NotGit as error:
            raise GiteaUnavailable(f"{where} does not answer as a Git server: {error}") from error

    def _get(self, secret: str) -> tuple[int, bytes]:
        """Status and page; of a page of another media type, nothing that `parse` takes."""
        deadline = time.monotonic() + self._timeout
        address, headers = f"{self._url}/info/refs?service=git-upload-pack", {"Authorization": f"Basic {secret}"}
        with self._http.stream("GET", address, headers=headers) as answer:
            page = bytearray()
            for part in answer.iter_bytes():
                page += part
                if len(page) > MAX_PAGE:
                    raise httpx.DecodingError("the listing is too long", request=answer.request)
                if time.monotonic() > deadline:  # the library's own limit is one for every part
                    raise httpx.ReadTimeout("the listing takes too long", request=answer.request)
            media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
            is_strange = answer.status_code == httpx.codes.OK and media_type != _MEDIA_TYPE
            return answer.status_code, b"" if is_strange else bytes(page)


def parse(page: bytes) -> dict[str, str]:
    """The references in a listing, peeled. Raises NotGit for anything but a whole listing."""
    lines = _packets(page)
    if next(lines, None) != b"# service=git-upload-pack" or next(lines, None) != _FLUSH:
        raise NotGit("no listing")
    found: dict[str, str] = {}
    for line in lines:
        if line == _FLUSH:
            if next(lines, None) is not None:
                raise NotGit("something follows the listing")
            found.pop(_NO_REFERENCES, None)  # stands for them in an empty repository
            return {name.removesuffix("^{}"): sha for name, sha in found.items()}  # a peeled one follows its tag
        if line.startswith(b"shallow "):
            continue
        reference = _REFERENCE.fullmatch(line.partition(b"\0")[0])  # the first one carries what the server can do
        if reference is None:
            raise NotGit(f"{line[:60]!r} is no reference")
        found[reference[2].decode(errors="surrogateescape")] = reference[1].decode()
    raise NotGit("the listing was cut off")


def _packets(page: bytes) -> Iterator[bytes]:
    """The content of each pkt-line without its line feed; `_FLUSH` for the one that ends a section."""
    start = 0
    while start < len(page):
        digits = page[start : start + 4]
        if not re.fullmatch(rb"[0-9a-f]{4}", digits):
            raise NotGit("no packet")
        size = int(digits, 16)
        if size == 0:
            yield _FLUSH
        elif size <= 4 or start + size > len(page):  # noqa: PLR2004 - the length counts its own four digits
            raise NotGit("a packet without its content")
        else:
            yield page[start + 4 : start + size].removesuffix(b"\n")
        start += max(size, 4)
