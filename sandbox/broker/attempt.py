"""One try at a subscriber, and what its answer means to Knative.

Between Knative's channel and a subscriber stands the broker's filter: the channel sees the filter's verdict, which is
what `Verdict` holds. Sources: broker/filter/filter_handler.go, kncloudevents/event_dispatcher.go and retries.go, and
the recorded deliveries.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import httpx

from sandbox.broker.event import Event, MalformedEvent, RawHeaders, read

RETRIED: Final = frozenset({404, 408, 409, 429})
"""Tried again beside every status from 500 on."""

MAX_ANSWER: Final = 8 * 1024 * 1024
"""Bytes of an answer that are read; a longer one counts as one that could not be read."""

_BINARY: Final = frozenset(range(0x20)) - frozenset(b"\t\n\x0c\r\x1b")
"""Bytes by which Go's http.DetectContentType knows that something is no text."""

_PASSED_ON: Final = ("knative-", "k-eventing-", "x-request-id")

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Verdict:
    """What came of a try: delivered (perhaps with a reply), or a status, the error's text and who is to blame."""

    code: int
    reply: Event | None = None
    reply_headers: tuple[Header, ...] = ()
    body: bytes = b""
    by_subscriber: bool = True
    """False where it is the filter's own, or the filter gave none in time: of that a dead letter says nothing."""

    @property
    def delivered(self) -> bool:
        """Whether no further try is needed."""
        return 200 <= self.code < 300  # noqa: PLR2004 - HTTP's own classes

    @property
    def retried(self) -> bool:
        """Whether Knative tries again after this."""
        return self.code >= 500 or self.code in RETRIED  # noqa: PLR2004 - HTTP's own classes


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: tuple[Header, ...]
    body: bytes


def passed_on(headers: RawHeaders) -> tuple[Header, ...]:
    """The headers that Knative hands from hop to hop beside the event (utils/headers.go)."""
    return tuple((name, value) for name, value in headers if name.decode("latin-1").lower().startswith(_PASSED_ON))


async def attempt(client: httpx.AsyncClient, uri: str, headers: list[Header], body: bytes, *, limit: float) -> Verdict:
    """POST once, within `limit` seconds for everything, and judge the answer. Raises nothing that a peer can cause."""
    try:
        async with asyncio.timeout(limit):
            answer = await _post(client, uri, headers, body)
    except TimeoutError:
        return Verdict(500, by_subscriber=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Verdict(500, body=f'dispatch error: Post "{uri}": {_reason(error, uri)}'.encode())
    return _judged(answer)


async def _post(client: httpx.AsyncClient, uri: str, headers: list[Header], body: bytes) -> _Answer:
    async with client.stream("POST", uri, headers=headers, content=body) as response:
        read_so_far = bytearray()
        async for chunk in response.aiter_bytes():
            read_so_far += chunk
            if len(read_so_far) > MAX_ANSWER:
                raise httpx.DecodingError(f"the answer is longer than {MAX_ANSWER} bytes")
        return _Answer(response.status_code, tuple(response.headers.raw), bytes(read_so_far))


def _judged(answer: _Answer) -> Verdict:
    verdict = Verdict(answer.status, body=answer.body)
    if not verdict.delivered:
        return verdict
    try:
        reply = read(answer.headers, answer.body)
    except MalformedEvent:
        return Verdict(502, by_subscriber=False)
    if reply is not None:
        return Verdict(answer.status, reply=_sniffed(reply), reply_headers=passed_on(answer.headers))
    if answer.body:
        return Verdict(502, by_subscriber=False)  # a 2xx whose body is no event is a failure
    return Verdict(answer.status)


def _sniffed(reply: Event) -> Event:
    """The filter's answer to the channel names a content type even where the reply did not: Go's server guesses one."""
    if not reply.data or "datacontenttype" in reply.attributes:
        return reply
    binary = not _BINARY.isdisjoint(reply.data[:512])
    guess = "application/octet-stream" if binary else "text/plain; charset=utf-8"
    return reply.with_attributes(datacontenttype=guess)


def _reason(error: Exception, uri: str) -> str:
    """The transport's failure in the words of Go's client, which people will search for."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        if isinstance(cause, BaseExceptionGroup):
            causes.extend(cause.exceptions)
        cause = cause.__cause__ or cause.__context__
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        url = httpx.URL(uri)
        port = url.port or (443 if url.scheme == "https" else 80)
        return f"dial tcp {url.host}:{port}: connect: connection refused"
    if isinstance(error, httpx.RemoteProtocolError) and "without sending" in str(error):
        return "EOF"
    if isinstance(error, httpx.ReadError | httpx.WriteError):
        return "read: connection reset by peer"
    return str(error) or type(error).__name__
