"""Repositories: made, read, changed, renamed, archived, deleted; and their collaborators."""

import re
import shutil
import uuid
from dataclasses import replace
from pathlib import Path

from starlette.responses import Response

from sandbox.gitea import events
from sandbox.gitea.answers import JsonAnswer, no_content
from sandbox.gitea.call import Call, Endpoint, optional, required
from sandbox.gitea.commit_writer import Change, Signature, write_commit
from sandbox.gitea.errors import ApiError, Invalid
from sandbox.gitea.plumbing import has_branches
from sandbox.gitea.store import Account, Repository, now

_NAME = re.compile(r"[-.\w]+", re.ASCII)
_LEVELS = ("read", "write", "admin")


async def create_repository(call: Call, owner: Account) -> Response:
    """Make a repository for `owner` as the request's body describes it."""
    body = await call.body()
    store = call.forge.store
    name = _name(required(body, "name", "Name"))
    if store.repository(owner, name):
        raise ApiError(409, "The repository with the same name already exists.")
    branch = optional(body, "default_branch", "") or "main"
    description = optional(body, "description", "")
    readme = f"# {name}\n\n{description}" if body.get("auto_init") is True else None
    made = await _initialize(call, branch, readme)
    if store.repository(owner, name):  # somebody was faster; from here on nothing waits
        shutil.rmtree(made)
        raise ApiError(409, "The repository with the same name already exists.")
    repository = Repository(
        id=store.repositories.next_id(),
        owner=owner.id,
        name=name,
        description=description,
        private=body.get("private") is True,
        default_branch=branch,
    )
    for former in store.repositories_of(owner):
        if name.lower() in former.former_names:
            store.repositories.put(replace(former, former_names=[n for n in former.former_names if n != name.lower()]))
    path = call.forge.tree.repository(owner, repository)
    path.parent.mkdir(exist_ok=True)
    made.rename(path)
    store.repositories.put(repository)
    events.repository_changed(call.forge, repository, call.user, "created")
    return JsonAnswer(call.forge.payloads.repository(repository, call.user), 201)


async def _initialize(call: Call, branch: str, readme: str | None) -> Path:
    """A bare repository in a temporary place, with a first commit if there is a text for it."""
    git, path = call.forge.git, call.forge.tree.temporary / f"new-{uuid.uuid4().hex}"
    path.mkdir()
    await git.run(path, "init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}")
    if readme is not None:
        signature = Signature(call.user.name, call.user.email, now())
        changes = [Change("README.md", readme.encode())]
        sha = await write_commit(
            git,
            path,
            parent=None,
            changes=changes,
            author=signature,
            committer=signature,
            message="Initial commit",
        )
        await git.run(path, "update-ref", f"refs/heads/{branch}", sha)
    return path


async def create_own(call: Call) -> Response:
    """POST /user/repos."""
    return await create_repository(call, call.user)


async def get_repository(call: Call) -> Response:
    """GET /repos/{owner}/{repo}."""
    return JsonAnswer(call.forge.payloads.repository(call.repository(), call.doer))


async def patch_repository(call: Call) -> Response:
    """PATCH /repos/{owner}/{repo}; a default branch that does not exist is ignored with 200 (recorded)."""
    repository = call.repository(level="admin")
    body = await call.body()
    if body.get("name") is not None:
        repository = _rename(call, repository, required(body, "name", "Name"))
    branch = optional(body, "default_branch", "")
    path = call.path(repository)
    known = not has_branches(path) or await call.forge.git.resolve(path, f"refs/heads/{branch}")
    if branch and branch != repository.default_branch and known:
        await call.forge.git.run(path, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
        repository = replace(repository, default_branch=branch)
    if isinstance(body.get("archived"), bool):
        repository = replace(repository, archived_at=now() if body["archived"] else "")
    repository = replace(
        repository,
        description=optional(body, "description", repository.description),
        website=optional(body, "website", repository.website),
        private=body["private"] is True if "private" in body else repository.private,
        updated=now(),
    )
    return JsonAnswer(call.forge.payloads.repository(call.forge.store.repositories.put(repository), call.user))


def _rename(call: Call, repository: Repository, name: str) -> Repository:
    name = _name(name)
    owner = call.forge.store.owner(repository)
    taken = call.forge.store.repository(owner, name)
    if taken and taken.id != repository.id:
        raise Invalid(f"repo name is already taken [name: {name}]")
    old, new = call.path(repository), call.forge.tree.named(owner, name)
    former = [*repository.former_names, repository.name.lower()]
    if old != new:
        old.rename(new)
    renamed = replace(repository, name=name, former_names=[one for one in former if one != name.lower()])
    return call.forge.store.repositories.put(renamed)


async def delete_repository(call: Call) -> Response:
    """DELETE /repos/{owner}/{repo}: its hooks, protections and statuses go with it."""
    repository = call.repository()
    if not call.may(repository).admin:
        raise ApiError(403, "Given user is not owner of organization.")
    events.repository_changed(call.forge, repository, call.user, "deleted")
    store = call.forge.store
    for hook in store.hooks:
        if hook.repository == repository.id:
            store.hooks.remove(hook)
    for rule in store.protections_of(repository):
        store.protections.remove(rule)
    for status in store.statuses:
        if status.repository == repository.id:
            store.statuses.remove(status)
    away = call.forge.tree.temporary / uuid.uuid4().hex
    call.path(repository).rename(away)
    store.repositories.remove(repository)
    shutil.rmtree(away, ignore_errors=True)
    return no_content()


async def put_collaborator(call: Call) -> Response:
    """PUT /repos/{owner}/{repo}/collaborators/{user}."""
    repository = call.repository(level="admin")
    level = optional(await call.body(), "permission", "write") or "write"
    if level not in _LEVELS:
        raise ApiError(400, f"unknown permission {level}")
    levels = {**repository.collaborators, str(_collaborator(call).id): level}
    call.forge.store.repositories.put(replace(repository, collaborators=levels))
    return no_content()


async def delete_collaborator(call: Call) -> Response:
    """DELETE /repos/{owner}/{repo}/collaborators/{user}."""
    repository = call.repository(level="admin")
    gone = str(_collaborator(call).id)
    levels = {user: level for user, level in repository.collaborators.items() if user != gone}
    call.forge.store.repositories.put(replace(repository, collaborators=levels))
    return no_content()


def _collaborator(call: Call) -> Account:
    name = call.name("user")
    account = call.forge.store.account(name)
    if account is None:
        raise Invalid(f"user does not exist [uid: 0, name: {name}]")
    return account


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid("[Name]: AlphaDashDot")
    if name in (".", "..", "-"):
        raise ApiError(500, "")
    for pattern in (".git", ".wiki", ".rss", ".atom"):
        if name.lower().endswith(pattern):
            raise Invalid(f"name pattern is not allowed [pattern: *{pattern}]")
    return name


_REPO = "/repos/{owner}/{repo}"
ENDPOINTS = (
    Endpoint("POST", "/user/repos", "user", create_own),
    Endpoint("GET", _REPO, "repository", get_repository),
    Endpoint("PATCH", _REPO, "repository", patch_repository),
    Endpoint("DELETE", _REPO, "repository", delete_repository),
    Endpoint("PUT", f"{_REPO}/collaborators/{{user}}", "repository", put_collaborator),
    Endpoint("DELETE", f"{_REPO}/collaborators/{{user}}", "repository", delete_collaborator),
)
