"""Where things lie in the data directory."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.gitea.store import Account, Repository


@dataclass(frozen=True)
class Tree:
    """The data directory: the database, the bare repositories, the hooks that Git runs, and short-lived files."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "gitea.db"

    @property
    def hooks(self) -> Path:
        """The hooks of every repository."""
        return self.root / "hooks"

    @property
    def temporary(self) -> Path:
        """Receipts of running pushes, and repositories on their way out; emptied at start."""
        return self.root / "tmp"

    @property
    def repositories(self) -> Path:
        """`<owner>/<name>.git`, in lower case as in Gitea."""
        return self.root / "repositories"

    def repository(self, owner: Account, repository: Repository) -> Path:
        """The bare repository."""
        return self.named(owner, repository.name)

    def named(self, owner: Account, name: str) -> Path:
        """The bare repository of that name."""
        return self.repositories / owner.name.lower() / f"{name.lower()}.git"
