"""Organizations, repositories and webhooks over Gitea's API v1.

Gitea's answers, which differ from what one would expect in many places, are recorded in tests/recordings/gitea.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import SecretStr

from shared.errors import Forbidden, InfraForgeError
from shared.git import message
from shared.gitea.api import PAGE, Api, GiteaNotFound, GiteaRefused, GiteaUnauthorized, TokenAuth, as_described, part
from shared.history import PastCommit
from shared.secret import Source

MAX_PAGES: Final = 200
_EXISTS: Final = frozenset({409, 422})
_EMPTY: Final = 409
"""Of a list of commits: the repository has none."""


@dataclass(frozen=True)
class Hook:
    """A webhook as Gitea lists it: never with its secret."""

    id: int
    url: str
    active: bool
    events: frozenset[str]


class Gitea:
    """A client of one Gitea, at `endpoint`. Thread-safe; the token goes to that endpoint only.

    The token is asked anew for every request, and once more before a 401 is believed: it may just have been replaced.

    Every method raises `GiteaUnavailable` for a time-out, a refused connection, 429 and 5xx, and `Forbidden` for 401
    and 403, with Gitea's own words.
    """

    def __init__(
        self,
        endpoint: str,
        token: Source,
        *,
        timeout: float,
        authorities: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        auth = TokenAuth(token)
        self._api = Api(endpoint, auth, worded=_worded, timeout=timeout, authorities=authorities, transport=transport)

    def close(self) -> None:
        """Give the connections back."""
        self._api.close()

    def ensure_organization(self, name: str) -> bool:
        """Create the organization, private; False when it was there already."""
        if self._api.exists(f"/orgs/{part(name)}"):
            return False
        created = self._create("/orgs", {"username": name, "visibility": "private"})
        if not created and not self._api.exists(f"/orgs/{part(name)}"):  # Gitea: 422 also when a user has the name
            raise Forbidden(
                f'the organization "{name}" cannot be created: the name belongs to a user, is reserved, or is an '
                "organization that our token may not see; choose another spec.gitea.organization or grant access",
                reason="OrganizationNotAccessible",
            )
        return created

    def ensure_repository(self, organization: str, name: str) -> bool:
        """Create the repository, private and empty; False when it was there already."""
        if self._api.exists(f"/repos/{part(organization)}/{part(name)}"):
            return False
        body = {"name": name, "private": True, "auto_init": False, "default_branch": "main"}
        try:
            return self._create(f"/orgs/{part(organization)}/repos", body)
        except (GiteaNotFound, Forbidden) as error:
            raise Forbidden(
                f'our token may not create repositories in the organization "{organization}": '
                f"make its user an owner of the organization, and give it the scope write:organization ({error})",
                reason="OrganizationNotWritable",
            ) from error

    def head(self, organization: str, repository: str, branch: str = "main") -> str | None:
        """The commit a branch stands on; None when the branch or the repository does not exist."""
        try:
            answer = self._api.request("GET", f"/repos/{part(organization)}/{part(repository)}/branches/{part(branch)}")
        except GiteaNotFound:
            return None
        with as_described():
            return str(answer["commit"]["id"])

    def last_commit(self, organization: str, repository: str, path: str) -> PastCommit | None:
        """The last commit on the default branch that changed `path`; None when none did."""
        where = f"/repos/{part(organization)}/{part(repository)}/commits"
        query = {"path": path, "limit": "1", "stat": "false", "verification": "false", "files": "false"}
        try:
            answer = self._api.request("GET", where, query=query)
        except GiteaNotFound:
            return None
        except GiteaRefused as error:
            if error.status == _EMPTY:
                return None
            raise
        if not answer:
            return None
        with as_described():
            commit = answer[0]["commit"]
            when = _moment(commit["committer"]["date"])
            author = f"{commit['author']['name']} <{commit['author']['email']}>"
            claim, generation = message.claim_of(commit["message"])
            return PastCommit(str(answer[0]["sha"]), when.isoformat(), author, claim, generation)

    def hooks(self, organization: str) -> Iterator[Hook]:
        """The organization's webhooks, ours and everybody's."""
        for page in range(1, MAX_PAGES):
            listed = self._api.request(
                "GET", f"/orgs/{part(organization)}/hooks", query={"page": str(page), "limit": str(PAGE)}
            )
            with as_described():
                found = [_hook(one) for one in listed or []]
            yield from found
            if len(found) < PAGE:
                return

    def create_hook(self, organization: str, url: str, secret: SecretStr, events: frozenset[str]) -> None:
        """Register a webhook of the organization, active (Gitea's own default is inactive)."""
        body = {
            "type": "gitea",
            "active": True,
            "events": sorted(events),
            "config": {"url": url, "content_type": "json", "secret": secret.get_secret_value()},
        }
        self._api.request("POST", f"/orgs/{part(organization)}/hooks", body=body)

    def delete_hook(self, organization: str, hook: Hook) -> None:
        """Remove a webhook; one that is gone already is no error."""
        try:
            self._api.request("DELETE", f"/orgs/{part(organization)}/hooks/{hook.id}")
        except GiteaNotFound:
            return

    def ping(self) -> None:
        """Raise what stands between us and Gitea, if anything does; our token is tried as well."""
        self._api.request("GET", "/user")

    def _create(self, path: str, body: Mapping[str, object]) -> bool:
        """True when created; 409 and 422 are what Gitea says when it is there."""
        try:
            self._api.request("POST", path, body=body)
        except GiteaRefused as error:
            if error.status in _EXISTS:
                return False
            raise
        return True


def _worded(error: InfraForgeError) -> InfraForgeError:
    if not isinstance(error, GiteaUnauthorized):
        return error
    return Forbidden(
        "Gitea does not know our token: renew INFRAFORGE_GITEA_TOKEN, or what is in the file that "
        f"INFRAFORGE_GITEA_TOKEN_FILE names ({error})",
        reason="TokenRefused",
    )


def _hook(document: Mapping[str, Any]) -> Hook:
    return Hook(
        id=int(document["id"]),
        url=str((document.get("config") or {}).get("url", "")),
        active=bool(document.get("active")),
        events=frozenset(document.get("events") or ()),
    )


def _moment(text: str) -> datetime:
    """A commit's time; one that no calendar has, for whoever commits sets the clock, is the earliest there is."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)
