"""Who may see and change what: Gitea's rules, reduced to owners, collaborators and site administrators."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from sandbox.gitea.store import Account, Protection, Repository, Store


@dataclass(frozen=True)
class Permission:
    """What one user may do with one repository."""

    admin: bool = False
    push: bool = False
    pull: bool = False


def owns(account: Account, user: Account | None) -> bool:
    """Whether the user may do everything with the account."""
    return user is not None and (user.is_admin or user.id == account.id or user.id in account.owners)


def sees(account: Account, user: Account | None) -> bool:
    """Whether the account is visible: a private one only to its owners, a limited one to every user."""
    return (
        owns(account, user) or account.visibility == "public" or (account.visibility == "limited" and user is not None)
    )


def permission(store: Store, repository: Repository, user: Account | None) -> Permission:
    """What the user (None: an anonymous reader) may do with the repository."""
    owner = store.owner(repository)
    if owns(owner, user):
        return Permission(admin=True, push=True, pull=True)
    level = repository.collaborators.get(str(user.id)) if user else None
    if level:
        return Permission(admin=level == "admin", push=level in ("admin", "write"), pull=True)
    return Permission(pull=not repository.private and sees(owner, user))


def protection_of(store: Store, repository: Repository, branch: str) -> Protection | None:
    """The first protection whose rule matches the branch: its plain name before patterns, older before newer."""
    rules = store.protections_of(repository)
    exact = next((rule for rule in rules if rule.rule_name == branch), None)
    return exact or next((rule for rule in rules if fnmatchcase(branch, rule.rule_name)), None)


def pushes(rule: Protection, user: Account) -> bool:
    """Whether the rule lets this user, who may write to the repository, push to the branch."""
    options = rule.options
    return bool(options["enable_push"]) and (
        not options["enable_push_whitelist"] or user.name in _names(options["push_whitelist_usernames"])
    )


def forces(rule: Protection, user: Account) -> bool:
    """Whether the rule lets this user rewrite the branch."""
    options = rule.options
    return bool(options["enable_force_push"]) and (
        not options["enable_force_push_allowlist"] or user.name in _names(options["force_push_allowlist_usernames"])
    )


def _names(value: object) -> list[str]:
    return value if isinstance(value, list) else []
