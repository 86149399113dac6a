"""Commits as people read them, without what they hold."""

from dataclasses import dataclass

FORMAT = "%H%n%an%n%ae%n%B"
"""What `git log -z` prints for each commit; neither a name nor an address can hold a line break."""


@dataclass(frozen=True)
class Commit:
    """One commit: its name (40 hex digits), who wrote it, and the whole message without trailing blank lines."""

    sha: str
    author_name: str
    author_email: str
    message: str


def parse_log(text: str) -> tuple[Commit, ...]:
    """The commits that `git log -z --format=…` printed in `FORMAT`."""
    return tuple(_commit(record) for record in text.split("\0") if record)


def _commit(record: str) -> Commit:
    sha, name, email, message = record.split("\n", 3)
    return Commit(sha, name, email, message.rstrip("\n"))
