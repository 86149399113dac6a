"""Who asks, and what their token allows.

Gitea takes a token as `token …`, as `Bearer …`, as the password with any user name, or as the user name. A token's
scopes say which part of the API it may read or write; passwords have no such limit.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sandbox.gitea.errors import ApiError
from sandbox.gitea.store import Account, Store, Token

CATEGORIES = ("activitypub", "admin", "misc", "notification", "organization", "package", "issue", "repository", "user")
# Gitea's order, in which it also returns them.
SCOPES = ("public-only", *(f"{level}:{category}" for category in CATEGORIES for level in ("write", "read")))
_SCRYPT_COST = 2**12


class Unauthenticated(Exception):
    """Credentials were sent and are wrong."""


@dataclass(frozen=True)
class Identity:
    """The user who asks; `token` is None when a password was used."""

    user: Account
    token: Token | None = None

    def allows(self, scope: str) -> bool:
        """Whether the credential covers `scope` (`read:…` is part of `write:…`)."""
        if self.token is None or "all" in self.token.scopes:
            return True
        level, _, category = scope.partition(":")
        return scope in self.token.scopes or (level == "read" and f"write:{category}" in self.token.scopes)

    def require(self, scope: str) -> None:
        """Raise Gitea's 403 when the credential does not cover `scope`."""
        if self.token is not None and not self.allows(scope):
            raise ApiError(
                403,
                f"token does not have at least one of required scope(s), required=[{scope}], "
                f"token scope={','.join(self.token.scopes)}",
            )


def authenticate(store: Store, header: str | None) -> Identity | None:
    """Read an Authorization header: None without one, `Unauthenticated` when it names nobody."""
    if not header:
        return None
    kind, _, value = header.partition(" ")
    if kind.lower() in ("token", "bearer"):
        return _identify(store, value.strip())
    if kind.lower() != "basic":
        raise Unauthenticated
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated from error
    for candidate in (password, name):
        if token := find_token(store, candidate):
            return _identity_of(store, token)
    account = store.account(name)
    if account is None or not verify_password(password, account.password):
        raise Unauthenticated
    return Identity(account)


def find_token(store: Store, plain: str) -> Token | None:
    """The token whose forty hex digits these are."""
    digest = hashlib.sha256(plain.encode()).hexdigest()
    return next((token for token in store.tokens if hmac.compare_digest(token.digest, digest)), None)


def mint_token(store: Store, user: Account, name: str, scopes: list[str]) -> tuple[Token, str]:
    """Create a token; its plain text is returned once and kept nowhere."""
    plain = secrets.token_hex(20)
    digest = hashlib.sha256(plain.encode()).hexdigest()
    token = Token(store.tokens.next_id(), user.id, name, digest, plain[-8:], scopes)
    return store.tokens.put(token), plain


def normalize_scopes(scopes: list[str]) -> list[str]:
    """The scopes in Gitea's order; raises its 400 for none or an unknown one."""
    for scope in scopes:
        if scope not in SCOPES and scope != "all":
            raise ApiError(400, f"invalid access token scope provided: invalid access token scope: {scope}")
    if not scopes:
        raise ApiError(400, "access token must have a scope")
    if "all" in scopes:
        return ["all"]
    kept = [scope for scope in SCOPES if scope in scopes]
    return [scope for scope in kept if not scope.startswith("read:") or f"write:{scope[5:]}" not in kept]


def hash_password(password: str) -> str:
    """`salt$digest`, both hex, by scrypt."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${_digest(password, salt)}"


def verify_password(password: str, hashed: str) -> bool:
    """Whether the hash was made from this password; never for an account without one."""
    salt, _, digest = hashed.partition("$")
    return bool(digest) and hmac.compare_digest(_digest(password, bytes.fromhex(salt)), digest)


def _digest(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode(), salt=salt, n=_SCRYPT_COST, r=8, p=1).hex()


def _identify(store: Store, plain: str) -> Identity:
    token = find_token(store, plain)
    if token is None:
        raise Unauthenticated
    return _identity_of(store, token)


def _identity_of(store: Store, token: Token) -> Identity:
    user = store.accounts.get(token.user)
    if user is None:
        raise Unauthenticated
    return Identity(user, token)
