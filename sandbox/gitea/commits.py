"""Commits by REST: lists (of a branch, of a path), one, the difference of two, and what is said about them."""

from starlette.responses import Response

from sandbox.gitea.answers import JsonAnswer
from sandbox.gitea.call import MOST, Call, Endpoint, optional
from sandbox.gitea.commit_writer import Signature
from sandbox.gitea.errors import ApiError, Invalid, NotFound
from sandbox.gitea.events import account_of
from sandbox.gitea.history import Commit, read_commits
from sandbox.gitea.payloads import NEVER, UNSIGNED, Json
from sandbox.gitea.plumbing import has_branches
from sandbox.gitea.store import CommitStatus, Repository

_STATES = ("pending", "success", "error", "failure", "warning", "skipped")
_PAGE_HEADERS = ("X-Page", "X-PerPage", "X-Total", "X-PageCount", "X-HasMore")


def stamp(url: str, sha: str, created: str) -> Json:
    """An object's address, identifier and time, as Gitea shows parents and trees."""
    return {"url": url, "sha": sha, "created": created}


def commit_url(call: Call, repository: Repository, sha: str) -> str:
    """Where the API shows a commit."""
    return f"{call.forge.payloads.api_url(repository)}/git/commits/{sha}"


def commit_json(call: Call, repository: Repository, commit: Commit) -> Json:
    """A commit as the API shows it, without what the query turns off (`stat`, `files`, `verification`)."""
    created = commit.committer.date
    tree = f"{call.forge.payloads.api_url(repository)}/git/trees/{commit.sha}"
    total = {"total": commit.additions + commit.deletions, "additions": commit.additions, "deletions": commit.deletions}
    files = [{"filename": path, "status": status} for path, status in commit.files.items()]
    return {
        **stamp(commit_url(call, repository, commit.sha), commit.sha, created),
        "html_url": f"{call.forge.payloads.repository_url(repository)}/commit/{commit.sha}",
        "commit": {
            "url": commit_url(call, repository, commit.sha),
            "author": _person(commit.author),
            "committer": _person(commit.committer),
            "message": commit.message,
            "tree": stamp(tree, commit.sha, created),  # Gitea shows the commit's identifier here, not the tree's
            "verification": UNSIGNED if call.flag("verification", default=True) else None,
        },
        "author": _account(call, commit.author),
        "committer": _account(call, commit.committer),
        "parents": [stamp(commit_url(call, repository, parent), parent, NEVER) for parent in commit.parents],
        "files": files if call.flag("files", default=True) else None,
        "stats": total if call.flag("stat", default=True) else None,
    }


async def list_commits(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/commits: of a branch, tag or commit (`sha`), of one `path`, newest first."""
    repository = call.repository()
    path = call.path(repository)
    if not has_branches(path):
        raise ApiError(409, "Git Repository is empty.")
    git = call.forge.git
    revision = call.query("sha") or repository.default_branch
    head = await git.resolve(path, revision)
    if head is None:
        raise NotFound(errors=[f"object does not exist [id: {revision}, rel_path: ]"])
    limits = [f"--{name}={call.query(name)}" for name in ("since", "until") if call.query(name)]
    paths = ["--", call.query("path")] if call.query("path") else []
    total = int(await git.text(path, "rev-list", "--count", *limits, head, *paths))
    limits += ["--full-diff"] if paths else []  # a commit's files are all of them, also when one path was asked for
    page, size = call.page()
    window = MOST if paths else size  # of one path Gitea shows fifty, whatever the limit (recorded)
    files = call.flag("files", default=True) or call.flag("stat", default=True)
    span = [f"--max-count={window}", f"--skip={(page - 1) * window}"]
    commits = await read_commits(git, path, *span, *limits, head, *paths, files=files)
    pages = -(-total // size)
    headers = call.page_headers(total, _PAGE_HEADERS) | {
        "x-page": str(page),
        "x-perpage": str(size),
        "x-pagecount": str(pages),
        "x-hasmore": "true" if page < pages else "false",
    }
    return JsonAnswer([commit_json(call, repository, commit) for commit in commits], headers=headers)


async def get_commit(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/git/commits/{sha}."""
    repository = call.repository()
    sha = await call.forge.git.resolve(call.path(repository), call.name("sha"))
    if sha is None:
        raise NotFound(f"commit doesn't exist: {call.name('sha')}")
    commit = (await read_commits(call.forge.git, call.path(repository), "-1", sha))[0]
    return JsonAnswer(commit_json(call, repository, commit))


async def compare(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/compare/{base}...{head}: the commits that only the head has."""
    repository = call.repository()
    git, path = call.forge.git, call.path(repository)
    dots = "..." if "..." in call.name("basehead") else ".."
    base, _, head = call.name("basehead").partition(dots)
    ends = [await git.resolve(path, revision) for revision in (base, head)]
    if None in ends:
        raise NotFound
    commits = await read_commits(git, path, f"{ends[0]}..{ends[1]}")
    shown = [commit_json(call, repository, commit) for commit in commits]
    return JsonAnswer({"total_commits": len(shown), "commits": shown})


async def create_status(call: Call) -> Response:
    """POST /repos/{owner}/{repo}/statuses/{sha}."""
    repository = call.repository(level="push")
    body = await call.body()
    sha = await call.forge.git.resolve(call.path(repository), call.name("sha"))
    if sha is None:
        raise NotFound
    state = optional(body, "state", "")
    if state not in _STATES:
        raise Invalid("[State]: In")
    store = call.forge.store
    status = CommitStatus(
        repository=repository.id,
        sha=sha,
        creator=call.user.id,
        state=state,
        context=optional(body, "context", "") or "default",
        description=optional(body, "description", ""),
        target_url=optional(body, "target_url", ""),
        id=store.statuses.next_id(),
    )
    return JsonAnswer(call.forge.payloads.status(store.statuses.put(status), repository), 201)


async def list_statuses(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/statuses/{sha}: the newest first."""
    repository = call.repository()
    sha = await call.forge.git.resolve(call.path(repository), call.name("sha"))
    found = [one for one in call.forge.store.statuses if (one.repository, one.sha) == (repository.id, sha)]
    return call.paged(found[::-1], lambda one: call.forge.payloads.status(one, repository))


def _person(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": signature.date}


def _account(call: Call, signature: Signature) -> Json | None:
    account = account_of(call.forge, signature.email)
    return call.forge.payloads.account(account) if account else None


_REPO = "/repos/{owner}/{repo}"
ENDPOINTS = (
    Endpoint("GET", f"{_REPO}/commits", "repository", list_commits),
    Endpoint("GET", f"{_REPO}/git/commits/{{sha}}", "repository", get_commit),
    Endpoint("GET", f"{_REPO}/compare/{{basehead:path}}", "repository", compare),
    Endpoint("GET", f"{_REPO}/statuses/{{sha}}", "repository", list_statuses),
    Endpoint("POST", f"{_REPO}/statuses/{{sha}}", "repository", create_status),
)
