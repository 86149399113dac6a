"""A repository in Gitea, read as anybody would: with `git clone`."""

import base64
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_TIMEOUT: Final = 60
_HASH: Final = re.compile(r"[0-9a-f]{4,64}")
_LINE: Final = "%H%x00%(trailers:key=Claim,valueonly=true,separator=%x2C)%x00%an <%ae>"


@dataclass(frozen=True)
class Change:
    """A commit: whose it is by its trailer (`KIND/NAMESPACE/NAME`, empty for a person's), and its author."""

    sha: str
    claim: str
    author: str


@dataclass(frozen=True)
class Clone:
    """A bare clone; `token` travels in a header that no process list shows, and is written nowhere."""

    folder: str
    token: str

    @classmethod
    @contextmanager
    def of(cls, url: str, token: str) -> "Iterator[Clone | None]":
        """A clone of `url` while the block runs; None when there is nothing to clone."""
        with tempfile.TemporaryDirectory() as folder:
            done = _git(["clone", "--quiet", "--bare", "--end-of-options", url, folder], token)
            yield None if done is None else cls(folder, token)

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes | None:
        """What git printed, or None when it failed."""
        return _git(["-C", self.folder, *arguments], self.token, stdin)

    def resolve(self, revision: str) -> str | None:
        """The full hash of `main` or of a commit's hash or its beginning; fetched when no branch holds it any more."""
        if revision != "main" and not _HASH.fullmatch(revision):
            return None
        wanted = ("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        found = self.run(*wanted)
        if found is None and self.run("fetch", "--quiet", "origin", revision) is not None:
            found = self.run(*wanted)
        return found.decode().strip() if found else None

    def changes(self, revision: str, paths: Sequence[str]) -> Iterator[Change]:
        """`revision` and what came before it, as far as it touched `paths`; the newest first."""
        listed = self.run("log", f"--format={_LINE}", revision, "--", *paths) or b""
        for line in listed.decode(errors="replace").splitlines():
            sha, claim, author = line.split("\0")
            yield Change(sha, claim, author)

    def author(self, revision: str) -> str:
        """Name and address of a commit's author."""
        return (self.run("log", "-1", "--format=%an <%ae>", revision) or b"").decode(errors="replace").strip()

    def files(self, revision: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Every file at or below `paths` in a commit, with its content."""
        listed = self.run("ls-tree", "-r", "-z", revision, "--", *paths) or b""
        entries = [line.partition(b"\t") for line in listed.split(b"\0") if line]
        blobs = [(head.split()[2], name.decode(errors="replace")) for head, _, name in entries if b" blob " in head]
        stream = self.run("cat-file", "--batch", stdin=b"".join(blob + b"\n" for blob, _ in blobs)) or b""
        return dict(zip((name for _, name in blobs), _contents(stream), strict=True))


def _contents(stream: bytes) -> Iterator[bytes]:
    """The objects in what `cat-file --batch` prints: `hash type size`, newline, content, newline."""
    at = 0
    while at < len(stream):
        end = stream.index(b"\n", at)
        size = int(stream[at:end].split()[2])
        yield stream[end + 1 : end + 1 + size]
        at = end + 1 + size + 1


def _git(arguments: list[str], token: str, stdin: bytes = b"") -> bytes | None:
    header = base64.b64encode(f"token:{token}".encode()).decode()
    environment = os.environ | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {header}",
        "GIT_CONFIG_KEY_1": "http.followRedirects",  # the header would go along to another host
        "GIT_CONFIG_VALUE_1": "false",
        "NO_PROXY": "*",
    }
    try:
        done = subprocess.run(
            ["git", *arguments], env=environment, input=stdin, capture_output=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
