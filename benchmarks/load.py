"""A client that costs little: the same bytes over kept connections, for a bounded time."""

import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from sandbox.source.sink import go_json

CONNECTIONS: Final = 4
TIMEOUT: Final = 60.0
_EMPTY: Final = b"HTTP/1.1 204 "


@dataclass(frozen=True)
class Message:
    """An event in the binary mode as Knative sends it: `Ce-` headers and a body of JSON."""

    attributes: Mapping[str, str]
    data: Any

    def request(self, host: str, port: int) -> bytes:
        """The bytes of the POST."""
        body = go_json(self.data)
        headers = {f"Ce-{name.capitalize()}": value for name, value in sorted(self.attributes.items())}
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = [f"POST / HTTP/1.1\r\nHost: {host}:{port}", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def echo(claim: Mapping[str, Any]) -> Message:
    """The event that a status write of ours comes back as."""
    metadata = claim["metadata"]
    kind, namespace, name = claim["kind"], metadata["namespace"], metadata["name"]
    attributes = {
        "specversion": "1.0",
        "id": "c5c16f06-3ac4-41ae-acec-70a84a87b710",
        "type": "dev.knative.apiserver.resource.update",
        "source": "https://127.0.0.1:6443",
        "subject": f"/apis/{claim['apiVersion']}/namespaces/{namespace}/{kind.lower()}s/{name}",
        "time": "2026-11-22T21:01:12.579314933Z",
        "apiversion": claim["apiVersion"],
        "kind": kind,
        "namespace": namespace,
        "name": name,
    }
    return Message(attributes, claim)


def ping() -> Message:
    """The event of a PingSource: a function looks at everything."""
    attributes = {"specversion": "1.0", "id": "ping", "type": "dev.knative.sources.ping", "source": "/benchmarks"}
    return Message(attributes, {})


def post(url: str, message: Message) -> float:
    """Send one event and hear its 204; the seconds that took."""
    parts = urlsplit(url)
    host, port = str(parts.hostname), int(parts.port or 80)
    with socket.create_connection((host, port), TIMEOUT) as connection:
        started = time.perf_counter()
        _exchange(connection, message.request(host, port))
        return time.perf_counter() - started


def rate(url: str, message: Message, seconds: float) -> float:
    """Events a second that are answered with 204, over `CONNECTIONS` connections; raises on any other answer."""
    parts = urlsplit(url)
    caller = _Caller(str(parts.hostname), int(parts.port or 80), message)
    threads = [threading.Thread(target=caller.call, args=(time.perf_counter() + seconds,)) for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if caller.failures:
        raise caller.failures[0]
    return sum(caller.counts) / (time.perf_counter() - started)


@dataclass
class _Caller:
    host: str
    port: int
    message: Message
    counts: list[int] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def call(self, end: float) -> None:
        """Ask until the time is over."""
        request, count = self.message.request(self.host, self.port), 0
        try:
            with socket.create_connection((self.host, self.port), TIMEOUT) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while time.perf_counter() < end:
                    _exchange(connection, request)
                    count += 1
            self.counts.append(count)
        except Exception as error:  # noqa: BLE001 - raised in the thread that asked for the load
            self.failures.append(error)


def _exchange(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:  # a 204 has no body
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("the answer was broken off")
        answer += part
    if not answer.startswith(_EMPTY):
        raise ValueError(f"not a 204: {answer[:200]!r}")
