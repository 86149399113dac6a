"""The process of one container, from its start to its exit code."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from sandbox.node.container import Process
from sandbox.supervisor import process as processes

_SIGNALLED: Final = 128
_GRACE: Final = 3.0


class Child:
    """A running container. `on_exit` is called, from another thread, when it has ended.

    The pid file is there while the process may run: who comes after a node that was killed finds it by that.
    Raises OSError when the program cannot be started.
    """

    def __init__(self, process: Process, *, log: Path, pid_file: Path, on_exit: Callable[[], None]) -> None:
        for path in (log, pid_file):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.exit_code: int | None = None
        """As a container runtime counts: 128 and the number of the signal that ended it."""
        self._pid_file = pid_file
        self._on_exit = on_exit
        self._popen = processes.spawn(process.arguments, process.environment, folder=process.folder, log=log)
        self._identity = processes.identify(self._popen.pid)
        if self._identity is not None:
            self._identity.save(pid_file)
        self._waiter = threading.Thread(target=self._wait, name=f"container {self._popen.pid}", daemon=True)
        self._waiter.start()

    def terminate(self) -> None:
        """Ask it to stop."""
        if self._identity is not None:
            self._identity.terminate()

    def kill(self) -> None:
        """Make it stop."""
        if self._identity is not None:
            self._identity.end(0)

    def end(self, grace: float) -> None:
        """Wait for `grace` seconds until it has stopped by itself, then make it, and wait until that is known."""
        self._waiter.join(grace)
        self.kill()
        self._waiter.join(_GRACE)

    def _wait(self) -> None:
        pid = self._popen.pid
        # Nobody else may get the number before what it left running in its group is ended.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        code = self._popen.wait()
        self._pid_file.unlink(missing_ok=True)
        self.exit_code = _SIGNALLED - code if code < 0 else code
        self._on_exit()


def end_leftovers(folder: Path) -> int:
    """End what a node that was killed left running, by the pid files in `folder`; returns how many there were."""
    found = 0
    for path in folder.glob("*.json"):
        left = processes.Process.load(path)
        if left is not None and left.alive:
            left.terminate()
            left.end(_GRACE)
            found += 1
        path.unlink(missing_ok=True)
    return found
