"""Branch protections: who may push to a branch, and whether they may rewrite it."""

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from sandbox.gitea.access import permission
from sandbox.gitea.answers import JsonAnswer, no_content
from sandbox.gitea.call import Call, Endpoint, optional
from sandbox.gitea.errors import ApiError, Invalid, NotCovered, NotFound
from sandbox.gitea.payloads import Json
from sandbox.gitea.store import Protection, Repository, now

# Every option with its default, in Gitea's order. `_ENFORCED` are those that mean something here.
_DEFAULTS: Json = {
    "enable_push": False,
    "enable_push_whitelist": False,
    "push_whitelist_usernames": [],
    "push_whitelist_teams": [],
    "push_whitelist_deploy_keys": False,
    "enable_force_push": False,
    "enable_force_push_allowlist": False,
    "force_push_allowlist_usernames": [],
    "force_push_allowlist_teams": [],
    "force_push_allowlist_deploy_keys": False,
    "enable_merge_whitelist": False,
    "merge_whitelist_usernames": [],
    "merge_whitelist_teams": [],
    "enable_status_check": False,
    "status_check_contexts": None,
    "required_approvals": 0,
    "enable_approvals_whitelist": False,
    "approvals_whitelist_username": [],
    "approvals_whitelist_teams": [],
    "block_on_rejected_reviews": False,
    "block_on_official_review_requests": False,
    "block_on_outdated_branch": False,
    "dismiss_stale_approvals": False,
    "ignore_stale_approvals": False,
    "require_signed_commits": False,
    "protected_file_patterns": "",
    "unprotected_file_patterns": "",
    "block_admin_merge_override": False,
}
_ENFORCED = frozenset(
    (
        *("enable_push", "enable_push_whitelist", "push_whitelist_usernames"),
        *("enable_force_push", "enable_force_push_allowlist", "force_push_allowlist_usernames"),
    )
)


async def create_protection(call: Call) -> Response:
    """POST …/branch_protections; a second one of the same name is a 403."""
    repository = call.repository(level="admin")
    body = await call.body()
    name = optional(body, "rule_name", "") or optional(body, "branch_name", "")
    if not name:
        raise Invalid("both rule_name and branch_name are empty")
    if any(rule.rule_name == name for rule in call.forge.store.protections_of(repository)):
        raise ApiError(403, "Branch protection already exist")
    store = call.forge.store
    options = _options(call, repository, _DEFAULTS, body)
    rule = store.protections.put(Protection(store.protections.next_id(), repository.id, name, options))
    return JsonAnswer(_shown(call, rule), 201)


async def patch_protection(call: Call) -> Response:
    """PATCH …/branch_protections/{name}."""
    rule = _rule(call)
    repository = call.repository(level="admin")
    options = _options(call, repository, rule.options, await call.body())
    return JsonAnswer(_shown(call, call.forge.store.protections.put(replace(rule, options=options, updated=now()))))


async def list_protections(call: Call) -> Response:
    """GET …/branch_protections, without pages."""
    rules = call.forge.store.protections_of(call.repository(level="admin"))
    return JsonAnswer([_shown(call, rule) for rule in rules])


async def get_protection(call: Call) -> Response:
    """GET …/branch_protections/{name}."""
    return JsonAnswer(_shown(call, _rule(call)))


async def delete_protection(call: Call) -> Response:
    """DELETE …/branch_protections/{name}."""
    call.forge.store.protections.remove(_rule(call))
    return no_content()


def _rule(call: Call) -> Protection:
    rules = call.forge.store.protections_of(call.repository(level="admin"))
    rule = next((one for one in rules if one.rule_name == call.name("name")), None)
    if rule is None:
        raise NotFound
    return rule


def _options(call: Call, repository: Repository, old: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The options after a request; those that nothing here enforces may only be what they are by default."""
    given = {name: value for name, value in body.items() if name in _DEFAULTS and value is not None}
    ignored = [name for name, value in given.items() if name not in _ENFORCED and value and value != _DEFAULTS[name]]
    if ignored:
        raise NotCovered(f"the branch protection options {', '.join(ignored)}")
    for name, value in given.items():
        if name.endswith("_usernames"):
            given[name] = [user for user in value if _writes(call, repository, user)]
    return {**old, **given}


def _writes(call: Call, repository: Repository, name: str) -> bool:
    """Whether the user may write for another reason than being a site administrator (others are left out silently)."""
    user = call.forge.store.account(name)
    return user is not None and permission(call.forge.store, repository, replace(user, is_admin=False)).push


def _shown(call: Call, rule: Protection) -> Json:
    priority = 1 + [one.id for one in call.forge.store.protections_of(call.repository())].index(rule.id)
    names = {"branch_name": rule.rule_name, "rule_name": rule.rule_name, "priority": priority}
    return {**names, **rule.options, "created_at": rule.created, "updated_at": rule.updated}


_REPO = "/repos/{owner}/{repo}"
ENDPOINTS = (
    Endpoint("GET", f"{_REPO}/branch_protections", "repository", list_protections),
    Endpoint("POST", f"{_REPO}/branch_protections", "repository", create_protection),
    Endpoint("GET", f"{_REPO}/branch_protections/{{name:path}}", "repository", get_protection),
    Endpoint("PATCH", f"{_REPO}/branch_protections/{{name:path}}", "repository", patch_protection),
    Endpoint("DELETE", f"{_REPO}/branch_protections/{{name:path}}", "repository", delete_protection),
)
