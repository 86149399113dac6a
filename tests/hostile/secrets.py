"""The secrets of a sandbox in every form that they could show in, and the places to look."""

import base64
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

Found = set[tuple[str, str]]
"""Name of the secret, and where it was seen."""


class Canaries:
    """The secrets of a sandbox by name. What is looked through is bytes, since logs and databases are."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.forms = {name: tuple(_forms(secret)) for name, secret in secrets.items()}

    def seen_in(self, content: bytes, where: str) -> Found:
        """Which of them are in `content`, as they are or in base64 within anything (basic authentication)."""
        return {(name, where) for name, forms in self.forms.items() if any(form in content for form in forms)}


def _forms(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield quote(secret, safe="").encode()
    for before in range(3):  # base64 of `user:secret` depends on the length of `user` modulo three
        encoded = base64.b64encode(b"\0" * before + secret.encode())
        middle = encoded[4 if before else 0 : len(encoded) - 4]
        yield middle
        yield middle.translate(bytes.maketrans(b"+/", b"-_"))


def files(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below `root`, as it lies there."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def repositories(root: Path) -> list[Path]:
    """Every Git repository below `root`, bare or not."""
    return sorted(path.parent for path in root.rglob("HEAD") if (path.parent / "objects").is_dir())


def git_objects(repository: Path) -> bytes:
    """Every object of a repository, unpacked: blobs, trees, commits and tags, whatever still refers to them."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch", "--unordered"]
    return subprocess.run(command, env={"GIT_DIR": str(repository), "PATH": "/usr/bin:/bin:/usr/local/bin"},
                          capture_output=True, check=True).stdout  # fmt: skip


class CommandLines:
    """What `ps` would show of every process that lived while this looked."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.samples = 0
        self._over = threading.Event()

    @contextmanager
    def watched(self) -> Iterator["CommandLines"]:
        """Look for as long as the block lasts."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.002):
            self.samples += 1
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(process.read_bytes())
                except OSError:  # it ended in between
                    continue

    def of(self, word: bytes) -> int:
        """How many different command lines hold `word`."""
        return sum(word in line for line in self.seen)
