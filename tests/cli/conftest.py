"""Running `infraforge` as a person would: as a process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Infraforge = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def infraforge(tmp_path: Path) -> Infraforge:
    """The command, with a state directory of its own, so that no sandbox of the developer's is touched."""
    command = Path(sys.executable).with_name("infraforge")

    def run(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state"), "COLUMNS": "200"}
        return subprocess.run(
            [str(command), *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
