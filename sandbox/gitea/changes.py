"""Many files in one commit by REST.

A write is made of the same parts as a push: Gitea's own refusals, the operator's pre-receive hooks, the reference moved
only from the head that was read, and the webhooks told.
"""

import asyncio
import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from sandbox.gitea import events
from sandbox.gitea.access import protection_of, pushes
from sandbox.gitea.answers import JsonAnswer
from sandbox.gitea.call import Call, Endpoint, optional
from sandbox.gitea.commit_writer import Change, Signature, write_commit
from sandbox.gitea.commits import commit_url, stamp
from sandbox.gitea.contents import Entry, read_file, read_tree
from sandbox.gitea.errors import ApiError, Invalid
from sandbox.gitea.history import read_commits
from sandbox.gitea.payloads import NEVER, UNSIGNED, Json
from sandbox.gitea.plumbing import ZERO, has_branches
from sandbox.gitea.smart_http import hook_environment
from sandbox.gitea.store import Repository, now


async def change_files(call: Call) -> Response:
    """POST /repos/{owner}/{repo}/contents: every operation in one commit."""
    repository = call.repository()
    user = call.user
    if repository.archived_at:
        owner = call.forge.store.owner(repository)
        raise ApiError(423, f"{owner.name}/{repository.name} is not allowed to edit")
    if not call.may(repository).push:
        raise ApiError(403, "user should have a permission to write to the target branch")
    body = await call.body()
    operations = body.get("files") or []
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise Invalid("[]: json: cannot unmarshal files into a list of objects")
    await asyncio.sleep(call.forge.push_delay)  # as long as a push takes a real one, where that was asked for
    async with call.forge.writing(repository):
        base, target, head = await _branches(call, repository, body)
        rule = protection_of(call.forge.store, repository, target)
        if rule and not pushes(rule, user):
            raise ApiError(403, f"user cannot commit to repo [user: {user.name}]")
        changes = await _changes(call, repository, head, operations)
        sha = await _commit(call, repository, head, changes, body)
        update = events.Update(head if head and base == target else ZERO, sha, f"refs/heads/{target}")
        await _move(call, repository, update)
    answer = await _written(call, repository, sha, target, operations)
    return JsonAnswer(answer, 201)


async def _branches(call: Call, repository: Repository, body: dict[str, Any]) -> tuple[str, str, str | None]:
    """The branch to build on, the one to write, and the former's head (None in an empty repository)."""
    git, path = call.forge.git, call.path(repository)
    base = optional(body, "branch", "") or repository.default_branch
    target = optional(body, "new_branch", "") or base
    head = await git.resolve(path, f"refs/heads/{base}")
    if head is None and has_branches(path):
        raise ApiError(404, f"branch does not exist [repo_id: {repository.id} name: {base}]")
    if target != base and await git.resolve(path, f"refs/heads/{target}"):
        raise Invalid(f"branch already exists [name: {target}]")
    return base, target, head


async def _changes(call: Call, repository: Repository, head: str | None, operations: Sequence[Json]) -> list[Change]:
    """What to write; raises Gitea's refusals of paths, contents and stale identifiers."""
    contents = [_content(one) for one in operations]
    paths = [_clean(one.get("path")) for one in operations]
    froms = [_clean(one["from_path"]) if one.get("from_path") else None for one in operations]
    wanted = {*paths, *(one for one in froms if one)}
    wanted |= {path[: match.start()] for path in list(wanted) for match in re.finditer("/", path)}
    listed = await read_tree(call, repository, head, "-t", "--full-tree", *sorted(wanted)) if head and wanted else []
    there = {entry.path: entry for entry in listed}
    changes = []
    for operation, content, path, source in zip(operations, contents, paths, froms, strict=True):
        kind = operation.get("operation")
        if kind not in ("create", "update", "delete"):
            raise ApiError(500, "")
        old = there.get(source or path)
        _check(operation, kind, source or path, old)
        if kind != "delete":
            _check_place(path, there)
        if source and source != path:
            changes.append(Change(source, None))
        mode = old.mode if old and old.kind == "blob" else "100644"
        changes.append(Change(path, None if kind == "delete" else content, mode))
    return changes


def _check(operation: Json, kind: str, path: str, old: Entry | None) -> None:
    if kind == "create":
        if old and old.kind == "blob":
            raise Invalid(f"repository file already exists [path: {path}]")
        return
    if old is None or old.kind != "blob":
        raise ApiError(404, f"repository file does not exist [path: {path}]")
    given = operation.get("sha")
    if given and given != old.sha:
        raise Invalid(f"sha does not match [given: {given}, expected: {old.sha}]")


