"""Files by REST: read one file or folder, or write many files in one commit.

A write is made of the same parts as a push: Gitea's own refusals, the operator's pre-receive hooks, the reference moved
only from the head that was read, and the webhooks told.
"""

import asyncio
import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from sandbox.gitea import events
from sandbox.gitea.access import protection_of, pushes
from sandbox.gitea.answers import JsonAnswer
from sandbox.gitea.call import Call, Endpoint, optional
from sandbox.gitea.commit_writer import Change, Signature, write_commit
from sandbox.gitea.commits import commit_url, stamp
from sandbox.gitea.errors import ApiError, Invalid, NotFound
from sandbox.gitea.history import Commit, read_commits
from sandbox.gitea.payloads import NEVER, UNSIGNED, Json
from sandbox.gitea.plumbing import ZERO, has_branches
from sandbox.gitea.smart_http import hook_environment
from sandbox.gitea.store import Repository, now

_KINDS = {"100644": "file", "100755": "file", "120000": "symlink", "040000": "dir", "160000": "submodule"}


@dataclass(frozen=True)
class Entry:
    """A line of a tree; `size` is 0 for what is no blob."""

    mode: str
    kind: str
    sha: str
    size: int
    path: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


async def read_tree(call: Call, repository: Repository, tree: str, *arguments: str) -> list[Entry]:
    """The entries that `git ls-tree` names: of the whole tree, or at the given paths."""
    output = await call.forge.git.run(
        call.path(repository), "ls-tree", "-z", "--long", *arguments[:2], tree, *arguments[2:]
    )
    entries = []
    for line in output.decode(errors="replace").split("\0")[:-1]:
        about, _, path = line.partition("\t")
        mode, kind, sha, size = about.split()
        entries.append(Entry(mode, kind, sha, int(size) if size.isdigit() else 0, path))
    return entries


async def get_contents(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/contents/{path}: an object for a file, a list for a folder."""
    repository = call.repository()
    ref = call.query("ref") or repository.default_branch
    commit = await call.forge.git.resolve(call.path(repository), ref)
    if commit is None:
        raise NotFound(errors=[f"object does not exist [id: {ref}, rel_path: ]"])
    path = call.request.path_params.get("path", "").strip("/")
    found = await read_tree(call, repository, commit, "--full-tree", "--", path) if path else []
    if path and not found:
        raise NotFound("GetContentsOrList", [f"object does not exist [id: , rel_path: {path}]"])
    where = await _revision(call, repository, ref)
    if path and found[0].kind != "tree":
        last = (await read_commits(call.forge.git, call.path(repository), "-1", commit, "--", path, files=False))[0]
        return JsonAnswer(await _file(call, repository, found[0], where, last))
    folder = f"{path}/" if path else ""
    entries = await read_tree(call, repository, f"{commit}:{path}", "--full-tree", "--")
    last_of = await _last_commits(call, repository, commit, folder)
    shown = [Entry(one.mode, one.kind, one.sha, one.size, folder + one.path) for one in entries]
    return JsonAnswer([_entry(call, repository, one, where, last_of[one.path]) for one in shown])


async def _last_commits(call: Call, repository: Repository, commit: str, folder: str) -> dict[str, Commit]:
    """The newest commit that touched each entry of a folder."""
    paths = ["--", folder] if folder else []
    newest: dict[str, Commit] = {}
    for one in await read_commits(call.forge.git, call.path(repository), commit, *paths):
        for path in one.files:
            name = path[len(folder) :].partition("/")[0]
            newest.setdefault(folder + name, one)
    return newest


async def _revision(call: Call, repository: Repository, ref: str) -> tuple[str, str]:
    """The revision as it was asked for, and as Gitea's web addresses name it."""
    for kind, prefix in (("branch", "refs/heads/"), ("tag", "refs/tags/")):
        if await call.forge.git.resolve(call.path(repository), f"{prefix}{ref}"):
            return ref, f"{kind}/{ref}"
    return ref, f"commit/{ref}"


def _entry(call: Call, repository: Repository, entry: Entry, where: tuple[str, str], last: Commit) -> Json:
    api = call.forge.payloads.api_url(repository)
    web = call.forge.payloads.repository_url(repository)
    links = {
        "self": f"{api}/contents/{entry.path}?ref={where[0]}",
        "git": f"{api}/git/blobs/{entry.sha}",
        "html": f"{web}/src/{where[1]}/{entry.path}",
    }
    return {
        "name": entry.name,
        "path": entry.path,
        "sha": entry.sha,
        "last_commit_sha": last.sha,
        "last_committer_date": last.committer.date,
        "last_author_date": last.author.date,
        "type": _KINDS.get(entry.mode, "file"),
        "size": entry.size,
        "encoding": None,
        "content": None,
        "target": None,
        "url": links["self"],
        "html_url": links["html"],
        "git_url": links["git"],
        "download_url": f"{web}/raw/{where[1]}/{entry.path}" if entry.kind == "blob" else None,
        "submodule_git_url": None,
        "_links": links,
    }


async def _file(call: Call, repository: Repository, entry: Entry, where: tuple[str, str], last: Commit) -> Json:
    shown = _entry(call, repository, entry, where, last)
    if entry.kind == "blob":
        content = await call.forge.git.run(call.path(repository), "cat-file", "blob", entry.sha)
        shown |= {"encoding": "base64", "content": base64.b64encode(content).decode()}
        if shown["type"] == "symlink":
            shown["target"] = content.decode(errors="replace")
    return shown


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
    await asyncio.sleep(call.forge.push_delay)
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
        raise Invalid(f"a directory exists where you’re trying to create a file [path: {path}]")  # noqa: RUF001  # Gitea's
    for match in re.finditer("/", path):
        above = there.get(path[: match.start()])
        if above and above.kind != "tree":
            raise Invalid(f"a file exists where you’re trying to create a subfolder [path: {above.path}]")  # noqa: RUF001


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
        files.append(await _file(call, repository, entry, (branch, f"branch/{branch}"), last))
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


_REPO = "/repos/{owner}/{repo}"
ENDPOINTS = (
    Endpoint("GET", f"{_REPO}/contents", "repository", get_contents),
    Endpoint("POST", f"{_REPO}/contents", "repository", change_files),
    Endpoint("GET", f"{_REPO}/contents/{{path:path}}", "repository", get_contents),
)
