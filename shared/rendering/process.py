"""The engine in a process of its own: what a chart asks of it, it cannot ask of the function.

Helm's engine takes 60 MB, more than half of what a function has, and is needed for seconds in an hour; a chart may ask
it for any time and memory; and its threads do not survive a fork. So it is started with the first rendering, ends when
nothing was rendered for a while, and is ended when a rendering takes too long.
"""

import os
import selectors
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from shared.rendering.child import encoded, read_frame
from shared.rendering.trial import Trial, Verdict

SECONDS: Final = 10.0
"""That one rendering may take."""
ROOM: Final = 192 * 1024 * 1024
"""Bytes that renderings may take beyond the engine itself."""
IDLE: Final = 60.0
START: Final = 20.0
"""Seconds that the engine may take to load, on a machine with much else to do."""

_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "HELM_C_LIB")
"""What of this process's environment the other one sees: no token, no kubeconfig."""


_GARBAGE: Final = "200"
"""Go's collector runs several times in a rendering; half as often, it takes a sixth less time and 6 MB more."""


class Process:
    """Tries renderings out in another process, one at a time. Thread-safe."""

    def __init__(self, *, seconds: float = SECONDS, room: int = ROOM, idle: float = IDLE) -> None:
        self._seconds = seconds
        self._arguments = [str(seconds), str(room), str(idle)]
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self, trial: Trial) -> Verdict:
        """The verdict; `unknown` when the rendering ended the process. Raises nothing."""
        request = encoded(trial)
        with self._lock:
            for is_last in (False, True):
                fresh, fault = self._start()
                if fault is not None:
                    return fault
                verdict = self._ask(request)
                if verdict is not None:
                    return verdict
                code = self._end()
                if fresh or is_last:
                    return Verdict("unknown", f"rendering it takes too long, or too much memory (exit status {code})")
        raise AssertionError("the second try is the last")

    def close(self) -> None:
        """End the other process."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        """The other process, while there is one."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def _start(self) -> tuple[bool, Verdict | None]:
        """Have a process; whether it is a new one, and what is wrong when there is none."""
        if self._child is not None and self._child.poll() is None:
            return False, None
        self._end()
        package = str(Path(__file__).resolve().parents[2])
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"PYTHONPATH": os.pathsep.join([package, *filter(None, sys.path)]), "HOME": os.devnull}
        environment["GOGC"] = _GARBAGE
        command = [sys.executable, "-P", "-m", "shared.rendering.child", *self._arguments]
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
        except OSError as error:
            return False, Verdict("broken", f"Helm's engine cannot be started: {error}")
        said = self._answer(START)
        if said is None or said.outcome == "broken":
            code = self._end()
            return False, said or Verdict("broken", f"Helm's engine does not start (exit status {code})")
        return True, None

    def _ask(self, request: bytes) -> Verdict | None:
        """The answer; None when the process is gone, or does not answer."""
        child = self._child
        assert child is not None and child.stdin is not None  # noqa: S101 - `_start` was asked for it
        try:
            child.stdin.write(request)
            child.stdin.flush()
        except OSError:
            return None
        return self._answer(self._seconds + 1)

    def _answer(self, within: float) -> Verdict | None:
        child = self._child
        assert child is not None and child.stdout is not None  # noqa: S101 - only asked of one that runs
        try:
            found = read_frame(_Timed(child.stdout.fileno(), time.monotonic() + within))
        except (OSError, EOFError, ValueError):
            return None
        return Verdict(found["outcome"], found["message"]) if found else None

    def _end(self) -> int | None:
        child, self._child = self._child, None
        if child is None:
            return None
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with suppress(OSError):  # what it did not read is of no use to anybody
                    stream.close()
        if child.poll() is None:
            child.kill()
        return child.wait()


class _Timed:
    """A descriptor that is read until a point in time. Raises TimeoutError after it."""

    def __init__(self, descriptor: int, end: float) -> None:
        self._descriptor = descriptor
        self._end = end

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, as soon as there are any; none at the end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            if not selector.select(max(0.0, self._end - time.monotonic())):
                raise TimeoutError("no answer")
        return os.read(self._descriptor, size)
