"""Branches, references, trees, raw files and archives of a repository."""

import mimetypes

from starlette.requests import Request
from starlette.responses import Response

from sandbox.gitea import events
from sandbox.gitea.access import permission, protection_of, pushes
from sandbox.gitea.answers import JsonAnswer, no_content
from sandbox.gitea.call import Call, Endpoint, optional, required
from sandbox.gitea.contents import read_tree
from sandbox.gitea.errors import ApiError, Invalid, NotCovered, NotFound, TextError
from sandbox.gitea.forge import Forge
from sandbox.gitea.history import read_commits
from sandbox.gitea.payloads import Json
from sandbox.gitea.plumbing import ZERO, GitFailed
from sandbox.gitea.smart_http import identify
from sandbox.gitea.store import Repository

_TREE_PAGE = 1000
_RAW_KINDS = {"branch": "refs/heads/", "tag": "refs/tags/", "commit": ""}


async def _heads(call: Call, repository: Repository) -> dict[str, str]:
    lines = await call.forge.git.text(
        call.path(repository), "for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"
    )
    return {name: sha for sha, _, name in (line.partition(" ") for line in lines.splitlines())}


async def _branch(call: Call, repository: Repository, name: str, sha: str) -> Json:
    commit = (await read_commits(call.forge.git, call.path(repository), "-1", sha, files=False))[0]
    rule = protection_of(call.forge.store, repository, name)
    may = call.may(repository).push
    return {
        "name": name,
        "commit": events.branch_commit(call.forge, repository, commit),
        "protected": rule is not None,
        "required_approvals": 0,
        "enable_status_check": False,
        "status_check_contexts": [],
        "user_can_push": may and (rule is None or (call.doer is not None and pushes(rule, call.doer))),
        "user_can_merge": may,
        "effective_branch_protection_name": rule.rule_name if rule else "",
    }


async def list_branches(call: Call) -> Response:
    """GET …/branches; null in an empty repository."""
    repository = call.repository()
    heads = await _heads(call, repository)
    page, size = call.page()
    shown = [await _branch(call, repository, *head) for head in list(heads.items())[(page - 1) * size : page * size]]
    return JsonAnswer(shown or None, headers=call.page_headers(len(heads)))


async def get_branch(call: Call) -> Response:
    """GET …/branches/{branch}."""
    repository = call.repository()
    sha = (await _heads(call, repository)).get(call.name("branch"))
    if sha is None:
        raise NotFound
    return JsonAnswer(await _branch(call, repository, call.name("branch"), sha))


async def create_branch(call: Call) -> Response:
    """POST …/branches {new_branch_name, old_ref_name}."""
    repository = call.repository(level="push")
    body = await call.body()
    name = required(body, "new_branch_name", "BranchName")
    old = optional(body, "old_ref_name", "") or optional(body, "old_branch_name", "") or repository.default_branch
    git, path = call.forge.git, call.path(repository)
    sha = await git.resolve(path, old)
    if sha is None:
        raise ApiError(404, "The old branch does not exist")
    try:
        await git.run(path, "check-ref-format", f"refs/heads/{name}")
    except GitFailed as error:
        raise Invalid("[BranchName]: GitRefName") from error
    try:
        await git.run(path, "update-ref", f"refs/heads/{name}", sha, ZERO)
    except GitFailed as error:
        raise ApiError(409, "The branch already exists.") from error
    events.pushed(call.forge, repository, call.user, [events.Update(ZERO, sha, f"refs/heads/{name}")])
    return JsonAnswer(await _branch(call, repository, name, sha), 201)


async def delete_branch(call: Call) -> Response:
    """DELETE …/branches/{branch}."""
    repository = call.repository(level="push")
    name = call.name("branch")
    sha = (await _heads(call, repository)).get(name)
    if sha is None:
        raise NotFound
    if name == repository.default_branch:
        raise ApiError(403, "can not delete default branch")
    if protection_of(call.forge.store, repository, name):
        raise ApiError(403, "branch protected")
    reference = f"refs/heads/{name}"
    await call.forge.git.run(call.path(repository), "update-ref", "-d", reference, sha)
    events.pushed(call.forge, repository, call.user, [events.Update(sha, ZERO, reference)])
    return no_content()


async def list_refs(call: Call) -> Response:
    """GET …/git/refs[/{prefix}]: a list, or the one reference of exactly that name."""
    repository = call.repository()
    prefix = f"refs/{call.request.path_params.get('prefix', '')}"
    lines = await call.forge.git.text(
        call.path(repository),
        "for-each-ref",
        "--format=%(objectname) %(objecttype) %(refname)",
        "refs/heads",
        "refs/tags",
    )
    api = call.forge.payloads.api_url(repository)
    shown = []
    for sha, kind, name in (line.split(" ", 2) for line in lines.splitlines()):
        if name.startswith(prefix):
            pointed = {"type": kind, "sha": sha, "url": f"{api}/git/{kind}s/{sha}"}
            shown.append({"ref": name, "url": f"{api}/git/{name}", "object": pointed})
    if not shown:
        raise NotFound
    return JsonAnswer(shown[0] if len(shown) == 1 and shown[0]["ref"] == prefix else shown)


