"""Users and tokens that the sandbox needs in its own Gitea, asked for as an installation would: over REST.

The functions are a user of their own there, so that what a person pushes has another author than what the platform
writes. The administrator is for people.
"""

import secrets
from typing import TYPE_CHECKING, Final

from sandbox.supervisor.credentials import OF_ARGOCD, OF_FUNCTIONS, Credentials
from sandbox.supervisor.errors import TokenRefused

if TYPE_CHECKING:
    import httpx

ADMINISTRATOR: Final = "platform-admin"
BOT: Final = "infraforge"
"""The user of the functions. It creates the organization, and so owns it."""
FUNCTION_SCOPES: Final = ("write:organization", "write:repository", "read:user")
READER_SCOPES: Final = ("read:repository",)

_CREATED: Final = 201
_OK: Final = 200
_TAKEN: Final = 422
_Login = tuple[str, str]


def ensure_tokens(endpoint: str, credentials: Credentials, organization: str) -> None:
    """Make the functions' user, and its token and ArgoCD's, unless those at hand still work (a wiped Gitea forgets).

    Raises `TokenRefused`.
    """
    import httpx  # noqa: PLC0415 - a third of the command's start-up time, and most commands never get here

    with httpx.Client(base_url=f"{endpoint}/api/v1", timeout=10, trust_env=False) as http:
        if credentials.argocd_token and _works(http, credentials.gitea_token):
            return
        administrator = (ADMINISTRATOR, credentials.admin_password or "")
        bot = (BOT, credentials.bot_password or "")
        _ensure_user(http, administrator, bot)
        owner = bot if _may_own(http, administrator, bot, organization) else administrator
        for name, scopes in ((OF_FUNCTIONS, FUNCTION_SCOPES), (OF_ARGOCD, READER_SCOPES)):
            # Gitea refuses a name twice, and a token whose answer was lost cannot be read again
            wanted = {"name": f"sandbox-{name}-{secrets.token_hex(4)}", "scopes": list(scopes)}
            answer = http.post(f"/users/{owner[0]}/tokens", auth=owner, json=wanted)
            if answer.status_code != _CREATED:
                raise _refused("a token", answer)
            credentials.keep(name, answer.json()["sha1"])


def _ensure_user(http: "httpx.Client", administrator: _Login, bot: _Login) -> None:
    if http.get("/user", auth=bot).status_code == _OK:
        return
    name, password = bot
    user = {"username": name, "email": f"{name}@localhost.localdomain", "password": password}
    answer = http.post("/admin/users", auth=administrator, json=user | {"must_change_password": False})
    if answer.status_code == _TAKEN:
        raise TokenRefused(
            f'gitea has a user "{name}" whose password is not the one in this sandbox: `infraforge down --purge` '
            "and start over"
        )
    if answer.status_code != _CREATED:
        raise _refused(f'the user "{name}"', answer)


def _may_own(http: "httpx.Client", administrator: _Login, bot: _Login, organization: str) -> bool:
    """Whether the organization is the bot's or still to be made; a sandbox of an earlier version has it otherwise."""
    if http.get(f"/orgs/{organization}", auth=administrator).status_code != _OK:
        return True
    mine = http.get("/user/orgs", auth=bot)
    return mine.status_code == _OK and any(one["name"].lower() == organization.lower() for one in mine.json())


def _works(http: "httpx.Client", token: str | None) -> bool:
    return token is not None and http.get("/user", headers={"Authorization": f"token {token}"}).status_code == _OK


def _refused(what: str, answer: "httpx.Response") -> TokenRefused:
    return TokenRefused(f"gitea answered {answer.status_code} when asked for {what}: {answer.text[:200]}")
