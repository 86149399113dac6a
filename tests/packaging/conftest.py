"""The production environment, made once for all tests that need it."""

from pathlib import Path

import pytest

from tests.packaging import production


@pytest.fixture(scope="session")
def production_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that has what the images have."""
    return production.environment(tmp_path_factory.mktemp("production"))
