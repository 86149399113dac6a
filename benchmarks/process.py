"""A functions-framework process as production runs it, and what it takes of time and memory."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from benchmarks.sandbox import ROOT

THREADS: Final = "128"
"""As the chart has it (`functions.threads`)."""
PATIENCE: Final = 30.0
LOOK: Final = 0.002
"""Seconds between two looks whether somebody listens."""


@dataclass(frozen=True)
class Memory:
    """Bytes of one process: RSS counts what it shares with others in full, PSS its part of it."""

    rss: int
    pss: int


@dataclass(frozen=True)
class Running:
    """A process that has answered: its address, and the seconds from spawn to the first answer."""

    process: "subprocess.Popen[bytes]"
    host: str
    port: int
    seconds: float
    begun: float
    """On the clock of `time.perf_counter`."""

    def elapsed(self) -> float:
        """Seconds since spawn."""
        return time.perf_counter() - self.begun

    def memory(self) -> tuple[Memory, Memory]:
        """As `memory_of` tells it."""
        return memory_of(self.process.pid)


@contextmanager
def function(source: str, target: str, settings: Mapping[str, str], log: Path) -> Iterator[Running]:
    """Start a function and wait for a first answer with a status below 300; it ends with the block.

    Bytecode is used, as in an image; nothing else of this shell's Python settings is.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INFRAFORGE_", "PYTHON"))}
    environment = kept | {
        "THREADS": _threads(),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **settings,
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host, port = free.getsockname()
    command = [sys.executable, "-m", "functions_framework", "--source", str(ROOT / source), "--target", target]
    command += ["--signature-type", "http", "--host", host, "--port", str(port)]
    with log.open("ab") as sink:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sink, stderr=sink)
    try:
        _first_answer(process, host, port, begun, log)
        yield Running(process, host, port, time.perf_counter() - begun, begun)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _first_answer(process: "subprocess.Popen[bytes]", host: str, port: int, begun: float, log: Path) -> None:
    while time.perf_counter() - begun < PATIENCE:
        if process.poll() is not None:
            raise RuntimeError(f"a function ended by itself: {log.read_text()[-500:]}")
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status >= 300:  # noqa: PLR2004 - the bound of HTTP's success codes
                raise RuntimeError(f"a function is not healthy: {log.read_text()[-500:]}")
        except ConnectionRefusedError:
            time.sleep(LOOK)  # a process that starts tells nobody when it listens
        else:
            return
        finally:
            connection.close()
    raise TimeoutError(f"a function did not answer within {PATIENCE:.0f} s")


def memory_of(master: int) -> tuple[Memory, Memory]:
    """Of the master (which imports the function, and then only watches) and its one worker (which serves)."""
    (worker,) = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return _memory(master), _memory(int(worker))


def _memory(pid: int) -> Memory:
    """From the kernel's own sums (proc(5), smaps_rollup)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = {name: int(size) * 1024 for name, size in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
    return Memory(found["Rss"], found["Pss"])


def _threads() -> str:
    """As many as the chart gives a function."""
    values = yaml.safe_load((ROOT / "knative" / "values.yaml").read_text(encoding="utf-8"))
    return str(values["functions"]["threads"])
