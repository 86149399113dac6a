"""A server with the repository `infraforge/voltran`, and repositories that look at it through caches."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.git import Author, Remote, Repository, Writer

from .backend import Backend

TOKEN = "canary-5f1c0b9d27e64a83"
NAME = "infraforge/voltran"
Opener = Callable[..., Repository]


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    """An empty `infraforge/voltran` on a running server."""
    root = tmp_path / "server"
    root.mkdir()
    with Backend(root, TOKEN) as running:
        running.create(NAME)
        yield running


@pytest.fixture
def opened(backend: Backend, tmp_path: Path) -> Opener:
    """`opened("a")`: the repository seen through the cache `a`, with a clock that stands still."""

    def build(cache: str = "cache", *, name: str = NAME, token: str = TOKEN, timeout: float = 20) -> Repository:
        return Repository(
            tmp_path / "caches" / cache,
            Remote(backend.url(name)),
            token=lambda: SecretStr(token),
            author=Author("InfraForge", "infraforge@example.com"),
            timeout=timeout,
            clock=lambda: datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        )

    return build


class Steps(list[str]):
    """What a writer tells."""


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def writer(opened: Opener, pauses: list[float], steps: Steps) -> Writer:
    """Batches are made by the tests, so nobody is waited for."""
    return Writer(opened(), gather=0, pause=pauses.append, on_step=steps.append)
