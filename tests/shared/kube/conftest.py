"""A client of a server whose answers the test prepares."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.kube import Kube
from tests.shared.kube.server import Answers, client, serving


@pytest.fixture
def answers() -> Answers:
    """What the server will say."""
    return Answers()


@pytest.fixture
def kube(answers: Answers, tmp_path: Path) -> Iterator[Kube]:
    """A client of the server."""
    with serving(answers) as url:
        yield client(tmp_path, url)
