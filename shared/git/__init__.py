"""Writes to one branch of a remote Git repository, at the same cost whatever its size.

::

    with repository.transaction() as transaction:                # fetches the head, if it moved
        sha = transaction.commit(edits, compose(record))         # None: nothing differs
        transaction.push()                                       # onto exactly that head, or PushRejected

Many threads that write at once share transactions through a `Writer`, and never begin their own.

`refusals` says which error means what, `message` how a commit carries its claim, `cache` what is kept on disk.
"""

from .folders import Contents, Limits
from .history import Commit
from .message import Record, compose, parse
from .objects import Author
from .paths import Edits
from .refusals import PushDeclined, RepositoryMissing
from .repository import Remote, Repository
from .transaction import Mark, Transaction
from .writer import Writer

__all__ = [
    "Author",
    "Commit",
    "Contents",
    "Edits",
    "Limits",
    "Mark",
    "PushDeclined",
    "Record",
    "Remote",
    "Repository",
    "RepositoryMissing",
    "Transaction",
    "Writer",
    "compose",
    "parse",
]
