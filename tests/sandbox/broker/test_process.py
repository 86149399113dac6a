"""The broker as a process: it ends when it is asked to, and takes a new configuration as it runs."""

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


def _broker(folder: Path) -> AbstractAsyncContextManager[Running]:
    (folder / "triggers.yaml").write_text(CONFIG)
    return stand_in("broker", "--data-dir", str(folder), "--config", str(folder / "triggers.yaml"))


def test_a_configuration_that_is_replaced_holds_at_once(tmp_path: Path) -> None:
    """As a Trigger that is applied; one that is wrong changes nothing."""

    async def run() -> None:
        async with _broker(tmp_path) as broker:
            await broker.until("/healthz")
            path = tmp_path / "triggers.yaml"
            for text, names in (
                (CONFIG.replace("name: a", "name: b"), ["b"]),
                ("triggers: [{name: c}]", ["b"]),
                (CONFIG, ["a"]),
            ):
                (tmp_path / "new").write_text(text)
                (tmp_path / "new").replace(path)
                answer = await broker.client.get("/-/status")
                assert [one["name"] for one in answer.json()["triggers"]] == names

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
