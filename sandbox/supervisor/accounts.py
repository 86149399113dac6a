"""Tokens that the sandbox needs in its own Gitea, asked for as an installation would: over REST, with a password."""

import secrets
from typing import TYPE_CHECKING, Final

from sandbox.supervisor.credentials import OF_ARGOCD, OF_FUNCTIONS, Credentials
from sandbox.supervisor.errors import TokenRefused

if TYPE_CHECKING:
    import httpx

ADMINISTRATOR: Final = "platform-admin"
FUNCTION_SCOPES: Final = ("write:organization", "write:repository", "read:user")
READER_SCOPES: Final = ("read:repository",)

_CREATED: Final = 201
_OK: Final = 200


def ensure_tokens(endpoint: str, credentials: Credentials) -> None:
    """Mint the functions' token and ArgoCD's, unless those at hand still work (a wiped Gitea forgets them)."""
    import httpx  # noqa: PLC0415 - a third of the command's start-up time, and most commands never get here

    password = credentials.admin_password_file.read_text(encoding="utf-8").strip()
    with httpx.Client(base_url=f"{endpoint}/api/v1", timeout=10, trust_env=False) as http:
        if credentials.argocd_token and _works(http, credentials.gitea_token):
            return
        for name, scopes in ((OF_FUNCTIONS, FUNCTION_SCOPES), (OF_ARGOCD, READER_SCOPES)):
            answer = http.post(
                f"/users/{ADMINISTRATOR}/tokens",
                auth=(ADMINISTRATOR, password),
                # Gitea refuses a name twice, and a token whose answer was lost cannot be read again
                json={"name": f"sandbox-{name}-{secrets.token_hex(4)}", "scopes": list(scopes)},
            )
            if answer.status_code != _CREATED:
                raise TokenRefused(f"gitea answered {answer.status_code} when asked for a token: {answer.text[:200]}")
            credentials.keep(name, answer.json()["sha1"])


def _works(http: "httpx.Client", token: str | None) -> bool:
    return token is not None and http.get("/user", headers={"Authorization": f"token {token}"}).status_code == _OK
