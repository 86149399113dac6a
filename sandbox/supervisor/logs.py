"""Reading the components' logs."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_BLOCK: Final = 64 * 1024
_POLL: Final = 0.2


def tail(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a log, at most 64 KiB of them; none when there is no log."""
    try:
        with path.open("rb") as handle:
            handle.seek(max(0, path.stat().st_size - _BLOCK))
            text = handle.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return text.splitlines()[-lines:] if lines > 0 else []


class Log:
    """Several logs while they grow. `read` yields each line added since the last call, with the name of its log."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self._positions = {name: path.stat().st_size if path.exists() else 0 for name, path in paths.items()}
        self._rests = dict.fromkeys(paths, b"")

    def read(self) -> Iterator[tuple[str, str]]:
        """Whole lines only; a log may appear later, or begin anew (seen one call later)."""
        for name, path in self._paths.items():
            added = _added(path, self._positions[name])
            if added is None:
                self._positions[name], self._rests[name] = 0, b""
                continue
            self._positions[name] += len(added)
            *complete, self._rests[name] = (self._rests[name] + added).split(b"\n")
            for line in complete:
                yield name, line.decode("utf-8", errors="replace")


def follow(paths: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Each line that is added to one of the logs, with its name, for ever."""
    log = Log(paths)
    while True:
        yield from log.read()
        time.sleep(_POLL)  # a file tells nobody that it grew


def _added(path: Path, position: int) -> bytes | None:
    """What a log holds beyond `position`; None when it is shorter than that."""
    try:
        size = path.stat().st_size
        if size < position:
            return None
        with path.open("rb") as handle:
            handle.seek(position)
            return handle.read()
    except OSError:
        return b""
