"""Files by REST: one file with its content, or the entries of a folder."""

import base64
from dataclasses import dataclass

from starlette.responses import Response

from sandbox.gitea.answers import JsonAnswer
from sandbox.gitea.call import Call, Endpoint
from sandbox.gitea.errors import NotFound
from sandbox.gitea.history import Commit, read_commits
from sandbox.gitea.payloads import Json
from sandbox.gitea.store import Repository

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
        return JsonAnswer(await read_file(call, repository, found[0], where, last))
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


async def read_file(call: Call, repository: Repository, entry: Entry, where: tuple[str, str], last: Commit) -> Json:
    """An entry with its content; `where` is the revision as asked for and as web addresses name it."""
    shown = _entry(call, repository, entry, where, last)
    if entry.kind == "blob":
        content = await call.forge.git.run(call.path(repository), "cat-file", "blob", entry.sha)
        shown |= {"encoding": "base64", "content": base64.b64encode(content).decode()}
        if shown["type"] == "symlink":
            shown["target"] = content.decode(errors="replace")
    return shown


_REPO = "/repos/{owner}/{repo}"
ENDPOINTS = (
    Endpoint("GET", f"{_REPO}/contents", "repository", get_contents),
    Endpoint("GET", f"{_REPO}/contents/{{path:path}}", "repository", get_contents),
)
