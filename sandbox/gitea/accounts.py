"""Users, their tokens, and the administrator's part of them."""

import re
from typing import Any

from starlette.responses import Response

from sandbox.gitea.answers import JsonAnswer, no_content
from sandbox.gitea.auth import hash_password, mint_token, normalize_scopes
from sandbox.gitea.call import Call, Endpoint, optional, required
from sandbox.gitea.errors import ApiError, Invalid, NotFound
from sandbox.gitea.payloads import token_json
from sandbox.gitea.store import Account, Store, Token

_NAME = re.compile(r"(?!.*[-._]{2})[A-Za-z0-9_](?:[-.\w]*[A-Za-z0-9_])?", re.ASCII)
_RESERVED = frozenset(
    (
        *("-", ".", "..", ".well-known", "admin", "api", "api-swagger", "assets", "attachments", "avatar", "avatars"),
        *("captcha", "commits", "debug", "error", "explore", "favicon.ico", "ghost", "gitea-actions", "issues"),
        *("login", "manifest.json", "metrics", "milestones", "new", "notifications", "org", "pulls", "raw", "repo"),
        *("repo-avatars", "robots.txt", "search", "serviceworker.js", "ssh_info", "swagger.v1.json", "user", "v2"),
    )
)


def check_name(store: Store, name: str, label: str = "UserName") -> None:
    """Raise Gitea's 422 for a name that no user or organization can have."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"[{label}]: invalid username")
    if name.lower() in _RESERVED:
        raise Invalid(f"name is reserved [name: {name}]")
    for pattern in (".keys", ".gpg", ".rss", ".atom", ".png"):
        if name.lower().endswith(pattern):
            raise Invalid(f"name pattern is not allowed [pattern: *{pattern}]")
    if store.account(name):
        raise Invalid(f"user already exists [name: {name}]")


async def get_self(call: Call) -> Response:
    """GET /user."""
    return JsonAnswer(call.forge.payloads.account(call.user, call.user))


async def get_user(call: Call) -> Response:
    """GET /users/{name}."""
    return JsonAnswer(call.forge.payloads.account(named(call), call.doer))


async def create_user(call: Call) -> Response:
    """POST /admin/users."""
    if not call.user.is_admin:
        raise ApiError(403, "user should be the site admin")
    body = await call.body()
    name = required(body, "username", "Username")
    email = required(body, "email", "Email")
    password = required(body, "password", "Password")
    store = call.forge.store
    check_name(store, name, "Username")
    if any(account.email.lower() == email.lower() for account in store.accounts):
        raise Invalid(f"e-mail already in use [email: {email}]")
    user = Account(
        name=name,
        kind="user",
        email=email,
        full_name=optional(body, "full_name", ""),
        visibility=optional(body, "visibility", "public") or "public",
        password=hash_password(password),
        must_change_password=body.get("must_change_password", True) is not False,
        id=store.accounts.next_id(),
    )
    return JsonAnswer(call.forge.payloads.account(store.accounts.put(user), call.user), 201)


async def list_tokens(call: Call) -> Response:
    """GET /users/{name}/tokens."""
    return call.paged(_tokens(call, _own(call)), token_json)


async def create_token(call: Call) -> Response:
    """POST /users/{name}/tokens; the answer is the only place where the token is ever seen."""
    user = _own(call)
    body = await call.body()
    name = required(body, "name", "Name")
    if any(token.name == name for token in _tokens(call, user)):
        raise ApiError(400, "access token name has been used already")
    token, plain = mint_token(call.forge.store, user, name, normalize_scopes(_strings(body.get("scopes"))))
    return JsonAnswer(token_json(token, plain), 201)


async def delete_token(call: Call) -> Response:
    """DELETE /users/{name}/tokens/{token}: by name, or by number."""
    wanted = call.name("token")
    for token in _tokens(call, _own(call)):
        if token.name == wanted or str(token.id) == wanted:
            call.forge.store.tokens.remove(token)
            return no_content()
    raise NotFound


def _own(call: Call) -> Account:
    """The user of the path, who must be the doer, signed in with a password."""
    user = named(call)
    if call.user.id != user.id and not call.user.is_admin:
        raise ApiError(403, "doer should be the site admin or be same as the contextUser")
    if call.identity and call.identity.token:
        raise ApiError(401, "auth required")
    return user


def named(call: Call) -> Account:
    """The user or organization of the path; raises Gitea's 404."""
    name = call.name("name")
    account = call.forge.store.account(name)
    if account is None:
        raise NotFound("GetUserByName", [f"user redirect does not exist [name: {name}]"])
    return account


def _tokens(call: Call, user: Account) -> list[Token]:
    return [token for token in call.forge.store.tokens if token.user == user.id]


def _strings(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Invalid("[]: json: cannot unmarshal scopes into a list of strings")
    return value


ENDPOINTS = (
    Endpoint("GET", "/user", "user", get_self),
    Endpoint("GET", "/users/{name}", "user", get_user),
    Endpoint("POST", "/admin/users", "admin", create_user),
    Endpoint("GET", "/users/{name}/tokens", "user", list_tokens),
    Endpoint("POST", "/users/{name}/tokens", "user", create_token),
    Endpoint("DELETE", "/users/{name}/tokens/{token}", "user", delete_token),
)
