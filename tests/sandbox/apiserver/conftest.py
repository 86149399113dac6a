"""A real server process on a free port, and what opens it."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

RECORDINGS = Path(__file__).parents[2] / "recordings" / "kubernetes"
ROOT = Path(__file__).parents[3]
START_LIMIT = 20.0


@dataclass
class Running:
    """A server process and its data directory."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        return self.data / "kubeconfig"

    @property
    def token(self) -> str:
        return (self.data / "admin.token").read_text().strip()

    def client(self, agent: str = "python-urllib3/2.5.0", *, token: str | None = None) -> httpx.Client:
        """Return an HTTP client that trusts the server; `token` replaces the admin's."""
        context = ssl.create_default_context(cafile=str(self.data / "ca.crt"))
        secret = self.token if token is None else token
        headers = {"User-Agent": agent} | ({"Authorization": f"Bearer {secret}"} if secret else {})
        return httpx.Client(base_url=self.url, verify=context, headers=headers, timeout=30)

    def stop(self) -> int:
        """Ask the process to end and return its exit code."""
        self.process.terminate()
        return self.process.wait(10)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(data: Path, *flags: str, port: int | None = None) -> Running:
    """Start a server and wait until it is ready."""
    port = port or free_port()
    command = [sys.executable, "-m", "sandbox.apiserver", "--port", str(port), "--data-dir", str(data), *flags]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    running = Running(process, port, data)
    until = time.monotonic() + START_LIMIT
    while True:
        try:
            with running.client(token="") as client:
                if client.get("/readyz").status_code == 200:
                    return running
        except (httpx.TransportError, OSError):
            pass  # not listening yet, or no certificate yet
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise RuntimeError(f"the server did not start: exit code {process.wait()}")
        time.sleep(0.02)  # a process that starts tells nobody when it listens


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server that most tests share: the recorded CRD, and a namespace each test asks for."""
    data = tmp_path_factory.mktemp("apiserver")
    running = start(data, "--crds", str(RECORDINGS / "crd.yaml"), "--namespaces", "dev,qa")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(server: Running) -> Iterator[httpx.Client]:
    """An administrator's HTTP client of the shared server."""
    with server.client() as opened:
        yield opened


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start servers of a test's own; they share the test's data directory and end with it."""
    started: list[Running] = []

    def launched(*flags: str, port: int | None = None) -> Running:
        started.append(start(tmp_path / "data", *flags, port=port))
        return started[-1]

    yield launched
    for running in started:
        if running.process.poll() is None:
            running.stop()


@pytest.fixture
def namespace(client: httpx.Client) -> Iterator[str]:
    """A namespace of a test's own."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "t-"}}
    name = client.post("/api/v1/namespaces", json=body).json()["metadata"]["name"]
    yield str(name)
    client.delete(f"/api/v1/namespaces/{name}")
