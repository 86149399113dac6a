"""The file that accounts, tokens' hashes and webhooks' secrets are in."""

import stat
from pathlib import Path

from sandbox.gitea.store import Account, Store


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    """Nor what SQLite keeps beside it; a file that was open to others is closed to them."""
    (tmp_path / "gitea.db").touch(mode=0o644)
    store = Store(tmp_path / "gitea.db")
    store.accounts.put(Account(store.accounts.next_id(), "a", "user"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"gitea.db": 0o600, "gitea.db-wal": 0o600, "gitea.db-shm": 0o600}
    store.close()
