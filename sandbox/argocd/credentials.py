"""Which Secret gives the login for a repository (`argocd.argoproj.io/secret-type: repository | repo-creds`)."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sandbox.argocd.api import Json

SECRET_TYPE: Final = "argocd.argoproj.io/secret-type"  # noqa: S105 - a label's name
REPOSITORY: Final = "repository"
REPOSITORY_PREFIX: Final = "repo-creds"


@dataclass(frozen=True)
class Login:
    """User name and password, which no message shows."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The Authorization header's value."""
        both = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(both).decode()}"


def login(secrets: Iterable[Json], url: str) -> Login | None:
    """The login for a repository: of the Secret that names it, else of the longest prefix; None when there is none."""
    exact: dict[str, str] | None = None
    prefixes = []
    for secret in secrets:
        kind = (secret["metadata"].get("labels") or {}).get(SECRET_TYPE)
        data = _decoded(secret)
        prefix = data.get("url", "")
        if kind == REPOSITORY and _normal(prefix) == _normal(url):
            exact = data
        elif kind == REPOSITORY_PREFIX and prefix and _normal(url).startswith(_normal(prefix)):
            prefixes.append(data)
    longest = max(prefixes, key=lambda data: len(data["url"]), default=None)
    for found in (exact, longest):  # a Secret for the repository without a login of its own takes the prefix's
        if found and found.get("password"):
            return Login(found.get("username", ""), found["password"])
    return None


def _decoded(secret: Json) -> dict[str, str]:
    found = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            found[key] = base64.b64decode(value).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found


def _normal(url: str) -> str:
    """The address as ArgoCD compares it (util/git: NormalizeGitURL), as far as http and registries go."""
    return url.strip().lower().removesuffix("/").removesuffix(".git").removeprefix("oci://")
