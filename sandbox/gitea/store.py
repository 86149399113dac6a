"""What the stand-in knows besides Git: accounts, tokens, repositories, hooks, protections, commit statuses.

Read from memory, written through to one SQLite file, so that it outlives a SIGKILL. Identifiers are never used twice,
as in Gitea. Passwords and tokens are kept as hashes only.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, Protocol, TypeVar


def now() -> str:
    """The time as Gitea writes it, in UTC and whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Account:
    """A user or an organization: they share one space of names and identifiers."""

    id: int
    name: str
    kind: str
    email: str = ""
    full_name: str = ""
    description: str = ""
    website: str = ""
    location: str = ""
    visibility: str = "public"
    password: str = ""
    is_admin: bool = False
    must_change_password: bool = False
    owners: list[int] = field(default_factory=list)
    created: str = field(default_factory=now)


@dataclass(frozen=True)
class Token:
    """An access token; `digest` is the SHA-256 of the forty hex digits that its user holds."""

    id: int
    user: int
    name: str
    digest: str
    last_eight: str
    scopes: list[str]
    created: str = field(default_factory=now)


@dataclass(frozen=True)
class Repository:
    """A repository; `collaborators` maps a user's identifier (a string, as in JSON) to read, write or admin."""

    id: int
    owner: int
    name: str
    description: str = ""
    website: str = ""
    private: bool = False
    archived_at: str = ""
    default_branch: str = "main"
    collaborators: dict[str, str] = field(default_factory=dict)
    former_names: list[str] = field(default_factory=list)
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)


@dataclass(frozen=True)
class Hook:
    """A webhook of an organization or of a repository (the other one of the two is 0)."""

    id: int
    url: str
    content_type: str
    secret: str
    events: list[str]
    active: bool
    branch_filter: str = ""
    authorization_header: str = ""
    kind: str = "gitea"
    organization: int = 0
    repository: int = 0
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)


@dataclass(frozen=True)
class Protection:
    """A branch protection: `options` holds the booleans, numbers and lists that its JSON shows."""

    id: int
    repository: int
    rule_name: str
    options: dict[str, object]
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)


@dataclass(frozen=True)
class CommitStatus:
    """What somebody said about a commit."""

    id: int
    repository: int
    sha: str
    creator: int
    state: str
    context: str
    description: str
    target_url: str
    created: str = field(default_factory=now)


class Record(Protocol):
    """Anything with an identifier."""

    @property
    def id(self) -> int:
        """Unique among its kind, for ever."""


R = TypeVar("R", bound=Record)


class Records(Generic[R]):
    """All records of one kind, in the order of their creation."""

    def __init__(self, database: sqlite3.Connection, model: type[R]) -> None:
        self._database = database
        self._kind = model.__name__
        rows = database.execute("SELECT document FROM records WHERE kind = ? ORDER BY id", (self._kind,))
        self._records: dict[int, R] = {}
        for (document,) in rows:
            record = model(**json.loads(document))
            self._records[record.id] = record

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._records.values()))

    def next_id(self) -> int:
        """Reserve the next identifier of this kind."""
        row = self._database.execute(
            "INSERT INTO sequences VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET last = last + 1 RETURNING last",
            (self._kind,),
        ).fetchone()
        return int(row[0])

    def get(self, identifier: int) -> R | None:
        """The record, or None."""
        return self._records.get(identifier)

    def put(self, record: R) -> R:
        """Create or replace, and return the record."""
        document = json.dumps(asdict(record))  # type: ignore[call-overload]  # every model here is a dataclass
        self._database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (self._kind, record.id, document))
        self._records[record.id] = record
        return record

    def remove(self, record: R) -> None:
        """Delete; a record that is gone already is no error."""
        self._database.execute("DELETE FROM records WHERE kind = ? AND id = ?", (self._kind, record.id))
        self._records.pop(record.id, None)


class Store:
    """Every kind of record."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)  # SQLite gives its -wal and -shm the mode of the file
        path.chmod(0o600)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "CREATE TABLE IF NOT EXISTS records (kind TEXT, id INTEGER, document TEXT, PRIMARY KEY (kind, id));"
            "CREATE TABLE IF NOT EXISTS sequences (kind TEXT PRIMARY KEY, last INTEGER);"
        )
        self.accounts = Records(self._database, Account)
        self.tokens = Records(self._database, Token)
        self.repositories = Records(self._database, Repository)
        self.hooks = Records(self._database, Hook)
        self.protections = Records(self._database, Protection)
        self.statuses = Records(self._database, CommitStatus)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def account(self, name: str) -> Account | None:
        """The user or organization of that name, in any case."""
        return next((account for account in self.accounts if account.name.lower() == name.lower()), None)

    def owner(self, repository: Repository) -> Account:
        """Who a repository belongs to."""
        owner = self.accounts.get(repository.owner)
        if owner is None:
            raise LookupError(f"repository {repository.id} has no owner")
        return owner

    def repository(self, owner: Account, name: str) -> Repository | None:
        """The owner's repository of that name, in any case."""
        return next((one for one in self.repositories_of(owner) if one.name.lower() == name.lower()), None)

    def renamed(self, owner: Account, name: str) -> Repository | None:
        """The repository that had this name before."""
        return next((one for one in self.repositories_of(owner) if name.lower() in one.former_names), None)

    def repositories_of(self, owner: Account) -> list[Repository]:
        """The owner's repositories, oldest first."""
        return [one for one in self.repositories if one.owner == owner.id]

    def protections_of(self, repository: Repository) -> list[Protection]:
        """The repository's branch protections, oldest first."""
        return [one for one in self.protections if one.repository == repository.id]
