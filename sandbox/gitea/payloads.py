"""Gitea's JSON for accounts, organizations and repositories, the same in answers and in deliveries.

`doer` is who the JSON is made for. Without one Gitea shows place-holder addresses and no permissions, which is what
some deliveries carry.
"""

import hashlib
from dataclasses import asdict
from typing import Any

from sandbox.gitea.access import permission
from sandbox.gitea.plumbing import has_branches
from sandbox.gitea.store import Account, CommitStatus, Hook, Repository, Store, Token
from sandbox.gitea.tree import Tree

Json = dict[str, Any]
NEVER = "0001-01-01T00:00:00Z"
EPOCH = "1970-01-01T00:00:00Z"
UNSIGNED: Json = {
    "verified": False,
    "reason": "gpg.error.not_signed_commit",
    "signature": "",
    "signer": None,
    "payload": "",
}
# What every repository says, because the stand-in has none of it.
_FEATURES: Json = {
    "has_code": True,
    "has_issues": True,
    "internal_tracker": {
        "enable_time_tracker": True,
        "allow_only_contributors_to_track_time": True,
        "enable_issue_dependencies": True,
    },
    "has_wiki": True,
    "has_pull_requests": True,
    "has_projects": True,
    "projects_mode": "all",
    "has_releases": True,
    "has_packages": True,
    "has_actions": False,
    "ignore_whitespace_conflicts": False,
    "allow_merge_commits": True,
    "allow_rebase": True,
    "allow_rebase_explicit": True,
    "allow_squash_merge": True,
    "allow_fast_forward_only_merge": True,
    "allow_rebase_update": True,
    "allow_manual_merge": False,
    "autodetect_manual_merge": False,
    "default_delete_branch_after_merge": False,
    "default_merge_style": "merge",
    "default_allow_maintainer_edit": False,
    "avatar_url": "",
}


def placeholder_email(account: Account) -> str:
    """The address that Gitea shows to strangers."""
    return f"{account.id}+{account.name.lower()}@noreply.localhost"


class Payloads:
    """Builds the JSON; every address in it begins with `root_url`."""

    def __init__(self, store: Store, tree: Tree, root_url: str) -> None:
        self._store = store
        self._tree = tree
        self.root_url = root_url

    def account(self, account: Account, doer: Account | None = None) -> Json:
        """A user, or an organization where Gitea shows it as one."""
        intimate = doer is not None and (doer.id == account.id or doer.is_admin)
        return {
            "id": account.id,
            "login": account.name,
            "login_name": "",
            "source_id": 0,
            "full_name": account.full_name,
            "email": placeholder_email(account) if doer is None else account.email,
            "avatar_url": self._avatar(account),
            "html_url": f"{self.root_url}/{account.name}",
            "language": "",
            "is_admin": intimate and account.is_admin,
            "last_login": EPOCH if intimate else NEVER,
            "created": account.created,
            "restricted": False,
            "active": intimate and account.kind == "user",
            "prohibit_login": False,
            "location": account.location,
            "website": account.website,
            "description": account.description,
            "visibility": account.visibility,
            "followers_count": 0,
            "following_count": 0,
            "starred_repos_count": 0,
            "username": account.name,
        }

    def organization(self, account: Account) -> Json:
        """An organization of `/orgs`."""
        return {
            "id": account.id,
            "name": account.name,
            "full_name": account.full_name,
            "email": account.email,
            "avatar_url": self._avatar(account),
            "description": account.description,
            "website": account.website,
            "location": account.location,
            "visibility": account.visibility,
            "repo_admin_change_team_access": False,
            "username": account.name,
        }

    def repository_url(self, repository: Repository) -> str:
        """Where people look at it."""
        return f"{self.root_url}/{self._store.owner(repository).name}/{repository.name}"

    def api_url(self, repository: Repository) -> str:
        """Where programs look at it."""
        return f"{self.root_url}/api/v1/repos/{self._store.owner(repository).name}/{repository.name}"

    def repository(self, repository: Repository, doer: Account | None) -> Json:
        """A repository, with what the doer may do; its size is not measured."""
        owner = self._store.owner(repository)
        full_name = f"{owner.name}/{repository.name}"
        html_url = self.repository_url(repository)
        permissions = asdict(permission(self._store, repository, doer)) if doer else dict.fromkeys(_LEVELS, False)
        return {
            "id": repository.id,
            "owner": self.account(owner, doer),
            "name": repository.name,
            "full_name": full_name,
            "description": repository.description,
            "empty": not has_branches(self._tree.repository(owner, repository)),
            "private": repository.private,
            "fork": False,
            "template": False,
            "mirror": False,
            "size": 0,
            "language": "",
            "languages_url": f"{self.api_url(repository)}/languages",
            "html_url": html_url,
            "url": self.api_url(repository),
            "link": "",
            "ssh_url": f"git@localhost:{full_name}.git",
            "clone_url": f"{html_url}.git",
            "original_url": "",
            "website": repository.website,
            "stars_count": 0,
            "forks_count": 0,
            "watchers_count": 1,
            "open_issues_count": 0,
            "open_pr_counter": 0,
            "release_counter": 0,
            "default_branch": repository.default_branch,
            "archived": bool(repository.archived_at),
            "created_at": repository.created,
            "updated_at": repository.updated,
            "archived_at": repository.archived_at or EPOCH,
            "permissions": permissions,
            **_FEATURES,
            "internal": not repository.private and owner.visibility == "private",
            "mirror_interval": "",
            "object_format_name": "sha1",
            "mirror_updated": NEVER,
            "topics": [],
            "licenses": [],
        }

    def hook(self, hook: Hook) -> Json:
        """A hook, without its secret."""
        return {
            "id": hook.id,
            "type": hook.kind,
            "branch_filter": hook.branch_filter,
            "config": {"content_type": hook.content_type, "url": hook.url},
            "events": hook.events,
            "authorization_header": hook.authorization_header,
            "active": hook.active,
            "updated_at": hook.updated,
            "created_at": hook.created,
        }

    def status(self, status: CommitStatus, repository: Repository) -> Json:
        """What somebody said about a commit."""
        creator = self._store.accounts.get(status.creator)
        return {
            "id": status.id,
            "status": status.state,
            "target_url": status.target_url,
            "description": status.description,
            "url": f"{self.api_url(repository)}/statuses/{status.sha}",
            "context": status.context,
            "creator": self.account(creator) if creator else None,
            "created_at": status.created,
            "updated_at": status.created,
        }

    def _avatar(self, account: Account) -> str:
        seed = (account.email or account.name).lower().encode()
        return f"{self.root_url}/avatars/{hashlib.md5(seed, usedforsecurity=False).hexdigest()}"


_LEVELS = ("admin", "push", "pull")


def token_json(token: Token, plain: str = "") -> Json:
    """A token; its plain text is there only in the answer to its creation, which has no times yet."""
    time = NEVER if plain else token.created
    return {
        "id": token.id,
        "name": token.name,
        "sha1": plain,
        "token_last_eight": token.last_eight,
        "scopes": token.scopes,
        "created_at": time,
        "last_used_at": time,
    }
