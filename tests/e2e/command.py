"""`infraforge` on one data directory, as a process."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
DEPLOYMENTS = Path(__file__).resolve().parents[2] / "deployments"


@dataclass(frozen=True)
class Infraforge:
    """The command with `--data-dir`."""

    data_dir: Path

    def run(self, command: str, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run to the end, whatever the exit code."""
        line = self.line(command, *arguments)
        given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run(line, **given, capture_output=True, text=True, timeout=180, check=False)  # type: ignore[call-overload,no-any-return]  # one of two keywords

    def json(self, command: str, *arguments: str, stdin: str | None = None, code: int = 0) -> Any:
        """What the command prints with `--output json`; it must end with `code`."""
        done = self.run(command, "--output", "json", *arguments, stdin=stdin)
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def up(self, *options: str) -> Any:
        """The sandbox's object, once it is up."""
        return self.json("up", "--detach", *up_arguments(), *options)

    def foreground(self) -> "subprocess.Popen[str]":
        """`infraforge up` in the foreground, once it has printed that it is up."""
        line = self.line("up", "--output", "json", *up_arguments())
        child = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for text in child.stdout:
            if text.rstrip() == "}":
                return child
        raise AssertionError(f"it ended: {child.communicate()}")

    def line(self, command: str, *arguments: str) -> Sequence[str]:
        """The command line."""
        return [str(BIN / "infraforge"), *command.split(), "--data-dir", str(self.data_dir), *arguments]


def up_arguments() -> list[str]:
    """What makes the tests run against real parts."""
    return shlex.split(os.environ.get("INFRAFORGE_E2E_UP", ""))


def kubectl(
    described: Any, *arguments: str, stdin: str | None = None, patience: float = 60
) -> "subprocess.CompletedProcess[str]":
    """kubectl against the sandbox's cluster, with a home directory of its own for what it caches."""
    home = Path(described["dataDir"]) / "kubectl"
    environment = os.environ | {"KUBECONFIG": described["kubeconfig"], "HOME": str(home)}
    return subprocess.run(
        [str(BIN / "kubectl"), *arguments],
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
