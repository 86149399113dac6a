"""What a webhook is told: payloads of push, create, delete and repository events, and which hooks want them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from sandbox.gitea.delivery import Build
from sandbox.gitea.forge import Forge
from sandbox.gitea.history import Commit, read_commits
from sandbox.gitea.payloads import UNSIGNED, Json
from sandbox.gitea.plumbing import ZERO
from sandbox.gitea.store import Account, Hook, Repository, now

SHOWN = 5  # commits in a payload; `total_commits` counts all
_FIRST = 10  # commits that Gitea looks at when the default branch is new


@dataclass(frozen=True)
class Update:
    """A reference that moved; `old` or `new` is all zeros when it was made or deleted."""

    old: str
    new: str
    reference: str

    @property
    def branch(self) -> str | None:
        """The branch's name, or None for a tag or another reference."""
        return self.reference.removeprefix("refs/heads/") if self.reference.startswith("refs/heads/") else None

    @property
    def name(self) -> str:
        """The name of the branch or tag."""
        return self.reference.split("/", 2)[2]


def pushed(forge: Forge, repository: Repository, doer: Account, updates: Sequence[Update]) -> None:
    """Tell the hooks what moved: `create` before `push` for a new reference, `delete` alone for one that is gone."""
    current = forge.store.repositories.get(repository.id)
    if not updates or current is None:
        return
    repository = forge.store.repositories.put(replace(current, updated=now()))
    for update in updates:
        kind = "branch" if update.branch is not None else "tag"
        common: Json = {"ref": update.name, "ref_type": kind}
        sender = forge.payloads.account(doer)
        if update.new == ZERO:
            shown = forge.payloads.repository(repository, doer)
            gone = {**common, "pusher_type": "user", "repository": shown, "sender": sender}
            _submit(forge, repository, "delete", gone, update.branch)
            continue
        if update.old == ZERO:
            shown = forge.payloads.repository(repository, None)
            made = {"sha": update.new, **common, "repository": shown, "sender": sender}
            _submit(forge, repository, "create", made, update.branch)
        _submit(forge, repository, "push", _push_builder(forge, repository, doer, update), update.branch)


def repository_changed(forge: Forge, repository: Repository, doer: Account, action: str) -> None:
    """Tell the organization's hooks that a repository was created or deleted (call before it is gone)."""
    owner = forge.store.owner(repository)
    shown = forge.payloads.repository(repository, doer)
    if action == "created":
        shown["watchers_count"] = 0  # its maker begins to watch it a moment later
    payload = {
        "action": action,
        "repository": shown,
        "organization": forge.payloads.account(owner) if owner.kind == "organization" else None,
        "sender": forge.payloads.account(doer),
    }
    _submit(forge, repository, "repository", payload, None)


async def test_push(forge: Forge, repository: Repository, doer: Account, hook: Hook) -> None:
    """The delivery that `POST …/hooks/{id}/tests` asks for: the head of the default branch, before equal to after."""
    branch = repository.default_branch
    head = await forge.git.resolve(forge.path(repository), f"refs/heads/{branch}")
    commits = await read_commits(forge.git, forge.path(repository), "-1", head) if head else []
    shown = [branch_commit(forge, repository, one) for one in commits]
    sha = head or ZERO
    payload = _push(forge, repository, None, Update(sha, sha, f"refs/heads/{branch}"))
    people = {"pusher": forge.payloads.account(doer), "sender": forge.payloads.account(doer)}
    head_commit = shown[0] if shown else None
    payload |= {"commits": shown, "total_commits": len(shown), "head_commit": head_commit, **people}
    forge.deliveries.submit([hook], "push", _ready(payload))


def push_commit(forge: Forge, repository: Repository, commit: Commit, *, linked: bool = False) -> Json:
    """A commit as push payloads show it; `linked` names the authors' accounts."""
    people = {}
    for role, signature in (("author", commit.author), ("committer", commit.committer)):
        account = account_of(forge, signature.email) if linked else None
        username = account.name if account else ""
        people[role] = {"name": signature.name, "email": signature.email, "username": username}
    return {
        "id": commit.sha,
        "message": commit.message,
        "url": f"{forge.payloads.repository_url(repository)}/commit/{commit.sha}",
        **people,
        "verification": None,
        "timestamp": commit.committer.date,
        "added": commit.paths("added"),
        "removed": commit.paths("removed"),
        "modified": commit.paths("modified") + commit.paths("changed"),
    }


