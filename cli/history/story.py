"""A claim's commits as the story of its changes. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cli.history.commits import Entry, Recorded, Unreadable
from cli.history.spec_changes import Change, between

What = Literal["created", "created again", "changed", "restored", "rewritten", "deleted", "unreadable"]

_SAID: dict[What, str] = {
    "created": "created",
    "created again": "created again, under another UID",
    "deleted": "deleted: its files went with it",
    "rewritten": "the claim did not change, and what is made of it did",
    "restored": "drift restored",
    "changed": "",
    "unreadable": "",
}


@dataclass(frozen=True)
class Chapter:
    """One commit, and what became of the claim between the one before it and this one.

    `manager` is who changed the spec, None when nobody did or nobody knows.
    """

    entry: Entry
    what: What
    changes: tuple[Change, ...] = ()
    manager: str | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """What happened, for people."""
        entry = self.entry
        if isinstance(entry, Unreadable):
            return (f"its record cannot be read: {entry.problem}",)
        said = [_SAID[self.what]] if _SAID[self.what] else []
        said += [f"drift restored: {entry.drift}"] if entry.drift and self.what != "restored" else []
        if self.what == "restored":
            said = [f"drift restored: {entry.drift}"]
        omitted = [f"not in the record, because it looks like a credential: {path}" for path in entry.record.omitted]
        return (*said, *(change.line for change in self.changes), *omitted)

    def document(self) -> dict[str, Any]:
        """For programs."""
        entry = self.entry
        common = {"commit": entry.sha, "time": entry.when, "author": entry.author, "what": self.what}
        if isinstance(entry, Unreadable):
            return common | {"problem": entry.problem}
        record = entry.record
        return common | {
            "subject": record.subject,
            "uid": record.uid,
            "generation": record.generation,
            "fieldManager": self.manager,
            "changes": [change.document() for change in self.changes],
            "drift": entry.drift or None,
            "omitted": list(record.omitted),
            "spec": dict(record.spec),
        }


def told(newest_first: Sequence[Entry]) -> list[Chapter]:
    """The chapters of `newest_first`, in the same order."""
    return list(_told(newest_first[::-1]))[::-1]


def _told(oldest_first: Sequence[Entry]) -> Iterator[Chapter]:
    before: Recorded | None = None
    for entry in oldest_first:
        if isinstance(entry, Unreadable):
            yield Chapter(entry, "unreadable")
            continue
        yield _chapter(before, entry)
        before = entry


def _chapter(before: Recorded | None, entry: Recorded) -> Chapter:
    if before is None:
        return Chapter(entry, "deleted" if entry.record.deleted else "created", (), entry.record.manager or None)
    changes = tuple(between(before.record.spec, entry.record.spec))
    what = _what(before, entry, changes)
    return Chapter(entry, what, changes, _manager(before, entry, what, changes))


def _what(before: Recorded, entry: Recorded, changes: Sequence[Change]) -> What:
    if entry.record.deleted:
        return "deleted"
    if entry.record.uid != before.record.uid:
        return "created again"
    if changes:
        return "changed"
    return "restored" if entry.drift else "rewritten"


def _manager(before: Recorded, entry: Recorded, what: What, changes: Sequence[Change]) -> str | None:
    """Whoever only takes something away may leave no trace, and then the one before still stands there."""
    if what in ("restored", "rewritten", "deleted"):
        return None
    same = (before.record.manager, before.record.changed) == (entry.record.manager, entry.record.changed)
    if same and what == "changed" and all(change.is_removal for change in changes):
        return None
    return entry.record.manager or None
