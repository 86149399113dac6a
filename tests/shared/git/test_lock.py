"""One holder at a time."""

import threading
from pathlib import Path

import pytest

from shared.errors import TransientError
from shared.git.lock import Lock


def test_threads_wait_for_each_other_and_give_up(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "deep" / "lock", 0.05)
    reasons: list[str] = []

    def enter() -> None:
        try:
            with lock.held():
                reasons.append("entered")
        except TransientError as error:
            reasons.append(error.reason)

    with lock.held():
        waiting = threading.Thread(target=enter)
        waiting.start()
        waiting.join(30)
    enter()
    assert reasons == ["CacheBusy", "entered"]


def test_a_removed_file_locks_nobody_out_and_lets_nobody_in_twice(tmp_path: Path) -> None:
    """Who comes after the removal locks the new file; who waits for it does not take the old one."""
    path = tmp_path / "lock"
    with Lock(path, 5).held():
        path.unlink()
        with Lock(path, 5).held(), pytest.raises(TransientError), Lock(path, 0.05).held():
            pass


def test_an_error_inside_frees_it(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock", 0.05)
    with pytest.raises(ZeroDivisionError), lock.held():
        raise ZeroDivisionError
    with lock.held():
        pass


def test_a_place_that_cannot_be_written_is_a_transient_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TransientError, match="cannot be written") as caught, Lock(tmp_path / "file" / "x", 1).held():
        pass
    assert caught.value.reason == "CacheUnavailable"
