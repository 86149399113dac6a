"""The functions as processes, over real sockets: framing that no client library sends, and an API server gone mad."""

import json
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.functions.test_processes import FUNCTIONS, LIMIT, PATIENCE, Function, spawn, stop
from tests.hostile.conftest import check
from tests.hostile.strategies import CANARY, HOSTILE
from tests.shared.kube.server import kubeconfig

KINDS = {"application": "ApplicationClaim", "bootstrap": "BootstrapClaim", "platform": "PlatformClaim"}
MAX_GROWTH = 64
"""MiB that twenty large bodies may leave behind: less than a third of what they held."""
LARGE = 10 * 1024 * 1024


@dataclass
class Mad:
    """An API server that answers every read with `content`, and takes every write."""

    content: bytes = b"{}"
    url: str = ""
    written: list[bytes] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator["Mad"]:
        mad = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if body:
                    mad.written.append(body[:1000])
                content = mad.content if self.command == "GET" else b"{}"
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture(scope="module")
def mad() -> Iterator[Mad]:
    with Mad().serving() as server:
        yield server


@pytest.fixture(scope="module", params=FUNCTIONS)
def function(request: pytest.FixtureRequest, mad: Mad, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """Each of the three, once, with that API server."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    (folder / "cluster").mkdir()
    settings = {"INFRAFORGE_KUBECONFIG": str(kubeconfig(folder / "cluster", mad.url))}
    running = spawn(request.param, folder, **settings, INFRAFORGE_TIMEOUT="5")
    yield running
    assert stop(running) == 0


def ask(function: Function, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the first answer to what is sent; status 0 when the connection just ends."""
    port = int(function.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has answered already and does not read on
        answer = b""
        try:
            while chunk := connection.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass  # with what was sent still unread, after an answer or without
    head, _, body = answer.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.[01] (\d{3})", head)
    lines = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line]
    return int(found[1]) if found else 0, dict(lines), body.split(b"HTTP/1.1 ")[0]


def event(function: Function, headers: bytes = b"", body: bytes = b"", name: bytes = b"dev-apps") -> bytes:
    kind = KINDS[function.name].encode()
    return (
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nce-id: 1\r\nce-source: s\r\nce-specversion: 1.0\r\n"
        b"ce-type: dev.knative.apiserver.resource.update\r\nce-namespace: dev\r\nX-Canary: " + CANARY.encode() + b"\r\n"
        b"ce-kind: " + kind + b"\r\nce-name: " + name + b"\r\n" + headers
        + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )  # fmt: skip


FRAMES = [
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", "a body that ends early"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "a negative length"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", "a length beyond any memory"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "two lengths"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "smuggling"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "a chunk of no length"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab", "an endless chunk"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", "an unknown coding"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", "an expectation"),
    (b"GET /healthz HTTP/0.9\r\n\r\n", "an old version"),
    (b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", "a version to come"),
    (b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\n\r\n", "an address for a proxy"),
    (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", "a tunnel"),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", "a long target"),
    (b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", "thousands of headers"),
    (b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", "NUL in a target"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", "NUL in a header"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", "a folded header"),
    (b"\x16\x03\x01\x02\x00\x01\x00", "TLS"),
    (b"\r\n\r\n\r\n", "nothing"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"),
]


@pytest.mark.parametrize(("raw", "why"), FRAMES, ids=[case[1] for case in FRAMES])
def test_framing(function: Function, raw: bytes, why: str) -> None:
    """A short answer or none, and the next request is served."""
    status, headers, body = ask(function, raw)
    if status and (status, why) != (501, "an unknown coding"):  # gunicorn's own, and the standard's
        check(status, headers, body)
    assert len(body) <= 500
    assert ask(function, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0] == 200, why


def test_noise(function: Function) -> None:
    """Events with bytes changed, removed and added anywhere."""
    chance = random.Random(1)  # noqa: S311 - the same noise in every run
    strings = [one.encode("utf-8", "replace") for one in HOSTILE]
    for _ in range(150):
        raw = bytearray(event(function, b"Content-Type: application/json\r\n", b'{"a": 1}'))
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(raw))
            match chance.randrange(3):
                case 0:
                    raw[at : at + 1] = bytes([chance.randrange(256)])
                case 1:
                    del raw[at : at + chance.randint(1, 20)]
                case _:
                    raw[at:at] = chance.choice(strings)
        status, headers, body = ask(function, bytes(raw))
        if status:
            check(status, headers, body)


def _claim(function: Function, **changes: Any) -> dict[str, Any]:
    metadata = {"name": "dev-apps", "namespace": "dev", "uid": "u", "resourceVersion": "1", "generation": 1}
    spec = {"clusterType": "nonprod", "environment": "dev"}
    return {"apiVersion": "platform.infraforge.io/v1alpha1", "kind": KINDS[function.name], "metadata": metadata,
            "spec": spec} | changes  # fmt: skip


def _values(function: Function, values: Any) -> bytes:
    application = {"name": "a", "chart": {"name": "a"}, "image": {"repository": "a", "tag": "a"}, "values": values}
    spec = {"clusterType": "nonprod", "environment": "dev", "applications": [application]}
    return json.dumps(_claim(function, spec=spec)).encode()


def _share(function: Function) -> int:
    """All read alike: one of them more than an API server takes (1.5 MiB), and the others a tenth of it."""
    return 1 if function.name == "application" else 10


ANSWERS: list[tuple[Callable[[Function], bytes], str]] = [
    (lambda _: b"", "nothing"),
    (lambda _: b"<html>not JSON</html>", "not JSON"),
    (lambda _: b"[]", "a list"),
    (lambda _: b"null", "null"),
    (lambda _: b'"text"', "a text"),
    (lambda _: b"{}", "an empty object"),
    (lambda _: b'{"items": [{}, null, 1, "x"]}', "a list of nothing"),
    (lambda _: b'{"metadata": null, "spec": null}', "nulls"),
    (lambda _: b"[" * 100_000, "deep nesting that never ends"),
    (lambda _: b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "deep nesting"),
    (lambda f: json.dumps(_claim(f)).encode().replace(b'"dev"', b"[" * 10_000 + b"]" * 10_000), "a field 10,000 deep"),
    (lambda f: _values(f, {"a": "x" * LARGE}), "a value of 10 MB"),
    (lambda f: _values(f, {f"k{number}": number for number in range(100_000 // _share(f))}), "a map of 100,000"),
    (lambda f: _values(f, {"a": ["x"] * (500_000 // _share(f))}), "a list of 500,000"),
    (lambda f: _values(f, {"a": "\ud800\x00"}), "half a character"),
    (lambda f: _values(f, 0).replace(b'"values": 0', b'"values": {"a": NaN, "b": Infinity, "c": 1e999}'), "no numbers"),
    (lambda f: _values(f, {"a": 10**4_000}), "a number of 4,000 digits"),
    (lambda f: _values(f, 0).replace(b'"values": 0', b'"values": {"a": ' + b"9" * 10_000 + b"}"), "10,000 digits"),
    (lambda f: json.dumps(_claim(f, status={"conditions": ["x"], "commit": 1})).encode(), "a status of another shape"),
]


@pytest.mark.parametrize(("content", "why"), ANSWERS, ids=[case[1] for case in ANSWERS])
def test_an_api_server_gone_mad(function: Function, mad: Mad, content: Callable[[Function], bytes], why: str) -> None:
    """Neither a fault of ours nor a crash; at most a 503, for the API server may come to its senses."""
    mad.content = content(function)
    status, headers, body = ask(function, event(function))
    assert status in {200, 204, 503}, (why, status, body)
    check(status, headers, body)


def test_memory_is_bounded(function: Function, mad: Mad) -> None:
    """A leak grows with every round of 20 bodies; the allocator's room for what is in flight does not."""
    mad.content = _values(function, {"a": "x" * LARGE})
    sizes = []
    for _ in range(4):
        for _ in range(10):
            ask(function, event(function))
            ask(function, event(function, body=b"x" * (LIMIT * 4)))
        sizes.append(function.resident() // 1024)
    print(f"{function.name}: {sizes} MiB after 20, 40, 60 and 80 large bodies")
    assert min(after - before for before, after in pairwise(sizes)) < MAX_GROWTH
