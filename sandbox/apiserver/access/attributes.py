"""What a request is about, in the words of authorization.

Source: k8s.io/apiserver, pkg/endpoints/request/requestinfo.go and handlers/responsewriters/errors.go.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import QueryParams

from sandbox.apiserver.access.users import User
from sandbox.apiserver.errors import ApiError
from sandbox.apiserver.requests import Location, flag

_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMED: Final = re.compile(r"metadata\.name==?([^,]+)")
_HTML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Attributes:
    """A verb on a resource, or on a `path` that is none. An empty namespace means all, an empty name any."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def combined(self) -> str:
        """Return the resource with its subresource, as rules write it."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def of_resource(method: str, location: Location, query: QueryParams) -> Attributes:
    """Return what a request for a resource's path is about."""
    verb, name = _VERBS.get(method, "get"), location.name
    if not name and verb == "get":
        verb = "watch" if flag(query, "watch") else "list"
        # A list of one name is granted by a rule for that name.
        only = _NAMED.fullmatch(query.get("fieldSelector", ""))
        name = only[1] if only else ""
    elif not name and verb == "delete":
        verb = "deletecollection"
    # A request for a namespace is one within it: a role in the namespace may grant it.
    namespace = location.name if location.plural == "namespaces" and not location.group else location.namespace
    return Attributes(verb, location.group, location.version, location.plural, location.subresource, namespace, name)


def of_path(method: str, path: str) -> Attributes:
    """Return what a request for any other path is about: the verb is the method's name."""
    return Attributes(method.lower(), path=path)


def forbidden(user: User, wish: Attributes, reason: str = "") -> ApiError:
    """Return the 403 of a user who may not do what they ask; `reason` is the authorizer's."""
    text = _denial(user, wish).translate(_HTML)
    return denied(wish, f"{text}: {reason}" if reason else text)


def denied(wish: Attributes, text: str) -> ApiError:
    """Return the 403 that names the object of a request and says `text` about it."""
    qualified = f"{wish.resource}.{wish.group}" if wish.group else wish.resource
    if not wish.resource:
        message = f"forbidden: {text}"
    elif wish.name:
        message = f"{qualified} {json.dumps(wish.name)} is forbidden: {text}"
    else:
        message = f"{qualified} is forbidden: {text}"
    details = {"name": wish.name, "group": wish.group, "kind": wish.resource}
    return ApiError(403, "Forbidden", message, {key: value for key, value in details.items() if value})


def _denial(user: User, wish: Attributes) -> str:
    who = json.dumps(user.name)
    if not wish.resource:
        return f"User {who} cannot {wish.verb} path {json.dumps(wish.path)}"
    what = f'User {who} cannot {wish.verb} resource "{wish.combined}" in API group "{wish.group}"'
    return f'{what} in the namespace "{wish.namespace}"' if wish.namespace else f"{what} at the cluster scope"
