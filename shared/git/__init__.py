"""Writes to one branch of a remote Git repository, at the same cost whatever its size.

::

    with repository.transaction() as transaction:                # fetches the head, if it moved
        sha = transaction.commit(edits, compose(record))         # None: nothing differs
        transaction.push()                                       # onto exactly that head, or PushRejected

`refusals` says which error means what, `message` how a commit carries its claim, `cache` what is kept on disk.
"""

from .message import Record, compose, parse
from .objects import Author
from .paths import Edits
from .refusals import RepositoryMissing
from .repository import Remote, Repository
from .transaction import Transaction

__all__ = [
    "Author",
    "Edits",
    "Record",
    "Remote",
    "Repository",
    "RepositoryMissing",
    "Transaction",
    "compose",
    "parse",
]
