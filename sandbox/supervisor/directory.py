"""The one directory in which a sandbox keeps everything."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.supervisor.errors import DirectoryRefused

MARK: Final = "sandbox.json"
PRIVATE: Final = 0o700


def default_root() -> Path:
    """`$XDG_STATE_HOME/infraforge`, by default `~/.local/state/infraforge`."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "infraforge"


@dataclass(frozen=True)
class DataDirectory:
    """Paths below one root, which only its user may enter (tokens and passwords lie in it)."""

    root: Path

    @property
    def record(self) -> Path:
        """The sandbox's ports and options; its presence marks the directory as a sandbox's."""
        return self.root / MARK

    @property
    def credentials(self) -> Path:
        """Tokens and passwords, a file each."""
        return self.root / "credentials"

    @property
    def configuration(self) -> Path:
        """Files written for the components at each start."""
        return self.root / "config"

    @property
    def exists(self) -> bool:
        """Whether a sandbox lives here, running or not."""
        return self.record.is_file()

    def component(self, name: str) -> Path:
        """Where a component keeps its own state."""
        return self.root / name

    def log(self, name: str) -> Path:
        """A component's log."""
        return self.root / "logs" / f"{name}.log"

    def pid(self, name: str) -> Path:
        """A component's pid file."""
        return self.root / "run" / f"{name}.json"

    def revision(self, name: str) -> Path:
        """Which revision of a Knative Service its process was made from."""
        return self.root / "run" / f"{name}.revision"

    def create(self) -> None:
        """Make the directory, or adopt an empty one; `DirectoryRefused` for one that is used for something else."""
        try:
            self.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            if not self.exists and any(child.name != "lock" for child in self.root.iterdir()):
                raise DirectoryRefused(f"{self.root} is not empty and holds no sandbox: name another --data-dir")
            self.root.chmod(PRIVATE)
            self.record.touch(mode=0o600)
            for part in (self.credentials, self.configuration, self.root / "logs", self.root / "run"):
                part.mkdir(mode=PRIVATE, exist_ok=True)
        except OSError as error:
            raise DirectoryRefused(f"{self.root} cannot be used: {error.strerror}: name another --data-dir") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from starting or stopping this sandbox meanwhile; the lock dies with its process."""
        with (self.root / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def delete(self) -> None:
        """Remove the sandbox's state for good; a directory that holds no sandbox is left alone."""
        if self.exists:
            shutil.rmtree(self.root)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its user only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    temporary.replace(path)
