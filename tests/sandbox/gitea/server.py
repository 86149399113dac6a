"""A real `python -m sandbox.gitea` process, and a receiver of webhooks."""

import base64
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

ADMIN, PASSWORD = "root-admin", "correct horse"
ROOT = Path(__file__).parents[3]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """The running process; `call` speaks its API as the administrator unless told otherwise."""

    port: int
    data: Path
    arguments: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.data.parent / "gitea.log").read_text()

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "admin.password").write_text(PASSWORD)
        command = [sys.executable, "-m", "sandbox.gitea", "--port", str(self.port), "--data-dir", str(self.data)]
        with (self.data.parent / "gitea.log").open("ab") as log:
            self.process = subprocess.Popen([*command, "--admin-user", ADMIN, *self.arguments], cwd=ROOT, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.client.get(f"{self.url}/api/healthz").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.01)  # bounds the polling of a port that nobody listens on yet
        raise RuntimeError(self.log)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End the process and return the seconds it took."""
        if self.process is None:
            return 0.0
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(10)
        self.process = None
        return time.monotonic() - started

    def call(self, method: str, path: str, body: Any = None, *, token: str = "", **options: Any) -> httpx.Response:
        """One request to the API."""
        authorization = f"token {token}" if token else basic(ADMIN, PASSWORD)
        headers = {"Authorization": authorization, **options.pop("headers", {})}
        return self.client.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers, **options)

    def made(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        """As `call`, and the JSON of a success."""
        response = self.call(method, path, body, token=token)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def token(self, name: str = "tests", scopes: tuple[str, ...] = ("write:organization", "write:repository")) -> str:
        """A new token of the administrator."""
        return str(self.made("POST", f"/users/{ADMIN}/tokens", {"name": name, "scopes": list(scopes)})["sha1"])


@contextmanager
def serving(directory: Path, *arguments: str) -> Iterator[Server]:
    """A server while the block runs."""
    server = Server(free_port(), directory / "data", arguments)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.client.close()


def basic(user: str, password: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True)
class Arrival:
    """What a receiver got; `at` is on the monotonic clock."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """Takes deliveries; `answer` gives the status for an arrival, and may block."""

    answer: Callable[[Arrival], int] = lambda arrival: 200
    arrivals: list[Arrival] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    port: int = 0

    def wait(self, count: int, about: str = "") -> list[Arrival]:
        """Everything that arrived, once there are `count`."""
        with self.changed:
            complete = self.changed.wait_for(lambda: len(self.arrivals) >= count, 15)
            assert complete, f"{len(self.arrivals)} of {count} deliveries {about}"
            return list(self.arrivals)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver while the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrival = Arrival(self.path, dict(self.headers.items()), body, time.monotonic())
            with receiver.changed:
                receiver.arrivals.append(arrival)
                receiver.changed.notify_all()
            self.send_response(receiver.answer(arrival))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
