"""The sandboxes that the end-to-end tests share."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import claims
from tests.e2e.box import SELDOM, Box
from tests.e2e.command import DEPLOYMENTS, Infraforge


@pytest.fixture(scope="session")
def infraforge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infraforge]:
    """The command for the shared sandbox, which is stopped in the end whatever happened."""
    command = Infraforge(tmp_path_factory.mktemp("sandbox"))
    yield command
    command.run("down")


@pytest.fixture(scope="session")
def sandbox(infraforge: Infraforge) -> Any:
    """The shared sandbox's object (see `infraforge status --output json`)."""
    return infraforge.up()


@pytest.fixture(scope="session")
def platform(infraforge: Infraforge, sandbox: Any) -> Any:
    """The shared sandbox with the example claims, all of them Ready."""
    applied = infraforge.json("apply", "-f", str(DEPLOYMENTS), "--wait")
    assert not [one for one in applied["applied"] if not one["ready"]], applied
    return sandbox


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A sandbox of the module's own with the example platform, all of it in Git."""
    yield from _with_examples(Box(Infraforge(tmp_path_factory.mktemp("box"))))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """The same, with an ArgoCD that deploys what is in Git."""
    yield from _with_examples(Box(Infraforge(tmp_path_factory.mktemp("running")), options=SELDOM))


def _with_examples(made: Box) -> Iterator[Box]:
    try:
        made.up()
        made.apply(*claims.examples())
        made.wait_true()
        yield made
    finally:
        made.down()
