"""The dead letters: events that no try could deliver, kept in SQLite until someone replays or deletes them.

A letter is `dead`, or `replaying` while its second life lasts; delivered, it is gone. The store survives SIGKILL, and
a letter that was being replayed then is dead again.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sandbox.broker.event import Event

CAPACITY: Final = 10_000
"""Letters kept; of more than these the oldest goes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, trigger TEXT NOT NULL, state TEXT NOT NULL,
  code INTEGER NOT NULL, destination TEXT NOT NULL, error BLOB NOT NULL, tries INTEGER NOT NULL,
  replays INTEGER NOT NULL DEFAULT 0, attributes TEXT NOT NULL, data BLOB NOT NULL
)
"""
_COLUMNS = "id, time, trigger, state, code, destination, error, tries, replays, attributes, data"
_BRIEF = _COLUMNS.replace(", data", ", x'' AS data")


@dataclass(frozen=True)
class Failure:
    """Why the last try failed: what becomes knativeerrorcode, knativeerrordest and knativeerrordata."""

    code: int
    destination: str
    body: bytes
    tries: int


@dataclass(frozen=True)
class Letter:
    """An undelivered event (with the broker's attributes, without the error's) and what happened to it."""

    id: int
    time: str
    trigger: str
    state: str
    failure: Failure
    replays: int
    event: Event

    def document(self, *, with_data: bool) -> dict[str, Any]:
        """The letter as the admin API shows it."""
        return {
            "id": str(self.id),
            "time": self.time,
            "trigger": self.trigger,
            "state": self.state,
            "code": self.failure.code,
            "destination": self.failure.destination,
            "error": self.failure.body.decode("utf-8", "replace"),
            "tries": self.failure.tries,
            "replays": self.replays,
            "event": self.event.document(with_data=with_data),
        }


class Letters:
    """The store, one connection, used from one thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(_SCHEMA)
        self._db.execute("UPDATE letters SET state = 'dead' WHERE state = 'replaying'")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, trigger: str, event: Event, failure: Failure) -> int:
        """Keep `event`; returns the letter's id. Beyond `CAPACITY` the oldest letter goes."""
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO letters (time, trigger, state, code, destination, error, tries, attributes, data)"
                " VALUES (?, ?, 'dead', ?, ?, ?, ?, ?, ?)",
                (_now(), trigger, *_row(failure), json.dumps(dict(event.attributes)), event.data),
            )
            identity = int(cursor.lastrowid or 0)
            self._db.execute("DELETE FROM letters WHERE id <= ? AND state = 'dead'", (identity - CAPACITY,))
        return identity

    def page(self, *, limit: int, trigger: str | None = None) -> tuple[int, list[Letter]]:
        """How many letters there are and the newest `limit` of them, without their data."""
        where, values = ("WHERE trigger = ?", (trigger,)) if trigger else ("", ())
        counted = f"SELECT count(*) FROM letters {where}"  # noqa: S608 - constants; every value is bound
        newest = f"SELECT {_BRIEF} FROM letters {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - as above
        (count,) = self._db.execute(counted, values).fetchone()
        rows = self._db.execute(newest, (*values, limit))
        return count, [_letter(row) for row in rows]

    def get(self, identity: int) -> Letter | None:
        """The letter with its data."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM letters WHERE id = ?", (identity,)).fetchone()  # noqa: S608 - constants
        return _letter(row) if row else None

    def start_replay(self, identity: int) -> bool:
        """Mark a dead letter as being replayed; False if it is not there or already is."""
        changed = self._db.execute(
            "UPDATE letters SET state = 'replaying' WHERE id = ? AND state = 'dead'", (identity,)
        )
        return changed.rowcount == 1

    def end_replay(self, identity: int, failure: Failure | None) -> None:
        """Remove a letter that was delivered (`failure` None), or put it back among the dead."""
        if failure is None:
            self.delete(identity)
            return
        self._db.execute(
            "UPDATE letters SET state = 'dead', replays = replays + 1, time = ?, code = ?, destination = ?, error = ?,"
            " tries = ? WHERE id = ?",
            (_now(), *_row(failure), identity),
        )

    def delete(self, identity: int) -> bool:
        """Throw a letter away; False if there is none."""
        return self._db.execute("DELETE FROM letters WHERE id = ?", (identity,)).rowcount == 1

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _row(failure: Failure) -> tuple[int, str, bytes, int]:
    return failure.code, failure.destination, failure.body, failure.tries


def _letter(row: tuple[Any, ...]) -> Letter:
    identity, time, trigger, state, code, destination, error, tries, replays, attributes, data = row
    failure = Failure(code, destination, error, tries)
    return Letter(identity, time, trigger, state, failure, replays, Event(json.loads(attributes), data))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
