"""Objects in memory, written through to SQLite, with one revision counter and a bounded history of every resource."""

import json
import sqlite3
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Key = tuple[str, str]
"""(namespace, name); the namespace of cluster-scoped objects is empty."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of an object. `object` is never changed in place; `raw` is its JSON as clients get it."""

    object: Json
    raw: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class Event:
    """A change: `type` is ADDED, MODIFIED or DELETED, `before` the version that it replaced."""

    type: str
    key: Key
    entry: Entry
    before: Entry | None


@dataclass
class _Table:
    """Objects of one resource. A watch may start at any revision from `since` on."""

    entries: dict[Key, Entry]
    history: deque[Event]
    since: int
    listeners: list[Callable[[Event], None]] = field(default_factory=list)


class HistoryGone(Exception):
    """The asked revision is older than the kept history; `oldest` is the first one that is not."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"history starts at {oldest}")
        self.oldest = oldest


class Storage:
    """All objects by resource (`plural.group`). Single-threaded: call it from the event loop only."""

    def __init__(self, path: Path, history: int) -> None:
        """Open (or create) the database; `history` is the number of events kept for each resource."""
        # The file survives a killed process; `synchronous=OFF` gives up only what a power cut takes.
        path.touch(mode=0o600)  # Secrets are in it; SQLite gives its -wal and -shm the mode of the file
        path.chmod(0o600)
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
            "CREATE TABLE IF NOT EXISTS objects (resource TEXT, namespace TEXT, name TEXT, revision INTEGER,"
            " body BLOB, PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS counter (revision INTEGER);"
            "INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counter);"
        )
        self._history = history
        self._tables: dict[str, _Table] = {}
        (self.revision,) = self._database.execute("SELECT revision FROM counter").fetchone()
        rows = self._database.execute("SELECT resource, namespace, name, revision, body FROM objects")
        for resource, namespace, name, revision, body in rows:
            self._table(resource).entries[namespace, name] = Entry(json.loads(body), body, revision)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def open_table(self, resource: str) -> None:
        """Start the resource's history now, if it has none."""
        self._table(resource)

    def get(self, resource: str, key: Key) -> Entry | None:
        """Return the stored version, or None."""
        return self._table(resource).entries.get(key)

    def entries(self, resource: str, namespace: str = "", *, at: int | None = None) -> list[tuple[Key, Entry]]:
        """Return the objects of a namespace (all, if empty), sorted by key, as they were at revision `at`."""
        table = self._table(resource)
        entries = table.entries if at is None or at >= self.revision else self._rewound(table, at)
        return sorted((key, entry) for key, entry in entries.items() if namespace in ("", key[0]))

    def put(self, resource: str, key: Key, value: Json, encode: Callable[[Json], bytes]) -> Entry:
        """Store `value` under the next revision, which it gets as `metadata.resourceVersion`."""
        table = self._table(resource)
        before = table.entries.get(key)
        entry = self._next(value, encode)
        with self._transaction():
            self._database.execute(
                "REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", (resource, *key, entry.revision, entry.raw)
            )
        table.entries[key] = entry
        self._publish(table, Event("MODIFIED" if before else "ADDED", key, entry, before))
        return entry

    def remove(self, resource: str, key: Key, encode: Callable[[Json], bytes]) -> None:
        """Remove the object; watchers get its last version under the revision of its removal."""
        table = self._table(resource)
        before = table.entries.pop(key)
        entry = self._next(before.object, encode)
        with self._transaction():
            self._database.execute(
                "DELETE FROM objects WHERE (resource, namespace, name) = (?, ?, ?)", (resource, *key)
            )
        self._publish(table, Event("DELETED", key, entry, before))

    def events(self, resource: str, after: int) -> list[Event]:
        """Return the changes after revision `after`; HistoryGone when they are no longer all kept."""
        table = self._table(resource)
        if after < table.since:
            raise HistoryGone(table.since)
        start = bisect_right(table.history, after, key=lambda event: event.entry.revision)
        return list(islice(table.history, start, None))

    def subscribe(self, resource: str, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with every change from now on, until the returned function is called."""
        listeners = self._table(resource).listeners
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def _table(self, resource: str) -> _Table:
        if resource not in self._tables:
            self._tables[resource] = _Table({}, deque(), self.revision)
        return self._tables[resource]

    def _rewound(self, table: _Table, revision: int) -> dict[Key, Entry]:
        if revision < table.since:
            raise HistoryGone(table.since)
        entries = dict(table.entries)
        for event in reversed(table.history):
            if event.entry.revision <= revision:
                break
            entries.pop(event.key, None)
            if event.before is not None:
                entries[event.key] = event.before
        return entries

    def _next(self, value: Json, encode: Callable[[Json], bytes]) -> Entry:
        revision = self.revision + 1
        stamped = value | {"metadata": value["metadata"] | {"resourceVersion": str(revision)}}
        entry = Entry(stamped, encode(stamped), revision)
        self.revision = revision
        return entry

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._database, self.revision)

    def _publish(self, table: _Table, event: Event) -> None:
        table.history.append(event)
        if len(table.history) > self._history:
            table.since = table.history.popleft().entry.revision
        for listener in tuple(table.listeners):
            listener(event)


class _Transaction:
    """A write together with the counter's new value."""

    def __init__(self, database: sqlite3.Connection, revision: int) -> None:
        self._database = database
        self._revision = revision

    def __enter__(self) -> None:
        self._database.execute("BEGIN")

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._database.execute("UPDATE counter SET revision = ?", (self._revision,))
        self._database.execute("ROLLBACK" if error else "COMMIT")