def branch_commit(forge: Forge, repository: Repository, commit: Commit) -> Json:
    """A commit as branches and test deliveries show it: verified, its files left out."""
    files = {"added": None, "removed": None, "modified": None}
    return {**push_commit(forge, repository, commit, linked=True), "verification": UNSIGNED, **files}


def account_of(forge: Forge, email: str) -> Account | None:
    """The user with this address."""
    users = (account for account in forge.store.accounts if account.kind == "user" and account.email)
    return next((user for user in users if user.email.lower() == email.lower()), None)


def _push_builder(forge: Forge, repository: Repository, doer: Account, update: Update) -> Build:
    async def build() -> Json:
        path = forge.path(repository)
        payload = _push(forge, repository, doer, update)
        head = (await read_commits(forge.git, path, "-1", update.new))[0]
        commits: list[Commit] = []
        total = 0
        if update.branch is not None:
            span = await _span(forge, repository, update)
            total = int(await forge.git.text(path, "rev-list", "--count", *span))
            commits = await read_commits(forge.git, path, *span)
        payload["compare_url"] += _compared(repository, update, commits)
        shown = [push_commit(forge, repository, one, linked=True) for one in commits[:SHOWN]]
        head_commit = push_commit(forge, repository, head, linked=True)
        people = {"pusher": forge.payloads.account(doer), "sender": forge.payloads.account(doer)}
        return payload | {"commits": shown, "total_commits": total, "head_commit": head_commit} | people

    return build


def _push(forge: Forge, repository: Repository, doer: Account | None, update: Update) -> Json:
    """The frame of a push payload, its keys in Gitea's order."""
    compare = f"{forge.payloads.repository_url(repository)}/compare/"
    return {
        "ref": update.reference,
        "before": update.old,
        "after": update.new,
        "compare_url": compare if doer else f"{compare}{update.old}...{update.new}",
        "commits": [],
        "total_commits": 0,
        "head_commit": None,
        "repository": forge.payloads.repository(repository, doer),
    }


async def _span(forge: Forge, repository: Repository, update: Update) -> list[str]:
    """The revisions that Gitea counts as pushed."""
    if update.old != ZERO:
        return [update.new, f"^{update.old}"]
    if update.branch == repository.default_branch:
        return [f"--max-count={_FIRST}", update.new]
    base = await forge.git.resolve(forge.path(repository), f"refs/heads/{repository.default_branch}")
    return [update.new, f"^{base}"] if base else [f"--max-count={_FIRST}", update.new]


def _compared(repository: Repository, update: Update, commits: Sequence[Commit]) -> str:
    """What the payload's `compare_url` compares."""
    base = update.old
    if base == ZERO and commits and commits[-1].parents:
        base = commits[-1].parents[0]
    if base == ZERO and update.branch is not None and update.branch != repository.default_branch:
        base = repository.default_branch
    return f"{base}...{update.new}"


def _submit(forge: Forge, repository: Repository, event: str, payload: Json | Build, branch: str | None) -> None:
    """Queue an event for the hooks that want it: the repository's, then its organization's."""
    hooks = [
        hook
        for hook in (
            *(one for one in forge.store.hooks if one.repository == repository.id),
            *(one for one in forge.store.hooks if one.organization == repository.owner),
        )
        if hook.active and event in hook.events and _passes(hook, branch)
        if event != "repository" or hook.organization
    ]
    if hooks:
        forge.deliveries.submit(hooks, event, payload if callable(payload) else _ready(payload))


def _passes(hook: Hook, branch: str | None) -> bool:
    return branch is None or hook.branch_filter in ("", "*") or fnmatchcase(branch, hook.branch_filter)


def _ready(payload: Json) -> Build:
    async def build() -> Json:
        return payload

    return build
