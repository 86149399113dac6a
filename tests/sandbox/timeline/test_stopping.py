"""The stand-in ends when it is told to, though its watches wait for an API server that says nothing."""

import time
from pathlib import Path

from sandbox.argocd.controller import ArgoCD, Settings
from sandbox.argocd.repositories import Addresses
from sandbox.source.kubeconfig import Cluster, read
from tests.sandbox.apiserver.conftest import Running, start
from tests.sandbox.timeline.world import until

ROOT = Path(__file__).parents[3]
LIMIT = 5.0


def cluster(running: Running) -> Cluster:
    """The cluster of a server process, over TLS as in the sandbox."""
    return read(running.kubeconfig)


def test_a_stop_is_prompt(tmp_path: Path) -> None:
    """Far below the supervisor's patience, after which it would be killed."""
    running = start(
        tmp_path / "data", "--namespaces", "argocd", "--crds", str(ROOT / "sandbox" / "argocd" / "crds.yaml")
    )
    try:
        settings = Settings(cluster(running), tmp_path / "clones", Addresses("http://gitea.test", "http://127.0.0.1:9"))
        argocd = ArgoCD(settings)
        argocd.start()
        until(lambda: argocd.problems == [])
        began = time.monotonic()
        argocd.stop()
        assert time.monotonic() - began < LIMIT
    finally:
        running.stop()
