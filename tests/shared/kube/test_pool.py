"""Connections are kept for as many requests at a time as a function has threads."""

from pathlib import Path

from shared.kube import connect
from tests.shared.kube.server import kubeconfig
from tests.shared.pool import THREADS, counting


def test_every_thread_finds_its_connection_again(tmp_path: Path) -> None:
    """All ask at once, and again: the second time nobody shakes hands."""
    with counting() as server:
        kube = connect(kubeconfig(tmp_path, server.url), timeout=30)
        server.is_asked_by_all(kube.ping)
    assert len(server.connections) == THREADS
