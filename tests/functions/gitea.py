"""The sandbox's Gitea in a process of its own, for tests."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class GiteaServer:
    """A running Gitea stand-in and a token that may do what the functions do."""

    endpoint: str
    token: SecretStr
    readonly: SecretStr
    admin: tuple[str, str]


@contextmanager
def serving(data: Path) -> Iterator[GiteaServer]:
    """`python -m sandbox.gitea` on a free port."""
    (data / "admin.password").write_text("correct horse")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "sandbox.gitea",
        "--port",
        str(port),
        "--data-dir",
        str(data),
        "--admin-user",
        "root-admin",
    ]
    log = (data / "log").open("wb")
    process = subprocess.Popen([*command, "--admin-password-file", str(data / "admin.password")], cwd=ROOT, stderr=log)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{endpoint}/api/healthz", process)
        admin = ("root-admin", "correct horse")
        yield GiteaServer(
            endpoint,
            _mint(endpoint, admin, "functions", ["write:organization", "write:repository", "read:user"]),
            _mint(endpoint, admin, "readonly", ["read:repository", "read:organization", "read:user"]),
            admin,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        log.close()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            if httpx.get(url, timeout=1).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.02)  # a port that nobody listens on yet answers at once: this only bounds the polling
    raise TimeoutError(url)


def _mint(endpoint: str, admin: tuple[str, str], name: str, scopes: list[str]) -> SecretStr:
    answer = httpx.post(
        f"{endpoint}/api/v1/users/{admin[0]}/tokens", auth=admin, json={"name": name, "scopes": scopes}
    ).raise_for_status()
    return SecretStr(answer.json()["sha1"])
