"""The storage: revisions, snapshots and the bounds of history."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.apiserver.storage import Event, HistoryGone, Storage


def encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """A storage that keeps three events."""
    opened = Storage(tmp_path / "objects.db", 3)
    yield opened
    opened.close()


def put(storage: Storage, name: str, value: int = 0) -> int:
    """Store an object and return its revision."""
    return storage.put("things", ("ns", name), {"metadata": {"name": name}, "value": value}, encode).revision


def test_nobody_else_reads_it(storage: Storage, tmp_path: Path) -> None:
    """Secrets are in it, and in what SQLite keeps beside it; a file that was open to others is closed to them."""
    put(storage, "a")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"objects.db": 0o600, "objects.db-wal": 0o600, "objects.db-shm": 0o600}


def test_revisions_are_of_all_resources(storage: Storage) -> None:
    """One counter numbers every write, removals too."""
    assert put(storage, "a") == 1
    assert storage.put("others", ("", "x"), {"metadata": {}}, encode).revision == 2
    storage.remove("things", ("ns", "a"), encode)
    assert storage.revision == 3


def test_snapshot(storage: Storage) -> None:
    """A list at a revision undoes what came later: creations, changes and removals."""
    put(storage, "a", 1)
    before = put(storage, "b", 1)
    put(storage, "a", 2)
    storage.remove("things", ("ns", "b"), encode)
    put(storage, "c")

    found = storage.entries("things", at=before)
    assert [(key[1], entry.object["value"]) for key, entry in found] == [("a", 1), ("b", 1)]


def test_history_is_bounded(storage: Storage) -> None:
    """Events and snapshots reach back as far as the kept history, and no further."""
    first, *_, last = [put(storage, "a", number) for number in range(5)]

    assert [event.entry.revision for event in storage.events("things", last - 2)] == [last - 1, last]
    assert len(storage.events("things", last - 3)) == 3
    for ask in (lambda: storage.events("things", first), lambda: storage.entries("things", at=first)):
        with pytest.raises(HistoryGone):
            ask()


def test_listeners(storage: Storage) -> None:
    """A listener hears every change of its resource until it stops, with the version before."""
    heard: list[Event] = []
    stop = storage.subscribe("things", heard.append)
    put(storage, "a", 1)
    put(storage, "a", 2)
    storage.remove("things", ("ns", "a"), encode)
    stop()
    put(storage, "b")

    assert [event.type for event in heard] == ["ADDED", "MODIFIED", "DELETED"]
    assert [event.before.object["value"] if event.before else None for event in heard] == [None, 1, 2]
    assert heard[-1].entry.object["metadata"]["resourceVersion"] == "3"


def test_refused_write_leaves_no_trace(storage: Storage) -> None:
    """An object that cannot be written costs no revision."""
    with pytest.raises(TypeError):
        storage.put("things", ("ns", "a"), {"metadata": {}, "value": object()}, encode)
    assert storage.revision == 0
    assert storage.entries("things") == []
