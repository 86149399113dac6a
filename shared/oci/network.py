"""Connections that go only to addresses which the host policy has just approved, and that end in time.

httpx knows no hook between looking a name up and connecting, so that a name could be public when checked and private
when used (DNS rebinding). httpcore, which carries httpx, has one: its network backend. Ours asks the policy for the
addresses and connects to those; TLS still proves the *name*, and connections are still shared by name. Proxies of the
environment are not used, because a proxy would look the name up again.
"""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Final

import httpcore
import httpx

from shared.oci.hosts import HostPolicy

MAX_CONNECTIONS: Final = 32
MAX_ADDRESSES: Final = 8

_ERRORS: Final[tuple[tuple[type[Exception], type[httpx.TransportError]], ...]] = (
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.TimeoutException, httpx.ReadTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.NetworkError, httpx.ReadError),
    (httpcore.ProtocolError, httpx.RemoteProtocolError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)


class PinnedTransport(httpx.BaseTransport):
    """An httpx transport for many threads whose every connection passes the policy.

    Raises `shared.oci.hosts.HostNotAllowed`, and httpx's transport errors. One exchange (request sent, answer and body
    read) takes no longer than the request's read timeout, however slowly the bytes drip. `ssl_context` defaults to
    httpx's (certifi, or SSL_CERT_FILE).
    """

    def __init__(
        self,
        policy: HostPolicy,
        *,
        ssl_context: ssl.SSLContext | None = None,
        backend: httpcore.NetworkBackend | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_CONNECTIONS // 2,
            keepalive_expiry=15.0,
            network_backend=_ApprovedBackend(policy, backend or httpcore.SyncBackend(), clock),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the answer's body is still to be read, and the answer to be closed."""
        with _httpx_errors():
            answer = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.read(),
                    extensions=request.extensions,
                )
            )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        with _httpx_errors():
            self._answer.close()


class _ApprovedBackend(httpcore.NetworkBackend):
    """Connects to the addresses that the policy approves, one after the other."""

    def __init__(self, policy: HostPolicy, inner: httpcore.NetworkBackend, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._inner = inner
        self._clock = clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        within = 5.0 if timeout is None else timeout
        end = self._clock() + within
        addresses = self._approved(host, port, within)[:MAX_ADDRESSES]
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for index, address in enumerate(addresses):
            share = (end - self._clock()) / (len(addresses) - index)
            if share <= 0:
                raise httpcore.ConnectTimeout(f"{host} did not accept a connection in time")
            try:
                stream = self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._clock)
        raise failure

    def _approved(self, host: str, port: int, timeout: float) -> Sequence[str]:
        """The policy's addresses. The system's resolver knows no timeout, so it is left behind when it takes longer."""
        found: Future[Sequence[str]] = Future()

        def look_up() -> None:
            try:
                found.set_result(self._policy.addresses(host, port))
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to the thread that waits
                found.set_exception(error)

        threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
        try:
            return found.result(timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"the name {host} was not found in time") from error
        except OSError as error:
            raise httpcore.ConnectError(f"the name {host} is not known") from error


class _TimedStream(httpcore.NetworkStream):
    """A stream on which everything read after a write comes within the write's timeout, not only each piece."""

    def __init__(self, inner: httpcore.NetworkStream, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock
        self._end: float | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._end is None:
            return self._inner.read(max_bytes, timeout)
        left = self._end - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer did not end in time")
        return self._inner.read(max_bytes, left if timeout is None else min(left, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._end = None if timeout is None else self._clock() + timeout
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@contextlib.contextmanager
def _httpx_errors() -> Iterator[None]:
    """httpcore's errors as httpx's, the one place where they are mapped."""
    try:
        yield
    except tuple(ours for ours, _ in _ERRORS) as error:
        theirs = next(theirs for ours, theirs in _ERRORS if isinstance(error, ours))
        raise theirs(str(error)) from error
