"""The running stand-in: its parts, handed to every endpoint."""

import asyncio
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox.gitea.auth import hash_password
from sandbox.gitea.delivery import Deliveries
from sandbox.gitea.githooks import install
from sandbox.gitea.payloads import Payloads
from sandbox.gitea.plumbing import Git
from sandbox.gitea.store import Account, Repository, Store
from sandbox.gitea.tree import Tree


@dataclass(frozen=True)
class Forge:
    """Everything that an endpoint needs; `push_delay` is in seconds."""

    store: Store
    tree: Tree
    git: Git
    payloads: Payloads
    deliveries: Deliveries
    push_delay: float
    _locks: dict[int, asyncio.Lock] = field(default_factory=dict)

    @classmethod
    def open(
        cls, data_dir: Path, root_url: str, *, push_delay: float, webhook_delay: float, webhook_hosts: str
    ) -> "Forge":
        """Open, or make, a data directory."""
        tree = Tree(data_dir.resolve())
        shutil.rmtree(tree.temporary, ignore_errors=True)
        for directory in (tree.repositories, tree.temporary, tree.hooks):
            directory.mkdir(parents=True, exist_ok=True)
        install(tree.hooks)
        store = Store(tree.database)
        git = Git.find(tree.hooks)
        payloads = Payloads(store, tree, root_url.rstrip("/"))
        deliveries = Deliveries(store, delay=webhook_delay, hosts=webhook_hosts)
        return cls(store, tree, git, payloads, deliveries, push_delay)

    def path(self, repository: Repository) -> Path:
        """The bare repository on disk."""
        return self.tree.repository(self.store.owner(repository), repository)

    def writing(self, repository: Repository) -> asyncio.Lock:
        """Held while the contents API moves a branch of the repository; pushes are kept apart by Git itself."""
        return self._locks.setdefault(repository.id, asyncio.Lock())

    def ensure_administrator(self, name: str, password: str) -> Account:
        """Make the site administrator, or give the one that is there this password."""
        found = self.store.account(name)
        if found is None:
            found = Account(self.store.accounts.next_id(), name, "user", email=f"{name}@example.com")
        return self.store.accounts.put(replace(found, password=hash_password(password), is_admin=True))
