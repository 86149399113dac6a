"""The sandbox's passwords and tokens: made once, a file each, readable by their user only."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from sandbox.supervisor.directory import write_private


@dataclass(frozen=True)
class Credentials:
    """Credentials below one folder; they reach processes through files and environments, never on a command line."""

    folder: Path

    @property
    def admin_password_file(self) -> Path:
        """The password of Gitea's administrator, as a file."""
        self._made("gitea-admin-password")
        return self.folder / "gitea-admin-password"

    @property
    def webhook_secret(self) -> str:
        """What Gitea signs its deliveries with."""
        return self._made("webhook-secret")

    @property
    def gitea_token(self) -> str | None:
        """The functions' token, once it was minted or handed in."""
        return self._read("gitea-token")

    @property
    def argocd_token(self) -> str | None:
        """The read-only token for ArgoCD, once it was minted or handed in."""
        return self._read("argocd-token")

    def keep(self, name: str, value: str) -> None:
        """Write a token down under `name` (`gitea-token`, `argocd-token`)."""
        write_private(self.folder / name, value + "\n")

    def _made(self, name: str) -> str:
        value = self._read(name)
        if value is None:
            value = secrets.token_urlsafe(24)
            self.keep(name, value)
        return value

    def _read(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_text(encoding="utf-8").strip() or None
        except OSError:
            return None
