"""One request to `/api/v1`, with the lookups and refusals that endpoints share."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from sandbox.gitea.access import Permission, owns, permission, sees
from sandbox.gitea.answers import JsonAnswer
from sandbox.gitea.auth import Identity
from sandbox.gitea.errors import ApiError, Invalid, Moved, NotFound
from sandbox.gitea.forge import Forge
from sandbox.gitea.store import Account, Repository

PAGE = 30
MOST = 50
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A request and who sent it (None: nobody signed in)."""

    forge: Forge
    request: Request
    identity: Identity | None

    @property
    def doer(self) -> Account | None:
        """Who asks."""
        return self.identity.user if self.identity else None

    @property
    def user(self) -> Account:
        """Who asks; raises Gitea's 401 for an anonymous reader."""
        if self.identity is None:
            raise ApiError(401, "token is required")
        return self.identity.user

    def name(self, parameter: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[parameter])

    def query(self, parameter: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query_params.get(parameter, default)

    def flag(self, parameter: str, *, default: bool) -> bool:
        """A boolean query parameter."""
        value = self.query(parameter)
        return value.lower() in ("1", "t", "true") if value else default

    def number(self, parameter: str, default: int) -> int:
        """A number of the query; anything else, and less than one, is the default."""
        value = self.query(parameter)
        return int(value) if value.isascii() and value.isdigit() and int(value) > 0 else default

    async def body(self) -> dict[str, Any]:
        """The JSON object that was sent; raises 422 in the words of Gitea's decoder."""
        try:
            body = json.loads(await self.request.body() or b"{}")
        except ValueError as error:
            raise Invalid("[]: invalid character '\x00' looking for beginning of value") from error
        if not isinstance(body, dict):
            raise Invalid("[]: json: cannot unmarshal the body into an object")
        return body

    def organization(self, *, write: bool = False) -> Account:
        """The organization of the path; 404 when it is missing or hidden, 403 when `write` and it is not theirs."""
        name = self.name("org")
        account = self.forge.store.account(name)
        if account is None or account.kind != "organization":
            raise NotFound("GetOrgByName", [f"user redirect does not exist [name: {name}]"])
        if not sees(account, self.doer):
            raise NotFound("HasOrgOrUserVisible")
        if write and not owns(account, self.user):
            raise ApiError(403, "Must be an organization owner")
        return account

    def repository(self, *, level: str = "pull") -> Repository:
        """The repository of the path; 404 when it is missing or hidden, 403 below `level` (pull, push or admin)."""
        owner = self.forge.store.account(self.name("owner"))
        name = self.name("repo")
        if owner is None:
            raise NotFound
        found = self.forge.store.repository(owner, name)
        if found is None and (moved := self.forge.store.renamed(owner, name)) and self.may(moved).pull:
            path = self.request.url.path.split("/")
            raise Moved("/".join([*path[:5], moved.name, *path[6:]]))
        if found is None or not self.may(found).pull:
            raise NotFound
        if level == "admin" and not self.may(found).admin:
            raise ApiError(403, "user should be an owner or a collaborator with admin write of a repository")
        if level == "push" and not self.may(found).push:
            raise ApiError(403, "user should have a permission to write to a repo")
        return found

    def may(self, repository: Repository) -> Permission:
        """What the doer may do with a repository."""
        return permission(self.forge.store, repository, self.doer)

    def path(self, repository: Repository) -> Path:
        """The bare repository on disk."""
        return self.forge.path(repository)

    def page(self) -> tuple[int, int]:
        """Number and size of the page asked for; never more than Gitea's fifty."""
        return self.number("page", 1), min(self.number("limit", PAGE), MOST)

    def paged(self, items: Sequence[T], show: Callable[[T], Any]) -> JsonAnswer:
        """One page of a list, with Gitea's headers about the others."""
        page, size = self.page()
        shown = [show(item) for item in items[(page - 1) * size : page * size]]
        return JsonAnswer(shown, headers=self.page_headers(len(items)))

    def page_headers(self, total: int, more: Sequence[str] = ()) -> dict[str, str]:
        """`X-Total-Count`, and `Link` when there is more than one page; `more` names headers that the caller adds."""
        page, size = self.page()
        last = max(1, -(-total // size))
        page = min(page, last)
        links = []
        if page < last:
            links += [("next", page + 1), ("last", last)]
        if page > 1:
            links += [("first", 1), ("prev", page - 1)]
        exposed = (["Link"] if links else []) + ["X-Total-Count", *more]
        headers = {"access-control-expose-headers": ", ".join(exposed), "x-total-count": str(total)}
        if links:
            headers["link"] = ",".join(f'<{self._page_url(number)}>; rel="{rel}"' for rel, number in links)
        return headers

    def _page_url(self, page: int) -> str:
        query = sorted({**self.request.query_params, "page": str(page)}.items())
        return f"{self.forge.payloads.root_url}{self.request.url.path}?{urlencode(query)}"


@dataclass(frozen=True)
class Endpoint:
    """A method and path below `/api/v1`; `category` is the part of the API that a token must be good for."""

    method: str
    path: str
    category: str
    handle: Callable[[Call], Awaitable[Response]]


def required(body: dict[str, Any], field: str, label: str) -> str:
    """A string that must be there; raises 422 naming it as Gitea does."""
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise Invalid(f"[{label}]: Required")
    return value


def optional(body: dict[str, Any], field: str, default: str) -> str:
    """A string that may be absent or null."""
    value = body.get(field)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Invalid(f"[]: json: cannot unmarshal {field} into a string")
    return value
