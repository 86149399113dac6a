"""Who makes a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]
AUTHENTICATED: Final = "system:authenticated"
MASTERS: Final = "system:masters"
SERVICE_ACCOUNTS: Final = "system:serviceaccounts"
_PREFIX: Final = "system:serviceaccount:"


@dataclass(frozen=True)
class User:
    """A name with its groups; `extra` is what the way of signing in says besides."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def master(self) -> bool:
        """Whether the user may do everything, whatever the roles say."""
        return MASTERS in self.groups

    def to_json(self) -> Json:
        """Return the user as the API's UserInfo."""
        info: Json = {"username": self.name} | ({"uid": self.uid} if self.uid else {})
        info |= {"groups": list(self.groups)} if self.groups else {}
        return info | ({"extra": {key: list(values) for key, values in self.extra.items()}} if self.extra else {})


def account_name(namespace: str, name: str) -> str:
    """Return a service account's user name."""
    return f"{_PREFIX}{namespace}:{name}"


def account_groups(namespace: str) -> tuple[str, ...]:
    """Return the groups of a namespace's service accounts, as a request has them without `system:authenticated`."""
    return (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}")


def split_account(user: str) -> tuple[str, str] | None:
    """Return namespace and name of a service account's user name, or None when it is another user's."""
    namespace, _, name = user.removeprefix(_PREFIX).partition(":")
    return (namespace, name) if user.startswith(_PREFIX) and namespace and name else None
