"""Ports for the components, which no other sandbox of this user takes meanwhile.

Choosing a free port and listening on it are two moments, and between them another sandbox may choose the same. So a
port goes with a lock that the listening process inherits and holds as long as it lives, even if it is killed. The range
lies below the ports that systems hand out for outgoing connections.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import Final

from sandbox.supervisor.errors import NoFreePort

RANGE: Final = range(20_000, 30_000)
HOST: Final = "127.0.0.1"
_TRIES: Final = 500


def reserve(port: int) -> int | None:
    """A descriptor that holds the port's lock, or None when the port is taken; the caller closes it."""
    descriptor = os.open(_locks() / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def reserve_any() -> tuple[int, int]:
    """A free port and the descriptor that holds its lock."""
    for port in random.sample(RANGE, _TRIES):
        descriptor = reserve(port)
        if descriptor is not None:
            return port, descriptor
    raise NoFreePort(f"no free port between {RANGE.start} and {RANGE.stop}")


def _locks() -> Path:
    folder = Path(tempfile.gettempdir()) / f"infraforge-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
