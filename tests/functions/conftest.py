"""What the functions' tests are given: a Gitea stand-in, a platform of their own on it, and the seed's claims."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functions.gitea import GiteaServer, serving
from tests.functions.office import Office
from tests.functions.platform import Platform, example
from tests.functions.setup_job import Job


@pytest.fixture(scope="session")
def gitea_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GiteaServer]:
    """One for all tests: each has an organization of its own there."""
    with serving(tmp_path_factory.mktemp("gitea")) as server:
        yield server


@pytest.fixture
def platform(gitea_server: GiteaServer, tmp_path: Path) -> Iterator[Platform]:
    """A platform of its own for one test."""
    platform = Platform(gitea_server, tmp_path)
    yield platform
    platform.gitea.close()


@pytest.fixture
def there(platform: Platform) -> Platform:
    """A platform that is bootstrapped."""
    platform.bootstrap()
    return platform


@pytest.fixture
def apps() -> dict[str, Any]:
    """The seed's ApplicationClaim."""
    return example("dev/dev-apps-claim.yaml")


@pytest.fixture
def bound() -> dict[str, Any]:
    """The seed's ApplicationClaim, its first application bound to the database."""
    document = example("dev/dev-apps-claim.yaml")
    document["spec"]["applications"][0]["bindings"] = ["postgres"]
    return document


@pytest.fixture
def services() -> dict[str, Any]:
    """The seed's PlatformClaim."""
    return example("dev/dev-platform-claim.yaml")


@pytest.fixture
def job(gitea_server: GiteaServer) -> Job:
    """An installation where nothing is there yet."""
    return Job(gitea_server)


@pytest.fixture
def office() -> Office:
    """The dead letters' function, with none yet."""
    return Office()
