"""One process of the sandbox: started in a group of its own, found again by its pid file, ended as a group.

A pid alone names nobody: it is given to another process after the first has ended, or after a reboot. So the pid file
also holds the moment the process began and the boot it belongs to, and nothing is ever sent to a process that differs.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from sandbox.supervisor.directory import write_private

_PROC = Path("/proc")
_POLL = 0.01


@dataclass(frozen=True)
class Process:
    """A process that was started: its pid (which is also its group) and what tells it from others with that pid."""

    pid: int
    began: str
    boot: str

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """The process a pid file names; None when there is no (readable) pid file, or it is of an earlier boot."""
        try:
            process = cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return process if process.boot == boot() else None

    def save(self, path: Path) -> None:
        """Write the pid file."""
        write_private(path, json.dumps(asdict(self)) + "\n")

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (one that has ended and waits to be collected does not)."""
        return began(self.pid) == self.began

    def terminate(self) -> None:
        """Ask the whole group to stop, if the process still runs."""
        if self.alive:
            self._signal_group(signal.SIGTERM)

    def end(self, grace: float) -> bool:
        """Wait until the process has ended, and kill its group after `grace` seconds; True when that was needed."""
        deadline = time.monotonic() + grace
        while self.alive and time.monotonic() < deadline:
            time.sleep(_POLL)  # another command's child, perhaps: it cannot be waited for
        if not self.alive:
            return False
        self._signal_group(signal.SIGKILL)
        while self.alive:
            time.sleep(_POLL)  # SIGKILL takes a moment, and another command's child tells us of no end
        return True

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # it ended between the look and the signal


def spawn(
    arguments: Sequence[str], environment: Mapping[str, str], *, folder: Path, log: Path, inherit: Sequence[int] = ()
) -> "subprocess.Popen[bytes]":
    """Start a process in a session and group of its own, away from our terminal, with both outputs in `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(  # the caller keeps it, to collect it when it ends
            list(arguments),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(inherit),
            start_new_session=True,
        )


def identify(pid: int) -> Process | None:
    """The process that has this pid now."""
    moment = began(pid)
    return Process(pid, moment, boot()) if moment else None


def began(pid: int) -> str | None:
    """When the process with this pid began, in the system's own terms; None when there is none, or only its remains."""
    if (_PROC / "self" / "stat").exists():
        try:
            fields = (
                (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            )
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]  # proc(5): the 3rd is the state, the 22nd the start time
    answer = subprocess.run(["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, moment = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else moment.strip()


def boot() -> str:
    """What tells this boot from others; empty where the system does not say (its start times are dates there)."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
