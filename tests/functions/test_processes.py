"""Each function as it runs in production: a functions-framework process, asked over a socket."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.shared.kube.server import TOKEN, kubeconfig

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ("application", "bootstrap", "platform")
LIMIT = 300_000
CANARY = "canary-of-a-setting"
CONTROL = {"INFRAFORGE_GITEA_TOKEN": f"{CANARY}-token", "INFRAFORGE_BODY_LIMIT": str(LIMIT)}
PATIENCE = 30.0
"""Seconds that a start may take on a machine that does other things; it takes about one."""


@dataclass
class Function:
    """A running function."""

    name: str
    url: str
    process: "subprocess.Popen[bytes]"
    log: Path
    seconds: float
    """From spawn to the first answer of `/healthz`, whatever it was."""

    def log_lines(self) -> list[dict[str, str]]:
        """The JSON lines of its log; others are functions-framework's own before ours is set up."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def resident(self) -> int:
        """Resident memory of the process and its worker, in KiB; pages that they share count twice."""
        listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
        rows = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
        return sum(rss for pid, parent, rss in rows if self.process.pid in (pid, parent))


def spawn(name: str, folder: Path, **settings: str) -> Function:
    """Start a function and wait for its first answer. Nobody is where its dependencies should be."""
    with socket.socket() as free, socket.socket() as nobody:
        free.bind(("127.0.0.1", 0))
        nobody.bind(("127.0.0.1", 0))
        port, closed = free.getsockname()[1], f"http://127.0.0.1:{nobody.getsockname()[1]}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INFRAFORGE_")}
    ours = {
        "INFRAFORGE_GITEA_ENDPOINT": closed,
        "INFRAFORGE_KUBECONFIG": str(kubeconfig(folder, closed)),
        "INFRAFORGE_CACHE_DIR": str(folder / "cache"),
    }
    log = folder / "log"
    command = [sys.executable, "-m", "functions_framework", "--source", f"functions/{name}/main.py", "--target", name]
    command += ["--signature-type", "http", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as sink:
        started = time.monotonic()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment | CONTROL | ours | settings, stdout=sink, stderr=sink
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _first_answer(url, process, started)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return Function(name, url, process, log, time.monotonic() - started)


def _first_answer(url: str, process: "subprocess.Popen[bytes]", started: float) -> None:
    while time.monotonic() - started < PATIENCE:
        assert process.poll() is None, "the function ended by itself"
        try:
            httpx.get(f"{url}/healthz", timeout=PATIENCE)
        except httpx.ConnectError:
            time.sleep(0.01)  # a port that nobody listens on yet answers at once: this only bounds the polling
        else:
            return
    raise TimeoutError(url)


def stop(function: Function) -> int:
    """SIGTERM, as Kubernetes sends it; the exit code."""
    function.process.send_signal(signal.SIGTERM)
    return function.process.wait(10)


@pytest.fixture(scope="module", params=FUNCTIONS)
def function(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """Each of the three, once."""
    running = spawn(request.param, tmp_path_factory.mktemp(request.param))
    yield running
    assert stop(running) == 0
    log = running.log.read_text()
    assert CANARY not in log
    assert TOKEN not in log


def test_it_starts_and_is_healthy(function: Function) -> None:
    """While everything that it needs is down: a claim shall say so, and for that it must live."""
    answer = httpx.get(f"{function.url}/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    print(
        f"{function.name}: {function.seconds:.2f} s to the first answer, {function.resident() / 1024:.0f} MiB resident"
    )


def test_readyz_names_what_is_down(function: Function) -> None:
    answer = httpx.get(f"{function.url}/readyz", timeout=PATIENCE)
    assert answer.status_code == 503
    assert answer.text == (
        "kubernetes: KubeUnavailable: the Kubernetes API does not answer: NewConnectionError\n"
        "gitea: GiteaUnavailable: Gitea does not answer: ConnectError\n"
        "render gate: on\n"
    )


PING = {"ce-id": "1", "ce-source": "t", "ce-specversion": "1.0", "ce-type": "dev.knative.sources.ping"}


def _without_end() -> Iterator[bytes]:
    """A body of unknown length, sent in chunks."""
    for _ in range(LIMIT // 1000 * 4):
        yield b"x" * 1000


def test_answers_over_a_real_socket(function: Function) -> None:
    """One connection for all: a body that is too large is answered and does not spoil the next request.

    (Gunicorn by itself reads 64 KiB of what a function left unread, and then closes the connection in the sender's
    face, which Knative takes for a failure to be tried again.)
    """
    with httpx.Client(base_url=function.url, timeout=PATIENCE) as client:
        garbage = client.post("/", content=b"garbage")
        assert garbage.status_code == 400
        assert garbage.text.startswith("InvalidEvent: not a CloudEvent: ")
        down = client.post("/", headers=PING)
        assert (down.status_code, down.headers["Retry-After"]) == (503, "5")
        assert down.text == "KubeUnavailable: the Kubernetes API does not answer: NewConnectionError\n"
        for content in (b"x" * (LIMIT + 1), b"x" * (LIMIT * 8), _without_end()):
            large = client.post("/", headers=PING, content=content)
            assert (large.status_code, large.text) == (413, f"PayloadTooLarge: the body is larger than {LIMIT} bytes\n")
        unheard_of = client.post("/", headers=PING | {"ce-type": "com.example.unheard.of"}, content=b"x" * LIMIT)
        assert (unheard_of.status_code, unheard_of.content) == (204, b"")
        for path in ("/robots.txt", "/favicon.ico", "/nowhere", "/webhooks/gitea"):
            refused = client.put(path)
            assert refused.status_code in {404, 405}
            assert len(refused.content) <= 500
        assert "infraforge_events_total" in client.get("/metrics").text


def test_what_gunicorn_refuses_by_itself(function: Function) -> None:
    """Not HTTP, or headers beyond its bounds: short as well, since Knative might relay it."""
    port = int(function.url.rpartition(":")[2])
    for request in (b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000 + b"\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 4")
        assert len(answer.partition(b"\r\n\r\n")[2]) <= 500


WRONG = [
    ("application", "INFRAFORGE_VALUE_FILES", CANARY, "Input should be 'ref' or 'raw'"),
    ("bootstrap", "INFRAFORGE_BODY_LIMIT", CANARY,
     "Input should be a valid integer, unable to parse string as an integer"),
    ("platform", "INFRAFORGE_GITEA_TOKEN_FILE", "/run/token",
     "both it and INFRAFORGE_GITEA_TOKEN are set: give exactly one of the two"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "setting", "value", "message"), WRONG, ids=[case[1] for case in WRONG])
def test_a_wrong_setting(tmp_path: Path, name: str, setting: str, value: str, message: str) -> None:
    """The probe fails, so that the old revision goes on serving; the log names the setting and not its value."""
    function = spawn(name, tmp_path, **{setting: value})
    try:
        answer = httpx.get(f"{function.url}/healthz")
        assert answer.status_code == 500
        assert len(answer.content) <= 500
    finally:
        assert stop(function) == 0
    traces = [line["trace"] for line in function.log_lines() if "trace" in line]
    assert traces
    assert f"{setting}: {message}" in traces[0]
    assert CANARY not in function.log.read_text()
