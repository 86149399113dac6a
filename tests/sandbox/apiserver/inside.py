"""The server inside this process, for tests that look at what it holds."""

from pathlib import Path

from starlette.applications import Starlette

from sandbox.apiserver.__main__ import ADMIN
from sandbox.apiserver.access.control import Access
from sandbox.apiserver.access.tokens import Tokens
from sandbox.apiserver.app import create_app
from sandbox.apiserver.cluster import Cluster


def application(cluster: Cluster, token: str, folder: Path) -> Starlette:
    """The server of `cluster`; `token` is its administrator's, `folder` is where it may write."""
    tokens = Tokens(folder / "service-accounts.key", "https://localhost", cluster.storage)
    access = Access(cluster.storage, {token: ADMIN}, tokens)
    return create_app(cluster, access, pod_logs=folder / "pod-logs")
