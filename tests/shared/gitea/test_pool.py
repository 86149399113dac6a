"""Connections are kept for as many requests at a time as a function has threads."""

from pydantic import SecretStr

from shared.gitea import Gitea
from shared.secret import fixed
from tests.shared.pool import THREADS, counting


def test_every_thread_finds_a_connection_again() -> None:
    """All ask at once, and again: the second time nobody shakes hands."""
    with counting() as server:
        gitea = Gitea(server.url, fixed(SecretStr("token")), timeout=30)
        server.is_asked_by_all(gitea.ping)
        gitea.close()
    assert len(server.connections) == THREADS
