"""Makes the functions' credentials: `python -m functions.bootstrap.setup`, the chart's Job before install and upgrade.

With the password of one of Gitea's administrators it sees that the functions' own user is there, that the Secrets hold
a token of that user which works and may do what is needed, for the functions to write and for ArgoCD to read, and a
random secret for Gitea's webhook. A second run changes nothing. A token that no longer works, or may too little, and a
raised INFRAFORGE_TOKEN_GENERATION mint anew. The one before stays valid until the next time, for the kubelets take up
to a minute and a half to bring the new one to the functions; older ones are revoked. What a person put into a Secret,
and works, stays.

It can be killed anywhere and simply run again. A token whose answer was lost can never be read again: names are used
once, they carry the Secret's uid so that other clusters' tokens are told apart, and what is left over is revoked.

Requests: in Gitea those of `setup_gitea`; in Kubernetes `get`, `create` and `patch` of the named Secrets in the system
namespace (`create` cannot be kept to names), and nothing else. It prints no credential, and ends with 1 when it failed.
"""

import functools
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from functions.bootstrap.setup_gitea import Administrator, Listed
from functions.bootstrap.setup_secrets import GENERATION, PREVIOUS, TOKEN, Stored, Vault
from functions.bootstrap.setup_settings import SetupSettings
from shared.errors import GiteaUnavailable, InfraForgeError, KubeConflict, PermanentError
from shared.kube import Kube, connect
from shared.secret import content
from shared.wording import counted

FUNCTIONS: Final = ("write:organization", "write:repository", "read:user")
READER: Final = ("read:repository",)
ATTEMPTS: Final = 3
POLL_SECONDS: Final = 2.0
REMIND_SECONDS: Final = 15.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Clock:
    """Time as a process has it."""

    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


