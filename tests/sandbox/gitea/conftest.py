"""Fixtures: a server of its own, a receiver, a git client that knows nothing of this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.gitea.client import GitClient
from tests.sandbox.gitea.server import Receiver, Server, receiving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("gitea"), "--webhook-delay", "0") as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def git(tmp_path: Path) -> GitClient:
    return GitClient(tmp_path)
