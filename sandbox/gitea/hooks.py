"""Webhooks of organizations and repositories. Their secrets are never shown, and cannot be changed (as in Gitea)."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from sandbox.gitea import events
from sandbox.gitea.answers import JsonAnswer, no_content
from sandbox.gitea.call import Call, Endpoint, optional
from sandbox.gitea.errors import Invalid, NotCovered, NotFound
from sandbox.gitea.store import Hook, now

# In the order in which Gitea returns them; only these four are ever sent.
_EVENTS = ("push", "create", "delete", "repository")
_UNSENT = frozenset(
    (
        *("fork", "issues", "issue_assign", "issue_label", "issue_milestone", "issue_comment", "issues_only", "wiki"),
        *("pull_request", "pull_request_assign", "pull_request_label", "pull_request_milestone", "release", "package"),
        *("pull_request_comment", "pull_request_review", "pull_request_sync", "pull_request_review_request"),
        *("pull_request_only", "status", "workflow_run", "workflow_job"),
    )
)
_OTHER_KINDS = frozenset(
    ("slack", "discord", "dingtalk", "telegram", "msteams", "feishu", "wechatwork", "packagist", "matrix")
)


async def create_hook(call: Call) -> Response:
    """POST …/hooks; inactive unless the body says otherwise, and never refused as a duplicate."""
    organization, repository = _scope(call)
    body = await call.body()
    config = _config(body)
    kind = optional(body, "type", "")
    if kind in _OTHER_KINDS:
        raise NotCovered(f"hooks of type {kind}")
    if kind not in ("gitea", "gogs"):
        raise Invalid(f"Invalid hook type: {kind}")
    for option in ("url", "content_type"):
        if option not in config:
            raise Invalid(f"Missing config option: {option}")
    store = call.forge.store
    hook = Hook(
        url=_url(config["url"]),
        content_type=_content_type(config["content_type"]),
        secret=config.get("secret", ""),
        events=_events(body.get("events")),
        active=body.get("active") is True,
        branch_filter=optional(body, "branch_filter", ""),
        authorization_header=optional(body, "authorization_header", ""),
        kind=kind,
        organization=organization,
        repository=repository,
        id=store.hooks.next_id(),
    )
    return JsonAnswer(call.forge.payloads.hook(store.hooks.put(hook)), 201)


async def patch_hook(call: Call) -> Response:
    """PATCH …/hooks/{id}: a new secret is ignored, an omitted branch filter cleared (both recorded)."""
    hook = _hook(call)
    body = await call.body()
    config = _config(body) if body.get("config") is not None else {}
    hook = replace(
        hook,
        url=_url(config["url"]) if "url" in config else hook.url,
        content_type=_content_type(config["content_type"]) if "content_type" in config else hook.content_type,
        events=_events(body.get("events")),
        active=body["active"] is True if "active" in body else hook.active,
        branch_filter=optional(body, "branch_filter", ""),
        authorization_header=optional(body, "authorization_header", ""),
        updated=now(),
    )
    return JsonAnswer(call.forge.payloads.hook(call.forge.store.hooks.put(hook)))


async def list_hooks(call: Call) -> Response:
    """GET …/hooks."""
    scope = _scope(call)
    hooks = [hook for hook in call.forge.store.hooks if (hook.organization, hook.repository) == scope]
    return call.paged(hooks, call.forge.payloads.hook)


async def get_hook(call: Call) -> Response:
    """GET …/hooks/{id}."""
    return JsonAnswer(call.forge.payloads.hook(_hook(call)))


async def delete_hook(call: Call) -> Response:
    """DELETE …/hooks/{id}."""
    call.forge.store.hooks.remove(_hook(call))
    return no_content()


async def test_hook(call: Call) -> Response:
    """POST /repos/{owner}/{repo}/hooks/{id}/tests: a push that changes nothing."""
    hook = _hook(call)
    await events.test_push(call.forge, call.repository(level="admin"), call.user, hook)
    return no_content()


def _scope(call: Call) -> tuple[int, int]:
    """The organization and the repository of the path; one of the two is 0."""
    if "org" in call.request.path_params:
        return call.organization(write=True).id, 0
    return 0, call.repository(level="admin").id


def _hook(call: Call) -> Hook:
    number = call.name("id")
    hook = call.forge.store.hooks.get(int(number)) if number.isdigit() else None
    scope = _scope(call)
    if hook is None or (hook.organization, hook.repository) != scope:
        raise NotFound
    return hook


def _config(body: dict[str, Any]) -> dict[str, str]:
    config = body.get("config")
    if config is None:
        raise Invalid("[Config]: Required")
    if not isinstance(config, dict) or not all(isinstance(value, str) for value in config.values()):
        raise Invalid("[]: json: cannot unmarshal config into a map of strings")
    return config


def _events(value: Any) -> list[str]:
    """The events in Gitea's order; none means push."""
    wanted = value if isinstance(value, list) and value else ["push"]
    unsent = sorted(_UNSENT.intersection(wanted))
    if unsent:
        raise NotCovered(f"the hook events {', '.join(unsent)}")
    return [event for event in _EVENTS if event in wanted]


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets that do not match, a port that is none
        valid = False
    if not valid:
        raise Invalid("Invalid url")
    return url


def _content_type(content_type: str) -> str:
    if content_type not in ("json", "form"):
        raise Invalid("Invalid content type")
    return content_type


def _endpoints(root: str, category: str) -> tuple[Endpoint, ...]:
    return (
        Endpoint("GET", f"{root}/hooks", category, list_hooks),
        Endpoint("POST", f"{root}/hooks", category, create_hook),
        Endpoint("GET", f"{root}/hooks/{{id}}", category, get_hook),
        Endpoint("PATCH", f"{root}/hooks/{{id}}", category, patch_hook),
        Endpoint("DELETE", f"{root}/hooks/{{id}}", category, delete_hook),
    )


_REPO = "/repos/{owner}/{repo}"
ENDPOINTS = (
    *_endpoints("/orgs/{org}", "organization"),
    *_endpoints(_REPO, "repository"),
    Endpoint("POST", f"{_REPO}/hooks/{{id}}/tests", "repository", test_hook),
)
