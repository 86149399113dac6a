"""Commits with a claim's record in them, read out of a clone of `voltran`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cli.clone import Clone
from cli.exits import Failure
from shared.git.message import BEGIN_COMPRESSED, BEGIN_JSON, Record, claim_of, parse

MAIN: Final = "main"
_FORM: Final = "%H%x00%cI%x00%an <%ae>%x00%B"
_FIELDS: Final = 4
_DRIFT: Final = re.compile(r"^ +Drift: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Recorded:
    """A commit that carries out a claim. `when` is RFC 3339; `drift` is what it put right, empty when nothing."""

    sha: str
    when: str
    author: str
    record: Record
    drift: str = ""


@dataclass(frozen=True)
class Unreadable:
    """A commit with a claim's trailers whose record cannot be read, and why."""

    sha: str
    when: str
    author: str
    problem: str


Entry = Recorded | Unreadable


def entries(clone: Clone, claim: str, revision: str = MAIN) -> Iterator[Entry]:
    """The commits of `claim` (`KIND/NAMESPACE/NAME`) up to `revision`, the newest first."""
    for sha, when, author, message in _log(clone, "--topo-order", "-F", f"--grep=Claim: {claim}", revision):
        if claim_of(message)[0] == claim:
            yield _entry(sha, when, author, message)


def entry_of(clone: Clone, commit: str) -> Entry | None:
    """What `commit` says of the claim that it carries out; None for one that is no claim's."""
    for sha, when, author, message in _log(clone, "-1", commit):
        if claim_of(message)[0]:
            return _entry(sha, when, author, message)
    return None


@dataclass(frozen=True)
class Trailers:
    """What a commit's trailers say at a glance; anybody can write them, and `entry_of` reads what they stand for."""

    sha: str
    claim: str
    uid: str


def of_all_claims(clone: Clone, revision: str = MAIN) -> Iterator[Trailers]:
    """The commits up to `revision` that name a claim, the newest first."""
    one = "%(trailers:key={},valueonly=true,separator=%x2C)"
    form = f"--format=%H%x00{one.format('Claim')}%x00{one.format('Claim-UID')}"
    for line in _printed(clone, "--topo-order", form, revision).splitlines():
        sha, claim, uid = line.split("\0")
        if claim:
            yield Trailers(sha, claim, uid)


def _log(clone: Clone, *arguments: str) -> Iterator[list[str]]:
    """Hash, time, author and message of commits; no message holds a NUL, and one ends every field."""
    fields = _printed(clone, "-z", f"--format={_FORM}", *arguments).split("\0")
    return (fields[at : at + _FIELDS] for at in range(0, len(fields) - _FIELDS + 1, _FIELDS))


def _printed(clone: Clone, *arguments: str) -> str:
    found = clone.run("log", *arguments, "--")
    if found is None:
        raise Failure(f"git finds no {arguments[-1]} there: is it a clone of voltran?")
    return found.decode(errors="replace")


def _entry(sha: str, when: str, author: str, message: str) -> Entry:
    try:
        record = parse(message)
    except ValueError as error:
        return Unreadable(sha, when, author, str(error))
    if record is None:
        raise AssertionError("its trailers were read before")
    head = message[: min(at for mark in (BEGIN_JSON, BEGIN_COMPRESSED) if (at := message.find(f"\n{mark}\n")) >= 0)]
    drift = _DRIFT.search(head)
    return Recorded(sha, when, author, record, drift[1] if drift else "")
