"""The proxy: what it lets through is unchanged, and each fault is what its name says."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.chaos import faults
from tests.chaos.proxy import Fault, Loop, Proxy, Rule
from tests.chaos.upstream import Request


class Server(ThreadingHTTPServer):
    """Answers with what it was sent; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, bytes]] = []
        self.cut = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """GET sends chunks, POST sends its body back with a length."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, b""))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (b"one", b"two"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        try:
            body = self.rfile.read(length)
        except ConnectionResetError:
            self.server.cut.set()
            self.close_connection = True
            return
        self.server.asked.append((self.command, self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Digest", "right")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing to say."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Loop() as loop:
        yield Proxy(loop, f"http://127.0.0.1:{server.server_address[1]}")


@pytest.fixture
def client(proxy: Proxy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxy.url, trust_env=False, timeout=10) as client:
        yield client


def test_what_no_rule_takes_passes(client: httpx.Client, server: Server) -> None:
    big = b"x" * 300_000
    for _ in range(3):
        assert client.get("/a?b=c").content == b"onetwo"
        assert client.post("/p", content=big).content == big
    assert server.asked[:2] == [("GET", "/a?b=c", b""), ("POST", "/p", big)]


def test_an_answer_in_its_place_never_reaches_the_server(client: httpx.Client, proxy: Proxy, server: Server) -> None:
    rule = Rule(faults.answer(429, b"no", {"Retry-After": "1"}), lambda request: request.path == "/hit", limit=2)
    with proxy.doing(rule):
        answers = [client.post("/hit", content=b"x") for _ in range(3)]
        assert client.post("/miss", content=b"x").status_code == 200
    assert [one.status_code for one in answers] == [429, 429, 200]
    assert (answers[0].content, answers[0].headers["retry-after"]) == (b"no", "1")
    assert rule.injected == 2
    assert [path for _, path, _ in server.asked] == ["/hit", "/miss"]


def test_a_push_is_cut_in_the_middle(client: httpx.Client, proxy: Proxy, server: Server) -> None:
    with proxy.doing(Rule(faults.reset_in_request)), pytest.raises(httpx.HTTPError):
        client.post("/p", content=b"x" * 1000)
    assert server.cut.wait(5), "the server saw a part of it"
    assert server.asked == []


@pytest.mark.parametrize(
    ("fault", "count"),
    [(faults.lose_answer, 1), (faults.refuse, 0)],
    ids=["the server did it all the same", "the server never heard of it"],
)
def test_no_answer(client: httpx.Client, proxy: Proxy, server: Server, fault: Fault, count: int) -> None:
    with proxy.doing(Rule(fault)), pytest.raises(httpx.HTTPError):
        client.post("/p", content=b"x")
    assert len(server.asked) == count


def test_twice_and_later(client: httpx.Client, proxy: Proxy, server: Server) -> None:
    with proxy.doing(Rule(faults.twice, limit=1), Rule(faults.later(0.2), limit=1)):
        assert client.post("/twice", content=b"x").status_code == 200
        assert client.post("/later", content=b"x").status_code == 202
    assert client.post("/after", content=b"x").status_code == 200
    deadline = time.monotonic() + 5
    while len(server.asked) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)  # the late request is answered already: what is left of it is seen at the server alone
    paths = [path for _, path, _ in server.asked]
    assert sorted(paths) == ["/after", "/later", "/twice", "/twice"]
    assert paths.index("/after") < paths.index("/later")


def test_changed_headers(client: httpx.Client, proxy: Proxy) -> None:
    with proxy.doing(Rule(faults.changed({"x-digest": "wrong"}), limit=1), Rule(faults.changed({"x-digest": None}))):
        assert client.post("/", content=b"x").headers["x-digest"] == "wrong"
        assert "x-digest" not in client.post("/", content=b"x").headers


def test_down_and_up_on_the_same_port(client: httpx.Client, proxy: Proxy) -> None:
    assert client.get("/").status_code == 200
    proxy.down()
    with pytest.raises(httpx.ConnectError):
        client.get("/")
    proxy.up()
    assert client.get("/").status_code == 200


def test_a_gate_holds_a_request_that_can_be_cut(proxy: Proxy, client: httpx.Client, server: Server) -> None:
    gate = faults.Gate()
    with proxy.doing(Rule(gate, limit=1)):
        waiting = threading.Thread(target=_get, args=(proxy.url,), daemon=True)
        waiting.start()
        assert gate.reached.wait(5)
        assert (proxy.open(_any), server.asked) == (1, [])
        gate.open()
        waiting.join(5)
    assert len(server.asked) == 1
    assert proxy.cut(_any) in {0, 1}, "a kept connection may still be there"


def _any(_: Request) -> bool:
    return True


def _get(url: str) -> None:
    httpx.get(url, trust_env=False)