async def get_tree(call: Call) -> Response:
    """GET …/git/trees/{sha}: of a tree, commit, branch or tag; the whole of it with `recursive`."""
    repository = call.repository()
    wanted = call.name("sha")
    path = call.path(repository)
    sha = await call.forge.git.resolve(path, wanted) or await call.forge.git.resolve(path, wanted, "tree")
    if sha is None:
        raise ApiError(400, f"sha not found [{wanted}]")
    deep = ["-r", "-t"] if call.flag("recursive", default=False) else ["--full-tree", "--"]
    entries = await read_tree(call, repository, sha, *deep)
    api = call.forge.payloads.api_url(repository)
    page, size = call.number("page", 1), min(call.number("per_page", _TREE_PAGE), _TREE_PAGE)
    shown = [
        {
            "path": one.path,
            "mode": one.mode,
            "type": one.kind,
            "size": one.size,
            "sha": one.sha,
            "url": f"{api}/git/{one.kind}s/{one.sha}",
        }
        for one in entries[(page - 1) * size : page * size]
    ]
    about = {"truncated": page * size < len(entries), "page": page, "total_count": len(entries)}
    exposed = {"access-control-expose-headers": "X-Total-Count", "x-total-count": str(len(entries))}
    return JsonAnswer({"sha": sha, "url": f"{api}/git/trees/{sha}", "tree": shown, **about}, headers=exposed)


async def get_archive(call: Call) -> Response:
    """GET …/archive/{name}: only its refusal is covered."""
    repository = call.repository()
    reference = call.name("name").removesuffix(".tar.gz").removesuffix(".zip").removesuffix(".bundle")
    if await call.forge.git.resolve(call.path(repository), reference) is None:
        raise ApiError(404, f"unrecognized repository reference: {reference}")
    raise NotCovered("archives")


async def get_raw(call: Call) -> Response:
    """GET …/raw/{path}: a file's bytes at `ref`."""
    repository = call.repository()
    ref = call.query("ref") or repository.default_branch
    content = await _blob(call.forge, repository, ref, call.name("path"))
    if content is None:
        raise NotFound
    return _raw(content, call.name("path"))


async def web_raw(forge: Forge, request: Request) -> Response:
    """GET /{owner}/{repo}/raw/{branch|tag|commit}/{ref}/{path}, outside the API; a reference may hold slashes."""
    identity = identify(forge, request)
    prefix = _RAW_KINDS.get(request.path_params["kind"])
    owner = forge.store.account(request.path_params["owner"])
    repository = forge.store.repository(owner, request.path_params["repo"]) if owner else None
    allowed = identity is None or identity.allows("read:repository")
    user = identity.user if identity else None
    if repository is None or prefix is None or not allowed or not permission(forge.store, repository, user).pull:
        raise TextError(404, "Not found.\n")
    parts = request.path_params["rest"].split("/")
    for length in range(1, len(parts)):
        path = "/".join(parts[length:])
        content = await _blob(forge, repository, prefix + "/".join(parts[:length]), path)
        if content is not None:
            return _raw(content, path)
    raise TextError(404, "Not found.\n")


async def _blob(forge: Forge, repository: Repository, ref: str, path: str) -> bytes | None:
    commit = await forge.git.resolve(forge.path(repository), ref)
    if commit is None:
        return None
    try:
        return await forge.git.run(forge.path(repository), "cat-file", "blob", f"{commit}:{path}")
    except GitFailed:
        return None


def _raw(content: bytes, path: str) -> Response:
    """Text is plain text, whatever it describes, so that no browser runs it."""
    headers = {"access-control-expose-headers": "Content-Disposition"}
    if b"\0" not in content[:1024]:
        return Response(content, headers=headers | {"content-type": "text/plain; charset=utf-8"})
    guessed = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return Response(content, headers=headers | {"content-type": guessed if guessed.startswith("image/") else _BINARY})


_BINARY = "application/octet-stream"
_REPO = "/repos/{owner}/{repo}"
ENDPOINTS = (
    Endpoint("GET", f"{_REPO}/branches", "repository", list_branches),
    Endpoint("POST", f"{_REPO}/branches", "repository", create_branch),
    Endpoint("GET", f"{_REPO}/branches/{{branch:path}}", "repository", get_branch),
    Endpoint("DELETE", f"{_REPO}/branches/{{branch:path}}", "repository", delete_branch),
    Endpoint("GET", f"{_REPO}/git/refs", "repository", list_refs),
    Endpoint("GET", f"{_REPO}/git/refs/{{prefix:path}}", "repository", list_refs),
    Endpoint("GET", f"{_REPO}/git/trees/{{sha:path}}", "repository", get_tree),
    Endpoint("GET", f"{_REPO}/archive/{{name:path}}", "repository", get_archive),
    Endpoint("GET", f"{_REPO}/raw/{{path:path}}", "repository", get_raw),
)
