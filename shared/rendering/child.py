"""The process in which the render gate renders: `python -m shared.rendering.child SECONDS BYTES IDLE`.

It reads trials from its input and writes verdicts to its output, each with its length before it, until its input ends
or nothing comes for IDLE seconds. A rendering that takes longer than SECONDS, or more than BYTES of memory, ends it: a
chart can ask Go for either without end, and Go cannot be stopped from outside.
"""

import faulthandler
import json
import os
import re
import resource
import select
import struct
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO, Any, Final, Protocol

from shared.helm import Engine
from shared.rendering.trial import Trial, Verdict, run

_LENGTH: Final = struct.Struct("!I")


class Source(Protocol):
    """What frames are read from."""

    def read(self, size: int, /) -> bytes | None:
        """At most `size` bytes; none at the end."""


def encoded(trial: Trial) -> bytes:
    """A trial as it travels: a header that says what follows, the values, the chart's files."""
    header = {
        "release": trial.release,
        "namespace": trial.namespace,
        "values": len(trial.values),
        "files": [(path, len(data)) for path, data in trial.chart.items()],
    }
    text = json.dumps(header).encode()
    return b"".join((_LENGTH.pack(len(text)), text, trial.values, *trial.chart.values()))


def read_frame(source: Source) -> Any:
    """The next frame's JSON; None at the end. Raises EOFError when it is cut off, ValueError when it is none."""
    head = source.read(_LENGTH.size)
    return json.loads(_exactly(source, _LENGTH.unpack(head)[0])) if head else None


def read_trial(source: Source) -> Trial | None:
    """The next trial; None at the end. Raises EOFError when it is cut off."""
    header = read_frame(source)
    if header is None:
        return None
    body = _exactly(source, header["values"] + sum(size for _, size in header["files"]))
    values, start, chart = body[: header["values"]], header["values"], dict[str, bytes]()
    for path, size in header["files"]:
        chart[path] = body[start : start + size]
        start += size
    return Trial(chart, header["release"], header["namespace"], values)


def serve(source: FileIO, sink: IO[bytes], *, seconds: float, idle: float, room: int) -> None:
    """Say whether there is an engine, then try out what comes, one after the other. `source` is not buffered."""
    engine, verdict = Engine.load(), Verdict("broken", "helm-python-sdk is not installed")
    if engine is not None:
        verdict = run(engine, Trial({}, "none", "none", b""))  # no chart, and no rendering without an engine
        verdict = verdict if verdict.outcome == "broken" else Verdict("renders")
    _answer(sink, verdict)
    if engine is None or verdict.outcome == "broken":
        return
    _limit(room)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - what faulthandler writes to is a plain descriptor
        while select.select([source], [], [], idle)[0]:
            trial = read_trial(source)
            if trial is None:
                return
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
            verdict = run(engine, trial)
            faulthandler.cancel_dump_traceback_later()
            _answer(sink, verdict)


def _answer(sink: IO[bytes], verdict: Verdict) -> None:
    text = json.dumps(verdict.document()).encode()
    sink.write(_LENGTH.pack(len(text)) + text)
    sink.flush()


def _limit(room: int) -> None:
    """No more than `room` bytes of memory beyond those that the engine itself has taken; Linux alone keeps to it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        taken = re.search(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text())
        if taken:
            resource.setrlimit(resource.RLIMIT_DATA, (int(taken[1]) * 1024 + room,) * 2)


def _exactly(source: Source, size: int) -> bytes:
    parts = []
    while size:
        data = source.read(size)
        if not data:
            raise EOFError("the other side is gone")
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def main(arguments: list[str]) -> int:
    """Serve on the standard streams, which nobody else writes to then: Go's libraries print warnings."""
    seconds, room, idle = float(arguments[0]), int(arguments[1]), float(arguments[2])
    source = FileIO(os.dup(0))  # so that what is not read yet is where `select` sees it
    sink = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    with source, sink, suppress(EOFError, BrokenPipeError):
        serve(source, sink, seconds=seconds, idle=idle, room=room)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
