"""The `authorizer` of CEL expressions: may somebody do this? Answered by RBAC.

Source: k8s.io/apiserver, pkg/cel/library/authz.go. A value of its types is a map here; `_KIND` tells them apart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sandbox.apiserver.access.attributes import Attributes
from sandbox.apiserver.access.rbac import Rbac
from sandbox.apiserver.access.users import User, account_groups, account_name

Json = dict[str, Any]
_KIND: Final = "#authorizer"
_USER: Final = "#user"
FUNCTIONS: Final = frozenset(
    {
        "allowed",
        "check",
        "error",
        "errored",
        "group",
        "name",
        "namespace",
        "path",
        "reason",
        "resource",
        "serviceAccount",
        "subresource",
    }
)


@dataclass(frozen=True)
class Authorizer:
    """Answers for the user of one request, `wish` being what they ask for."""

    rbac: Rbac
    user: User
    wish: Attributes

    def variable(self) -> Json:
        """Return the value of the variable `authorizer`."""
        wish = self.wish
        requested = {"group": wish.group, "resource": wish.resource, "subresource": wish.subresource}
        requested |= {"namespace": wish.namespace, "name": wish.name}
        own = {_KIND: "authorizer", _USER: ""}
        return own | {"requestResource": {**own, _KIND: "resource", **requested}}

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Return the functions that its values have, by name."""
        setters = {
            key: self._setter(key, kind)
            for key, kind in (
                ("resource", "group"),
                ("subresource", "resource"),
                ("namespace", "resource"),
                ("name", "resource"),
            )
        }
        return setters | {
            "group": lambda value, name: _of(value, "authorizer") | {_KIND: "group", "group": name},
            "path": lambda value, path: _of(value, "authorizer") | {_KIND: "path", "path": path},
            "serviceAccount": self._account,
            "check": self._check,
            "allowed": lambda value: _of(value, "decision")["allowed"],
            "reason": lambda value: _of(value, "decision")["reason"],
            # RBAC answers from memory: no decision of it is an error.
            "errored": lambda value: "error" in _of(value, "decision"),
            "error": lambda value: _of(value, "decision").get("error", ""),
        }

    def _setter(self, key: str, kind: str) -> Callable[[Json, str], Json]:
        return lambda value, text: _of(value, kind) | {_KIND: "resource", key: text}

    def _account(self, value: Json, namespace: str, name: str) -> Json:
        return _of(value, "authorizer") | {_USER: account_name(namespace, name), "#namespace": namespace}

    def _check(self, value: Json, verb: str) -> Json:
        user = self.user
        if value.get(_USER):
            user = User(value[_USER], account_groups(value["#namespace"]))
        if value.get(_KIND) == "path":
            wish = Attributes(verb, path=value["path"])
        else:
            keys = ("group", "resource", "subresource", "namespace", "name")
            wish = Attributes(verb, **{key: _of(value, "resource").get(key, "") for key in keys})
        decision = self.rbac.decide(user, wish)
        return {_KIND: "decision", "allowed": decision.allowed, "reason": decision.reason}


def _of(value: Any, kind: str) -> Json:
    """Return a value of the wanted kind; a ValueError as for a call that CEL's types do not have."""
    if not isinstance(value, dict) or value.get(_KIND) != kind:
        raise ValueError("no such overload")
    return value
