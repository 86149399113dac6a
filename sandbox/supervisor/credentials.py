"""The sandbox's passwords and tokens: made once, a file each, readable by their user only."""

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.supervisor.directory import write_private

OF_FUNCTIONS: Final = "gitea-token"
OF_ARGOCD: Final = "argocd-token"

_ADMINISTRATOR: Final = "gitea-admin-password"
_BOT: Final = "gitea-bot-password"
_HOOK: Final = "webhook-secret"


@dataclass(frozen=True)
class Credentials:
    """Credentials below one folder; they reach processes through files and environments, never on a command line.

    `services` is where the Secrets of the Knative Services are mounted: what is there by now counts.
    """

    folder: Path
    services: Path

    def ensure(self) -> None:
        """Make up what is ours to make up, once: passwords of Gitea's users and the webhook's secret."""
        for name in (_ADMINISTRATOR, _BOT, _HOOK):
            if self._read(name) is None:
                self.keep(name, secrets.token_urlsafe(24))

    @property
    def admin_password_file(self) -> Path:
        """Where the password of Gitea's administrator is."""
        return self.folder / _ADMINISTRATOR

    @property
    def admin_password(self) -> str | None:
        """The password of Gitea's administrator, who is the person at this machine."""
        return self._read(_ADMINISTRATOR)

    @property
    def bot_password(self) -> str | None:
        """The password of the user that the functions are in Gitea."""
        return self._read(_BOT)

    @property
    def webhook_secret(self) -> str | None:
        """What Gitea signs its deliveries with, if it was made up here."""
        return self._read(_HOOK)

    @property
    def gitea_token(self) -> str | None:
        """The functions' token, once it was minted or handed in."""
        return self._mounted("gitea") or self._read(OF_FUNCTIONS)

    @property
    def argocd_token(self) -> str | None:
        """The read-only token for ArgoCD, once it was minted or handed in."""
        return self._mounted("argocd") or self._read(OF_ARGOCD)

    @property
    def has_given_token(self) -> bool:
        """Whether somebody handed the functions' token in, or it was minted without a cluster of ours."""
        return self._read(OF_FUNCTIONS) is not None

    @property
    def given(self) -> dict[str, dict[str, str]]:
        """What is here itself, as the Secrets of an installation hold it: Secret → key → value."""
        held = {
            "infraforge-gitea": ("token", self._read(OF_FUNCTIONS)),
            "infraforge-argocd": ("token", self._read(OF_ARGOCD)),
            "infraforge-webhook": ("secret", self._read(_HOOK)),
        }
        return {name: {key: value} for name, (key, value) in held.items() if value}

    def keep(self, name: str, value: str) -> None:
        """Write a token down under its name, OF_FUNCTIONS or OF_ARGOCD."""
        write_private(self.folder / name, value + "\n")

    def forget_tokens(self) -> None:
        """Forget the tokens: they belong to one Gitea, and are never shown to another."""
        for name in (OF_FUNCTIONS, OF_ARGOCD):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.services, ignore_errors=True)

    def _mounted(self, volume: str) -> str | None:
        return _content(self.services / "infraforge-bootstrap" / "volumes" / volume / "token")

    def _read(self, name: str) -> str | None:
        return _content(self.folder / name)


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
