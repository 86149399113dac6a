"""Organizations: made by any user, who then owns them."""

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from sandbox.gitea.access import owns, permission, sees
from sandbox.gitea.accounts import check_name, named
from sandbox.gitea.answers import JsonAnswer, no_content
from sandbox.gitea.call import Call, Endpoint, optional, required
from sandbox.gitea.errors import ApiError, Invalid, NotFound
from sandbox.gitea.repositories import create_repository
from sandbox.gitea.store import Account


async def create_org(call: Call) -> Response:
    """POST /orgs."""
    user = call.user
    body = await call.body()
    name = required(body, "username", "UserName")
    visibility = _visibility(body, "public")
    store = call.forge.store
    check_name(store, name)
    org = _described(Account(0, name, "organization", visibility=visibility, owners=[user.id]), body)
    return JsonAnswer(
        call.forge.payloads.organization(store.accounts.put(replace(org, id=store.accounts.next_id()))), 201
    )


async def get_org(call: Call) -> Response:
    """GET /orgs/{org}."""
    return JsonAnswer(call.forge.payloads.organization(call.organization()))


async def patch_org(call: Call) -> Response:
    """PATCH /orgs/{org}."""
    org = call.organization(write=True)
    body = await call.body()
    org = replace(_described(org, body), visibility=_visibility(body, org.visibility))
    return JsonAnswer(call.forge.payloads.organization(call.forge.store.accounts.put(org)))


async def delete_org(call: Call) -> Response:
    """DELETE /orgs/{org}; with repositories it is a 500 (recorded)."""
    org = call.organization(write=True)
    store = call.forge.store
    if store.repositories_of(org):
        raise ApiError(500, "")
    for hook in store.hooks:
        if hook.organization == org.id:
            store.hooks.remove(hook)
    store.accounts.remove(org)
    return no_content()


async def list_mine(call: Call) -> Response:
    """GET /user/orgs."""
    mine = [one for one in call.forge.store.accounts if one.kind == "organization" and call.user.id in one.owners]
    return call.paged(mine, call.forge.payloads.organization)


async def show_permissions(call: Call) -> Response:
    """GET /users/{name}/orgs/{org}/permissions: what that user, not the doer, may do there. All members own it here."""
    user, org = named(call), call.forge.store.account(call.name("org"))
    if call.doer is None:
        raise ApiError(401, "token is required")
    if org is None or not sees(org, user):
        raise NotFound("HasOrgOrUserVisible")
    flags = ("is_owner", "is_admin", "can_write", "can_read", "can_create_repository")
    return JsonAnswer(dict.fromkeys(flags, user.id in org.owners))


async def list_repositories(call: Call) -> Response:
    """GET /orgs/{org}/repos: those that the doer may read, oldest first."""
    store = call.forge.store
    readable = [one for one in store.repositories_of(call.organization()) if permission(store, one, call.doer).pull]
    return call.paged(readable, lambda one: call.forge.payloads.repository(one, call.doer))


async def create_org_repository(call: Call) -> Response:
    """POST /orgs/{org}/repos."""
    user = call.user
    org = call.organization()
    if not owns(org, user):
        raise ApiError(403, f"Given user is not allowed to create repository in organization {org.name}.")
    return await create_repository(call, org)


def _described(org: Account, body: dict[str, Any]) -> Account:
    return replace(
        org,
        full_name=optional(body, "full_name", org.full_name),
        description=optional(body, "description", org.description),
        website=optional(body, "website", org.website),
        location=optional(body, "location", org.location),
        email=optional(body, "email", org.email),
    )


def _visibility(body: dict[str, Any], default: str) -> str:
    visibility = optional(body, "visibility", default) or default
    if visibility not in ("public", "limited", "private"):
        raise Invalid("[Visibility]: In")
    return visibility


ENDPOINTS = (
    Endpoint("POST", "/orgs", "organization", create_org),
    Endpoint("GET", "/orgs/{org}", "organization", get_org),
    Endpoint("PATCH", "/orgs/{org}", "organization", patch_org),
    Endpoint("DELETE", "/orgs/{org}", "organization", delete_org),
    Endpoint("GET", "/user/orgs", "organization", list_mine),
    Endpoint("GET", "/users/{name}/orgs/{org}/permissions", "organization", show_permissions),
    Endpoint("GET", "/orgs/{org}/repos", "organization", list_repositories),
    Endpoint("POST", "/orgs/{org}/repos", "organization", create_org_repository),
)
