"""What a stranger has put into a repository with other tools, looked at and removed."""

import subprocess

from .backend import Backend
from .conftest import NAME, Opener

HOSTILE = [b"\\377\\376", b"\\355\\240\\200", b"\\t", b"\\001", b"a\\\\b", b"x" * 300, b"-x", b":main", b"{{ .x }}"]
"""As `git fast-import` quotes them."""


def test_what_nobody_could_write_can_be_removed(backend: Backend, opened: Opener) -> None:
    """A stranger with another tool has put it there; names in trees mean nothing to any file system here."""
    made = b"".join(b'M 100644 inline "mine/%s"\ndata 1\n1\n' % name for name in (*HOSTILE, b"good"))
    stream = b"commit refs/heads/main\ncommitter x <x@example.com> 1700000000 +0000\ndata 1\nx\n" + made
    subprocess.run(["git", "-C", str(backend.path(NAME)), "fast-import", "--quiet"], input=stream, check=True)
    with opened().transaction() as transaction:
        names = transaction.names("mine")
        assert len(names) == len(HOSTILE) + 1
        transaction.look_ahead([f"mine/{name}/below" for name in names])
        assert [transaction.names(f"mine/{name}") for name in names] == [()] * len(names)
        gone = {f"mine/{name}": None for name in names if name != "good"}
        assert transaction.changed(gone) == gone.keys()
        transaction.commit(gone, "away with it\n")
        transaction.push()
    assert backend.git(NAME, "ls-tree", "-r", "--name-only", "main", "mine/") == "mine/good"
