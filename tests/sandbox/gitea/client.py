"""The git command, kept away from this machine's settings."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GitClient:
    """Runs git below one directory, as `Dev <dev@example.com>`."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        people = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _DEV.items()}
        isolated = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C", **isolated, **people}

    def try_run(self, *arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run, whatever comes of it."""
        return subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def run(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run, expect success, and return stdout."""
        done = self.try_run(*arguments, cwd=cwd)
        assert done.returncode == 0, f"git {arguments[0]}: {done.stderr}"
        return done.stdout.strip()

    def commit(self, where: Path, message: str, **files: str) -> str:
        """Commit these files (slashes in names written as `__`) and return the commit's identifier."""
        for name, text in files.items():
            path = where / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.run("add", "--all", cwd=where)
        self.run("commit", "--quiet", "--message", message, cwd=where)
        return self.run("rev-parse", "HEAD", cwd=where)


_DEV = {"NAME": "Dev", "EMAIL": "dev@example.com"}
