"""One user of a directory at a time, over threads and processes."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import TransientError

from .refusals import cache_unavailable

_POLL = 0.01
"""Seconds between two tries; flock cannot wait with a timeout."""


class Lock:
    """Held through a file that is never written; the kernel frees it when its holder dies."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._threads = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock. Raises TransientError: CacheBusy after the timeout, CacheUnavailable without a file."""
        deadline = time.monotonic() + self._timeout
        if not self._threads.acquire(timeout=self._timeout):
            raise self._busy()
        try:
            descriptor = self._open(deadline)
            try:
                yield
            finally:
                os.close(descriptor)
        finally:
            self._threads.release()

    def _open(self, deadline: float) -> int:
        while True:
            descriptor = self._file()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                if time.monotonic() >= deadline:
                    raise self._busy() from None
                time.sleep(_POLL)  # a lock that is waited for in the kernel knows no deadline
                continue
            if self._is_current(descriptor):
                return descriptor
            os.close(descriptor)

    def _file(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise cache_unavailable(self._path, error) from error

    def _is_current(self, descriptor: int) -> bool:
        """Whether the file is still at its path: somebody may have removed it while we waited."""
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _busy(self) -> TransientError:
        return TransientError(f"the Git cache is in use for more than {self._timeout:g} seconds", reason="CacheBusy")
