"""The token flow (distribution.github.io/distribution/spec/auth/token): who may pull what, for how long.

A token is `<expiry>.<scopes>.<signature>`, signed with a key that lives as long as the process, so nothing is stored.
Private repositories are granted only to those who gave the right name and password at the token endpoint.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sandbox.registry.content import REPOSITORY

LIFETIME: Final = 300
"""Seconds; ghcr.io's."""

_SCOPE = re.compile(f"repository:(?P<repository>{REPOSITORY}):(?P<actions>[a-z,*]+)")


@dataclass(frozen=True)
class Credentials:
    """The one account that may pull private images. Without a password there is none."""

    user: str = "infraforge"
    password: str | None = field(default=None, repr=False)

    def match(self, authorization: str | None) -> bool:
        """Whether `Authorization: Basic …` holds them."""
        given = _basic(authorization)
        if given is None or self.password is None:
            return False
        expected = f"{self.user}:{self.password}".encode()
        return hmac.compare_digest(given, expected)


@dataclass(frozen=True)
class Tokens:
    """Makes tokens and reads them. `now` tells the time in seconds."""

    lifetime: int = LIFETIME
    now: Callable[[], float] = time.time
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def mint(self, repositories: list[str]) -> str:
        """A token that lets its bearer pull from `repositories`."""
        payload = f"{int(self.now()) + self.lifetime}.{_encoded(','.join(repositories).encode())}"
        return f"{payload}.{self._signature(payload)}"

    def scopes(self, authorization: str | None) -> list[str] | None:
        """What `Authorization: Bearer …` may pull from; None if that is no token of ours, or no longer good."""
        scheme, _, token = (authorization or "").partition(" ")
        payload, _, signature = token.strip().rpartition(".")
        if scheme.lower() != "bearer" or not hmac.compare_digest(signature.encode(), self._signature(payload).encode()):
            return None
        expiry, _, repositories = payload.partition(".")
        return _decoded(repositories).decode().split(",") if self.now() < int(expiry) else None

    def _signature(self, payload: str) -> str:
        return _encoded(hmac.digest(self._key, payload.encode(), hashlib.sha256))


def is_basic(authorization: str | None) -> bool:
    """Whether a name and a password were given, right or wrong."""
    return _basic(authorization) is not None


def pulled(scopes: list[str]) -> list[str]:
    """The repositories that `scopes` (each perhaps several, by blanks) ask to pull from."""
    matches = [_SCOPE.fullmatch(scope) for each in scopes for scope in each.split()]
    return [match["repository"] for match in matches if match and {"pull", "*"} & set(match["actions"].split(","))]


def _basic(authorization: str | None) -> bytes | None:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (ValueError, binascii.Error):
        return b""


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
