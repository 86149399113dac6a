"""What the tests with real servers share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.argocd.running import Servers, World, world
from tests.sandbox.timeline.forge import Forge, Server


@pytest.fixture(scope="package")
def servers() -> Iterator[Servers]:
    made = Servers()
    yield made
    made.close()


@pytest.fixture(scope="package")
def forges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("forges")) as server:
        yield server


@pytest.fixture
def forge(forges: Server, request: pytest.FixtureRequest) -> Forge:
    """A forge of the test's own."""
    return forges.forge(f"forge-{abs(hash(request.node.nodeid))}")


@pytest.fixture
def here(servers: Servers, forge: Forge, tmp_path: Path) -> Iterator[World]:
    """A world of the test's own."""
    with world(servers, tmp_path / "world", forge) as made:
        yield made
