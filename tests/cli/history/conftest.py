"""What the tests of history, rollback and restore share."""

from pathlib import Path

import pytest

from tests.cli.history.repository import Clone


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """An empty repository."""
    folder = tmp_path / "voltran"
    folder.mkdir()
    return Clone(folder)