class Setup:
    """One run. `say` gets a line for each thing that was done or found."""

    def __init__(
        self, settings: SetupSettings, gitea: Administrator, kube: Kube, *, say: Say, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._gitea = gitea
        self._kube = kube
        self._say = say
        self._clock = clock or Clock()

    def run(self) -> None:
        """Do all of it. Raises `InfraForgeError`."""
        settings = self._settings
        self._wait()
        if settings.gitea_secret_name or settings.argocd_secret_name:
            made = self._gitea.ensure_user(settings.gitea_user, settings.author_email)
            self._say(f'user "{settings.gitea_user}": {"made" if made else "there"}')
        for name, role, scopes in (
            (settings.gitea_secret_name, "functions", FUNCTIONS),
            (settings.argocd_secret_name, "argocd", READER),
        ):
            if name:
                vault = Vault(self._kube, settings.system_namespace, name, "token")
                self._insist(functools.partial(self._token, vault, role, scopes))
        if settings.webhook_secret_name:
            vault = Vault(self._kube, settings.system_namespace, settings.webhook_secret_name, "secret")
            self._insist(functools.partial(self._webhook, vault))
        if settings.gitea_organization:
            self._look_at(settings.gitea_organization)

    def _wait(self) -> None:
        """Until Gitea answers, or patience is at its end."""
        clock, endpoint = self._clock, self._settings.gitea_endpoint
        begun = clock.now()
        told: tuple[str, float] | None = None
        while True:
            try:
                self._gitea.greet()
            except GiteaUnavailable as error:
                waited = clock.now() - begun
                if waited >= self._settings.patience:
                    raise GiteaUnavailable(
                        f"{error}; given up after {waited:.0f} s: see that Gitea runs, that this is its "
                        "address from within the cluster (INFRAFORGE_GITEA_ENDPOINT; the chart's "
                        "settings.giteaEndpoint and settings.giteaUrl), and that no NetworkPolicy is between"
                    ) from error
                if told is None or told[0] != str(error) or waited - told[1] >= REMIND_SECONDS:
                    self._say(f"waiting for Gitea ({waited:.0f} s): {error}")
                    told = str(error), waited
                clock.pause(POLL_SECONDS)
            else:
                self._say(f"Gitea at {endpoint} knows its administrator")
                return

    def _insist(self, step: Callable[[], None]) -> None:
        """Start over when somebody else wrote the Secret meanwhile."""
        for _ in range(1, ATTEMPTS):
            try:
                return step()
            except KubeConflict as error:
                self._say(f"starting over: {error}")
        return step()

    def _token(self, vault: Vault, role: str, scopes: Sequence[str]) -> None:
        user = self._settings.gitea_user
        stored = vault.read()
        prefix = f"infraforge-{role}-{stored.uid.replace('-', '')[:10]}-"
        listed = [one for one in self._gitea.tokens(user) if one.name.startswith(prefix)]
        current = next((one for one in listed if stored.value and one.is_of(stored.value)), None)
        lack = self._lack(stored, current, scopes)
        if lack is None:
            self._say(f"{vault}: {'the token works' if current else 'a token of yours works, and is left alone'}")
            self._revoke(listed, {stored.token, stored.previous, current.name if current else None})
            return
        name = f"{prefix}g{self._settings.token_generation}-{secrets.token_hex(4)}"
        token = self._gitea.mint(user, name, scopes)
        if not self._gitea.works(token, scopes):
            raise PermanentError(
                f'{vault}: a token just made for "{user}" does not work: see in Gitea that this user is active and may '
                "sign in, or name another one in INFRAFORGE_GITEA_USER (the chart's setup.giteaUser)"
            )
        previous = current.name if current else None
        vault.write(stored, token, {GENERATION: self._generation, TOKEN: name, PREVIOUS: previous})
        self._say(f"{vault}: a new token, {name}, since {lack}")
        self._revoke(listed, {name, previous})

    def _lack(self, stored: Stored, current: Listed | None, scopes: Sequence[str]) -> str | None:
        """Why the Secret needs a new token; None when it does not."""
        if stored.value is None:
            return "there was none"
        if not self._gitea.works(stored.value, scopes):
            return "the one that was there does not work"
        if current is None:
            return None
        if not current.covers(scopes):
            return f"the one that was there may not do all of {', '.join(scopes)}"
        return self._outdated(stored)

    def _outdated(self, stored: Stored) -> str | None:
        wanted = self._settings.token_generation
        if stored.generation is None or stored.generation >= wanted:
            return None
        return f"generation {wanted} is wanted and it was of {stored.generation}"

    def _revoke(self, listed: Sequence[Listed], kept: set[str | None]) -> None:
        old = [one.name for one in listed if one.name not in kept]
        for name in old:
            self._gitea.delete_token(self._settings.gitea_user, name)
        if old:
            self._say(f"{counted(len(old), 'token')} of before revoked: {', '.join(old)}")

    def _webhook(self, vault: Vault) -> None:
        stored = vault.read()
        lack = "there was none" if stored.value is None else self._outdated(stored)
        if lack is None:
            self._say(f"{vault}: there")
            return
        vault.write(stored, SecretStr(secrets.token_urlsafe(32)), {GENERATION: self._generation})
        self._say(f"{vault}: a new one, since {lack}")

    def _look_at(self, organization: str) -> None:
        """Say what a person has to do about an organization that is another's."""
        user = self._settings.gitea_user
        if self._gitea.owns(user, organization) is False:
            self._say(
                f'the organization "{organization}" is there and "{user}" is none of its owners: add that user to its '
                f"team Owners ({self._settings.gitea_url}/org/{organization}/teams/owners), or name another "
                "organization in the BootstrapClaim, which is made then"
            )

    @property
    def _generation(self) -> str:
        return str(self._settings.token_generation)


def login(folder: Path) -> tuple[str, SecretStr]:
    """The administrator's user name and password. Raises `PermanentError` that names the file."""
    found = []
    for name in ("username", "password"):
        try:
            text = content(folder / name).decode().strip("\r\n")
        except (OSError, UnicodeDecodeError):
            text = ""
        if not text:
            raise PermanentError(
                f"{folder / name} holds nothing that can be read: the Secret of Gitea's administrator (the chart's "
                f"setup.adminSecret) needs the key {name}"
            )
        found.append(text)
    return found[0], SecretStr(found[1])


def main() -> int:
    """Run once with the settings of this process; 0 when all is there."""

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        settings = SetupSettings.from_environment()
        kube = connect(settings.kubeconfig, timeout=settings.timeout)
        gitea = Administrator(
            settings.gitea_endpoint,
            *login(settings.admin_dir),
            timeout=settings.timeout,
            authorities=settings.gitea_ca_file,
        )
        Setup(settings, gitea, kube, say=say).run()
    except InfraForgeError as error:
        print(f"setup failed ({error.reason}): {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
