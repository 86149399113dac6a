"""One question to a registry and its answer: bounded in time, in size and in redirects.

The transport is used without an `httpx.Client`: no cookies, no netrc, no proxies, no redirects that we did not look at.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx
from pydantic import SecretStr

from shared.errors import RegistryUnavailable
from shared.oci.cache import ExpiringCache
from shared.oci.hosts import Authority, HostPolicy

MAX_REDIRECTS: Final = 3
MAX_HOSTS: Final = 256
COOL_DOWN: Final = 10.0
MAX_COOL_DOWN: Final = 60.0

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_THROTTLED: Final = frozenset({429, 503})
_SERVER_FAULT: Final = 500
_MAX_REASON: Final = 200


@dataclass(frozen=True)
class Answer:
    """What a registry said. `body` is as it came over the wire; `redirected` tells that another place said it."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: httpx.URL
    redirected: bool

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, empty if it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def codes(self) -> frozenset[str]:
        """The error codes of the distribution protocol in the body, such as MANIFEST_UNKNOWN."""
        errors = self.json().get("errors")
        entries = errors if isinstance(errors, list) else []
        codes = (entry.get("code") for entry in entries if isinstance(entry, dict))
        return frozenset(code for code in codes if isinstance(code, str) and code.isidentifier())


@dataclass(frozen=True)
class _Failure:
    message: str
    until: float


class Wire:
    """Sends requests, and remembers for a while which hosts are down so that each costs its timeout once.

    Raises `HostNotAllowed`, and `RegistryUnavailable` for what another try may mend: silence, nonsense, 429, 5xx.
    """

    def __init__(
        self,
        policy: HostPolicy,
        transport: httpx.BaseTransport,
        *,
        timeout: float,
        cool_down: float = COOL_DOWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._transport = transport
        self._timeout = timeout
        self._seconds = cool_down
        self._clock = clock
        self._down: ExpiringCache[Authority, _Failure] = ExpiringCache(MAX_HOSTS, clock)

    def send(
        self,
        method: str,
        url: httpx.URL,
        *,
        end: float,
        limit: int,
        accept: str = "application/json",
        authorization: SecretStr | None = None,
        redirects: int = MAX_REDIRECTS,
    ) -> Answer:
        """Ask, following redirects to allowed hosts, never with the authorization.

        `end` is the time on the clock when the answer must be here, `limit` the bytes that a body may have.
        """
        headers = {"Accept": accept, "Accept-Encoding": "identity", "User-Agent": "infraforge"}
        for hop in range(redirects + 1):
            self._policy.check(url)
            request = httpx.Request(method, url, headers=headers)
            if hop == 0 and authorization is not None:
                request.headers["Authorization"] = authorization.get_secret_value()
            response, body = self._exchange(request, end, limit)
            if response.status_code not in _REDIRECTS:
                return Answer(response.status_code, response.headers, body, url, redirected=hop > 0)
            url = _target(url, response)
        raise RegistryUnavailable(f"{Authority.of(url)} stands at the end of more than {redirects} redirects")

    def _exchange(self, request: httpx.Request, end: float, limit: int) -> tuple[httpx.Response, bytes]:
        """One request to one host. A failure that took the whole timeout makes the next ones fail at once."""
        where = Authority.of(request.url)
        now = self._clock()
        failure = self._down.get(where)
        if failure is not None:
            raise RegistryUnavailable(failure.message, retry_after=max(1, round(failure.until - now)))
        within = min(self._timeout, end - now)
        if within <= 0:
            raise RegistryUnavailable(f"{where} did not answer all questions in time")
        request.extensions["timeout"] = httpx.Timeout(within).as_dict()
        try:
            response = self._transport.handle_request(request)
            try:
                body = self._body(response, now + within, limit)
            finally:
                response.close()
        except (httpx.TimeoutException, httpx.ConnectError) as error:
            message = f"{where} does not answer ({_shown(error)})"
            # A shorter time, or a wait for our own other connections, says nothing of the host.
            if within >= self._timeout and not isinstance(error, httpx.PoolTimeout):
                self._cool_down(where, message, self._seconds)
            raise RegistryUnavailable(message) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            raise RegistryUnavailable(f"{where} breaks off its answer ({_shown(error)})") from error
        self._refuse_faults(where, response)
        return response, body

    def _refuse_faults(self, where: Authority, response: httpx.Response) -> None:
        """Raise for an answer that says nothing of the question: 429 and every 5xx."""
        status = response.status_code
        if status in _THROTTLED:
            message = f"{where} answers {status}: it is busy, or has had enough of us"
            seconds = _retry_after(response.headers, self._seconds)
            self._cool_down(where, message, seconds)
            raise RegistryUnavailable(message, retry_after=round(seconds))
        if status >= _SERVER_FAULT:
            raise RegistryUnavailable(f"{where} answers {status}")

    def _body(self, response: httpx.Response, end: float, limit: int) -> bytes:
        """The body's bytes, undecoded. One that is longer than `limit` is a fault, except that of an error answer."""
        collected = bytearray()
        # The stream itself: `iter_raw` refuses answers that a transport of tests made from bytes.
        for part in cast("httpx.SyncByteStream", response.stream):
            collected += part
            if len(collected) > limit:
                if response.is_error:
                    return bytes(collected[:limit])
                raise httpx.RemoteProtocolError(f"more than {limit} bytes")
            if self._clock() > end:
                raise httpx.ReadTimeout("the answer did not end in time")
        return bytes(collected)

    def _cool_down(self, where: Authority, message: str, seconds: float) -> None:
        self._down.put(where, _Failure(message, self._clock() + seconds), seconds)


def _target(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    """Where a redirect from `url` leads."""
    try:
        return url.join(response.headers["location"]).copy_with(fragment=None)
    except (KeyError, httpx.InvalidURL) as error:
        raise RegistryUnavailable(f"{Authority.of(url)} redirects to nowhere") from error


def _retry_after(headers: httpx.Headers, otherwise: float) -> float:
    """Seconds of a Retry-After header (RFC 9110), bounded; a date counts as no answer."""
    text = headers.get("retry-after", "").strip()
    seconds = float(text) if text.isascii() and text.isdigit() else otherwise
    return min(max(seconds, 1.0), MAX_COOL_DOWN)


def _shown(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "".join(one if one.isprintable() else " " for one in text)[:_MAX_REASON]
