"""Processes are found again by their pid files, and nobody else's is ever touched."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.supervisor.process import Process, began, identify, spawn

OBEDIENT = (
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up', flush=True); signal.pause()"
)
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
PARENT = (
    "import subprocess, sys, signal; child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']);"
    "print(child.pid, flush=True); signal.pause()"
)


class Started:
    """A process under test, with a way to wait for its first line instead of sleeping."""

    def __init__(self, folder: Path, script: str) -> None:
        self.log = folder / "log"
        self.child = spawn([sys.executable, "-c", script], dict(os.environ), folder=folder, log=self.log)
        process = identify(self.child.pid)
        assert process is not None
        self.process = process

    def first_line(self) -> str:
        with subprocess.Popen(["tail", "-n", "+1", "-F", self.log], stdout=subprocess.PIPE, text=True) as tail:
            assert tail.stdout is not None
            line = tail.stdout.readline().strip()
            tail.kill()
        return line


@pytest.fixture
def run(tmp_path: Path) -> Iterator[list[Started]]:
    """Whatever a test starts is gone after it."""
    started: list[Started] = []
    yield started
    for one in started:
        if one.process.alive:
            os.killpg(one.process.pid, signal.SIGKILL)
        one.child.wait()


def test_a_pid_file_finds_the_process_again(tmp_path: Path, run: list[Started]) -> None:
    run.append(Started(tmp_path, OBEDIENT))
    run[0].process.save(tmp_path / "pid")
    found = Process.load(tmp_path / "pid")
    assert found == run[0].process
    assert found.alive
    assert (tmp_path / "pid").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no file: it was never started"),
        ("", "empty: the machine went down while it was written"),
        ("{}", "a file of another version"),
        ('{"pid": 1, "began": "1", "boot": "another"}', "the machine has been restarted since"),
    ],
)
def test_a_pid_file_that_names_nobody(tmp_path: Path, content: str | None, why: str) -> None:
    if content is not None:
        (tmp_path / "pid").write_text(content)
    assert Process.load(tmp_path / "pid") is None, why


def test_a_recycled_pid_is_neither_alive_nor_signalled(tmp_path: Path, run: list[Started]) -> None:
    run.append(Started(tmp_path, OBEDIENT))
    earlier = replace(run[0].process, began="1")
    assert not earlier.alive
    earlier.terminate()
    assert earlier.end(grace=0) is False
    assert run[0].process.alive


def test_a_process_that_has_ended_but_was_not_collected_is_dead(tmp_path: Path, run: list[Started]) -> None:
    run.append(Started(tmp_path, "pass"))
    os.waitid(os.P_PID, run[0].child.pid, os.WEXITED | os.WNOWAIT)  # wait, and leave its remains
    assert not run[0].process.alive
    assert began(run[0].child.pid) is None


def test_asked_to_stop_it_stops(tmp_path: Path, run: list[Started]) -> None:
    run.append(Started(tmp_path, OBEDIENT))
    assert run[0].first_line() == "up"
    run[0].process.terminate()
    assert run[0].process.end(grace=20) is False
    assert not run[0].process.alive


def test_deaf_to_the_question_it_is_killed(tmp_path: Path, run: list[Started]) -> None:
    run.append(Started(tmp_path, DEAF))
    assert run[0].first_line() == "up"
    run[0].process.terminate()
    assert run[0].process.end(grace=0.05) is True
    assert not run[0].process.alive


def test_its_children_stop_with_it(tmp_path: Path, run: list[Started]) -> None:
    run.append(Started(tmp_path, PARENT))
    child = identify(int(run[0].first_line()))
    assert child is not None
    run[0].process.terminate()
    run[0].process.end(grace=20)
    child.end(grace=20)  # waits; the signal itself went to the whole group
    assert not child.alive


def test_a_secret_in_the_environment_is_not_on_the_command_line(tmp_path: Path, run: list[Started]) -> None:
    log = tmp_path / "log"
    child = spawn([sys.executable, "-c", OBEDIENT], os.environ | {"TOKEN": "s3cret"}, folder=tmp_path, log=log)
    process = identify(child.pid)
    assert process is not None
    listed = subprocess.run(["ps", "-o", "args=", "-p", str(child.pid)], capture_output=True, text=True, check=False)
    assert "s3cret" not in listed.stdout
    assert "s3cret" not in json.dumps(vars(process))
    process.terminate()
    process.end(grace=20)
    child.wait()
