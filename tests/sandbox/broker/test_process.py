"""The broker as a process: quick to start, quick to stop, and its dead letters outlive SIGKILL."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

CONFIG = """
delivery: {retry: 0}
triggers: [{name: a, subscriber: {uri: "http://127.0.0.1:1/"}}]
"""
EVENT = {"Ce-Specversion": "1.0", "Ce-Id": "7", "Ce-Source": "/s", "Ce-Type": "t"}


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """`python -m sandbox.broker`, ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "triggers.yaml").write_text(CONFIG)
    command = [sys.executable, "-m", "sandbox.broker", "--port", str(port)]
    command += ["--data-dir", str(folder), "--config", str(folder / "triggers.yaml")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            until(client, "/healthz", lambda _: True)
            yield process, client
    finally:
        process.kill()
        process.wait()


def until(client: httpx.Client, path: str, ready: object) -> httpx.Response:
    """Ask again until the answer is 200 and `ready`; a process has no other way to say so."""
    assert callable(ready)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            answer = client.get(path)
        except httpx.TransportError:
            continue
        if answer.status_code == 200 and ready(answer):
            return answer
    raise AssertionError(f"{path} was not ready in time")


def test_dead_letters_survive_sigkill(tmp_path: Path) -> None:
    """What the admin API has shown once is there after a restart."""
    with running(tmp_path) as (process, client):
        assert client.post("/", headers=EVENT).status_code == 202
        until(client, "/-/dead-letters", lambda answer: answer.json()["total"] == 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running(tmp_path) as (_, client):
        (letter,) = client.get("/-/dead-letters").json()["items"]
        assert (letter["state"], letter["code"], letter["event"]["id"]) == ("dead", 500, "7")
        assert "connection refused" in letter["error"]


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    """Within two seconds, also with an idle connection open."""
    with running(tmp_path) as (process, _):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        assert time.monotonic() - began < 2


def test_a_bad_configuration_is_named(tmp_path: Path) -> None:
    """On stderr, with exit status 1 and no trace."""
    (tmp_path / "triggers.yaml").write_text("triggers: [{name: a}]")
    command = [sys.executable, "-m", "sandbox.broker", "--port", "1", "--data-dir", str(tmp_path)]
    command += ["--config", str(tmp_path / "triggers.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "triggers.0.subscriber" in ended.stderr
    assert "Traceback" not in ended.stderr