def _check_place(path: str, there: dict[str, Entry]) -> None:
    """A file may not take the place of a folder, nor lie in another file."""
    if path in there and there[path].kind == "tree":
        raise Invalid(f"a directory exists where you’re trying to create a file [path: {path}]")  # noqa: RUF001 - Gitea's
    for match in re.finditer("/", path):
        above = there.get(path[: match.start()])
        if above and above.kind != "tree":
            words = "a file exists where you’re trying to create a subfolder"  # noqa: RUF001 - Gitea's
            raise Invalid(f"{words} [path: {above.path}]")


def _content(operation: Json) -> bytes:
    text = operation.get("content") or ""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        legal = re.match(r"[A-Za-z0-9+/]*", str(text))
        raise Invalid(f"illegal base64 data at input byte {legal.end() if legal else 0}") from error


def _clean(path: Any) -> str:
    parts = [part for part in str(path or "").split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        raise ApiError(500, "")
    if any(part.lower() == ".git" for part in parts):
        raise Invalid(f"path contains a malformed path component [path: {path}]")
    return "/".join(parts)


async def _commit(
    call: Call, repository: Repository, head: str | None, changes: Sequence[Change], body: dict[str, Any]
) -> str:
    """Write the commit as the body signs and describes it."""
    doer = Signature(call.user.full_name or call.user.name, call.user.email, now())
    given = {role: body.get(role) or {} for role in ("author", "committer")}
    dates = body.get("dates") or {}
    people = {}
    for role, other in (("author", "committer"), ("committer", "author")):
        person = given[role] if given[role].get("email") else given[other]
        name, email = (
            (person.get("name") or doer.name, person["email"]) if person.get("email") else (doer.name, doer.email)
        )
        people[role] = Signature(name, email, str(dates.get(role) or doer.date))
    verbs = "\n".join(f"{str(one.get('operation')).title()} {one.get('path')}" for one in body.get("files") or [])
    message = optional(body, "message", "") or verbs
    if body.get("signoff") is True:
        message = f"{message.strip()}\n\nSigned-off-by: {people['committer'].name} <{people['committer'].email}>"
    try:
        return await write_commit(
            call.forge.git, call.path(repository), parent=head, changes=changes, message=message, **people
        )
    except ValueError as error:
        raise Invalid("[Dates]: cannot parse") from error


async def _move(call: Call, repository: Repository, update: events.Update) -> None:
    """Ask the pre-receive hooks, move the branch, tell the webhooks."""
    forge, path = call.forge, call.path(repository)
    receipt = forge.tree.temporary / f"contents-{uuid.uuid4().hex}"
    environment = {**hook_environment(forge, repository, call.user, receipt), "GIT_DIR": str(path)}
    process = await asyncio.create_subprocess_exec(
        forge.tree.hooks / "pre-receive",
        cwd=path,
        env=forge.git.environment(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(f"{update.old} {update.new} {update.reference}\n".encode())
    if process.returncode:
        raise ApiError(403, output.decode(errors="replace").strip())
    await forge.git.run(path, "update-ref", update.reference, update.new, update.old)
    events.pushed(forge, repository, call.user, [update])


async def _written(
    call: Call, repository: Repository, sha: str, branch: str, operations: Sequence[Json]
) -> dict[str, Any]:
    """The answer: every file as it is now (null for a deleted one) and the commit."""
    git, path = call.forge.git, call.path(repository)
    commit = (await read_commits(git, path, "-1", sha))[0]
    paths = [_clean(one.get("path")) for one in operations if one.get("operation") != "delete"]
    listed = await read_tree(call, repository, sha, "--full-tree", "--", *paths) if paths else []
    there = {entry.path: entry for entry in listed}
    files: list[Json | None] = []
    for operation in operations:
        entry = there.get(_clean(operation.get("path")))
        if operation.get("operation") == "delete" or entry is None:
            files.append(None)
            continue
        last = commit
        if entry.path not in commit.files:
            last = (await read_commits(git, path, "-1", sha, "--", entry.path, files=False))[0]
        files.append(await read_file(call, repository, entry, (branch, f"branch/{branch}"), last))
    url = call.forge.payloads.api_url(repository)
    shown = {
        **stamp(commit_url(call, repository, sha), sha, NEVER),
        "html_url": f"{call.forge.payloads.repository_url(repository)}/commit/{sha}",
        "author": {"name": commit.author.name, "email": commit.author.email, "date": commit.author.date},
        "committer": {"name": commit.committer.name, "email": commit.committer.email, "date": commit.committer.date},
        "parents": [stamp(commit_url(call, repository, parent), parent, NEVER) for parent in commit.parents],
        "message": commit.message,
        "tree": stamp(f"{url}/git/trees/{commit.tree}", commit.tree, NEVER),
    }
    return {"files": files or None, "commit": shown, "verification": UNSIGNED}


ENDPOINTS = (Endpoint("POST", "/repos/{owner}/{repo}/contents", "repository", change_files),)
