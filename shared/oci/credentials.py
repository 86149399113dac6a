"""Registry credentials from a `kubernetes.io/dockerconfigjson` Secret, each bound to one host.

Format: https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets. Entries for a path below a
host, with a wildcard, or with an `identitytoken` are left out with a warning: they cannot be bound to exactly one host,
or need a flow that is not built.
"""

import base64
import binascii
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from shared import secret
from shared.errors import RegistryUnavailable
from shared.oci.hosts import ALIASES, Authority

logger = logging.getLogger(__name__)

_MEND: Final = "mend the file that INFRAFORGE_REGISTRY_CREDENTIALS_FILE names"


class InvalidCredentials(ValueError):
    """The file is not what it should be. The message names the host at fault, and nothing secret."""


@dataclass(frozen=True)
class Login:
    """A user name and password, or a token in the password's place."""

    username: str
    password: SecretStr

    def basic(self) -> SecretStr:
        """The value of an Authorization header (RFC 7617)."""
        pair = f"{self.username}:{self.password.get_secret_value()}".encode()
        return SecretStr("Basic " + base64.b64encode(pair).decode("ascii"))


class Credentials:
    """Logins by host. A mirror's login is found under the mirror's own host, not under the registry that it mirrors."""

    def __init__(self, logins: Mapping[Authority, Login] | None = None) -> None:
        self._logins = dict(logins or {})

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(map(str, self._logins)))})"

    def login(self, host: Authority) -> Login | None:
        """The login to show to `host` and to nobody else."""
        return self._logins.get(host)

    @classmethod
    def from_docker_config(cls, config: Mapping[str, Any]) -> "Credentials":
        """From the object `{"auths": {host: {"auth": base64 of user:password} | {"username", "password"}}}`.

        Raises `InvalidCredentials`, naming the host at fault.
        """
        auths = config.get("auths", {})
        if not isinstance(auths, Mapping):
            raise InvalidCredentials("registry credentials: auths is not a map of hosts")
        logins = {}
        for key, entry in auths.items():
            host = _host(key)
            login = _login(key, entry)
            if host is None or login is None:
                logger.warning("registry credentials for %r are not used: not a plain host with a password", key)
            else:
                logins[host] = login
        return cls(logins)

    @classmethod
    def from_text(cls, text: bytes, path: Path) -> "Credentials":
        """From what was read at `path`, such as a mounted Secret's `.dockerconfigjson`. Raises `InvalidCredentials`."""
        try:
            config = json.loads(text)
        except (ValueError, RecursionError):
            # Not chained: the decoder's error carries the document.
            raise InvalidCredentials(f"registry credentials: {path} is not JSON") from None
        if not isinstance(config, Mapping):
            raise InvalidCredentials(f"registry credentials: {path} is not an object with auths")
        return cls.from_docker_config(config)


class CredentialsFile(Credentials):
    """The logins of a file that may change while we run: read whenever one is asked for, some 10 µs."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._read: tuple[bytes, Credentials] | None = None

    def __repr__(self) -> str:
        return f"CredentialsFile({str(self._path)!r})"

    def login(self, host: Authority) -> Login | None:
        """The login to show to `host` now. Raises `RegistryUnavailable` when the file is not what it should be."""
        try:
            text = secret.content(self._path)
            known = self._read  # one look: other threads write it too
            if known is None or known[0] != text:
                known = self._read = text, Credentials.from_text(text, self._path)
        except OSError as error:
            how = f"cannot be read ({error.strerror or type(error).__name__})"
            raise RegistryUnavailable(
                f"registry credentials: {self._path} {how}: {_MEND}", reason=secret.UNREADABLE
            ) from error
        except InvalidCredentials as error:
            raise RegistryUnavailable(f"{error}: {_MEND}", reason=secret.UNREADABLE) from None
        return known[1].login(host)


def _host(key: str) -> Authority | None:
    """The host that an `auths` key names: `ghcr.io`, `https://ghcr.io`, `https://index.docker.io/v1/`."""
    text = key.removeprefix("https://").removeprefix("http://")
    host, _, path = text.partition("/")
    if path.strip("/") not in ("", "v1", "v2"):
        return None
    host = "docker.io" if host == "index.docker.io" else host
    try:
        return Authority.parse(ALIASES.get(host, host))
    except ValueError:
        return None


def _login(key: str, entry: object) -> Login | None:
    if not isinstance(entry, Mapping):
        raise InvalidCredentials(f"registry credentials: the entry of {key!r} is not a map")
    username, password = entry.get("username"), entry.get("password")
    if isinstance(entry.get("auth"), str) and entry["auth"]:
        try:
            pair = base64.b64decode(entry["auth"], validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise InvalidCredentials(f"registry credentials: auth of {key!r} is not base64 of user:password") from None
        username, _, password = pair.partition(":")
    if not isinstance(username, str) or not isinstance(password, str) or not password or "\0" in password:
        return None
    return Login(username, SecretStr(password))
