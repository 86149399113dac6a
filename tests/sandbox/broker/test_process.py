"""The broker as a process: it ends when it is asked to, and its dead letters outlive SIGKILL."""

import asyncio
import subprocess
import sys
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tests.sandbox.broker.processes import Running, stand_in

CONFIG = """
delivery: {retry: 0}
triggers: [{name: a, subscriber: {uri: "http://127.0.0.1:1/"}}]
"""
EVENT = {"Ce-Specversion": "1.0", "Ce-Id": "7", "Ce-Source": "/s", "Ce-Type": "t"}


def _broker(folder: Path) -> AbstractAsyncContextManager[Running]:
    (folder / "triggers.yaml").write_text(CONFIG)
    return stand_in("broker", "--data-dir", str(folder), "--config", str(folder / "triggers.yaml"))


def test_dead_letters_survive_sigkill(tmp_path: Path) -> None:
    """What the admin API has shown once is there after a restart."""

    async def run() -> None:
        async with _broker(tmp_path) as broker:
            await broker.until("/healthz")
            assert (await broker.client.post("/", headers=EVENT)).status_code == 202
            await broker.until("/-/dead-letters", lambda answer: answer.json()["total"] == 1)
            broker.process.kill()
            await broker.process.wait()
        async with _broker(tmp_path) as broker:
            (letter,) = (await broker.until("/-/dead-letters")).json()["items"]
        assert (letter["state"], letter["code"], letter["event"]["id"]) == ("dead", 500, "7")
        assert "connection refused" in letter["error"]

    asyncio.run(run())


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    """With status 0 within two seconds, also with an idle connection open."""

    async def run() -> None:
        async with _broker(tmp_path) as broker:
            await broker.until("/healthz")
            began = time.monotonic()
            broker.process.terminate()
            assert await broker.process.wait() == 0
            assert time.monotonic() - began < 2

    asyncio.run(run())


def test_a_bad_configuration_is_named(tmp_path: Path) -> None:
    """On stderr, with exit status 1 and no trace."""
    (tmp_path / "triggers.yaml").write_text("triggers: [{name: a}]")
    command = [sys.executable, "-m", "sandbox.broker", "--port", "1", "--data-dir", str(tmp_path)]
    command += ["--config", str(tmp_path / "triggers.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "triggers.0.subscriber" in ended.stderr
    assert "Traceback" not in ended.stderr
