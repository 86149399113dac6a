"""Git as a subprocess: one command, its output, and the environment that keeps the machine's own settings out."""

import asyncio
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ZERO = "0" * 40

# What Gitea writes into its own git configuration; repacking is left to the person who runs the sandbox.
_CONFIGURATION = {
    "core.quotePath": "false",
    "gc.auto": "0",
    "http.receivepack": "true",
    "receive.advertisePushOptions": "true",
    "receive.autogc": "false",
    "transfer.hideRefs": "refs/sandbox",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
}


class GitFailed(Exception):
    """A git command ended with another code than 0; the text is what it wrote to stderr."""


@dataclass(frozen=True)
class Git:
    """Runs git; `hooks` is the directory with the hooks of every repository."""

    hooks: Path
    http_backend: Path
    limit: asyncio.Semaphore

    @classmethod
    def find(cls, hooks: Path, *, concurrency: int = 32) -> "Git":
        """Ask the installed git where `http-backend` is."""
        where = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, text=True).stdout.strip()
        return cls(hooks, Path(where) / "git-http-backend", asyncio.Semaphore(concurrency))

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The whole environment of a git process."""
        settings = {**_CONFIGURATION, "core.hooksPath": str(self.hooks)}
        numbered = {f"GIT_CONFIG_KEY_{i}": key for i, key in enumerate(settings)}
        numbered |= {f"GIT_CONFIG_VALUE_{i}": value for i, value in enumerate(settings.values())}
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "HOME": str(self.hooks),
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": str(len(settings)),
            **numbered,
            **(extra or {}),
        }

    async def run(self, repository: Path, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run one command in a bare repository and return its stdout; raises `GitFailed`."""
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=repository,
            env=self.environment({"GIT_DIR": str(repository)}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        stdout, stderr = await process.communicate(stdin)
        if process.returncode:
            raise GitFailed(stderr.decode(errors="replace").strip())
        return stdout

    async def text(self, repository: Path, *arguments: str) -> str:
        """As `run`, decoded and without the last newline."""
        return (await self.run(repository, *arguments)).decode(errors="replace").rstrip("\n")

    async def resolve(self, repository: Path, revision: str, kind: str = "commit") -> str | None:
        """The identifier of the object that `revision` names (a branch before a tag, as in Gitea), or None."""
        names = [f"refs/heads/{revision}", f"refs/tags/{revision}"]
        if revision.startswith("refs/") or re.fullmatch(r"[0-9a-f]{4,40}", revision):
            names.append(revision)
        for name in names:
            try:
                return await self.text(repository, "rev-parse", "--verify", "--quiet", f"{name}^{{{kind}}}")
            except GitFailed:
                continue
        return None


def has_branches(repository: Path) -> bool:
    """Whether a bare repository holds any branch, without a git process."""
    if any(path.suffix != ".lock" and path.is_file() for path in (repository / "refs" / "heads").rglob("*")):
        return True
    packed = repository / "packed-refs"
    return packed.is_file() and b" refs/heads/" in packed.read_bytes()
