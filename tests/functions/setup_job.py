"""The Job that makes the credentials, run for an installation of the test's own."""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from functions.bootstrap.setup import Clock, Setup
from functions.bootstrap.setup_gitea import Administrator
from functions.bootstrap.setup_settings import SetupSettings
from shared.kube.client import Document
from tests.fakes import FakeKube
from tests.functions.gitea import GiteaServer

NAMES = {
    "gitea_secret_name": "infraforge-gitea",
    "argocd_secret_name": "infraforge-argocd",
    "webhook_secret_name": "infraforge-webhook",
}


@dataclass
class Job:
    """Runs of the Job for one installation, with a user of its own in Gitea."""

    gitea: GiteaServer
    user: str = field(default_factory=lambda: f"bot{uuid.uuid4().hex[:8]}")
    kube: FakeKube = field(default_factory=FakeKube)
    said: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def run(self, *, transport: httpx.BaseTransport | None = None, clock: Clock | None = None, **settings: Any) -> str:
        """One run; what it said."""
        basic = {"gitea_endpoint": self.gitea.endpoint, "gitea_user": self.user, "author_email": f"{self.user}@x.test"}
        read = SetupSettings(**{**basic, **NAMES, **self.settings, **settings})
        gitea = Administrator(
            read.gitea_endpoint, self.gitea.admin[0], SecretStr(self.gitea.admin[1]), timeout=20, transport=transport
        )
        begun = len(self.said)
        try:
            Setup(read, gitea, self.kube, say=self.said.append, clock=clock).run()
        finally:
            gitea.close()
        return "\n".join(self.said[begun:])

    def secret(self, name: str) -> Document:
        """A Secret as it is now."""
        return self.kube.objects["secrets", "platform-system", f"infraforge-{name}"]

    def value(self, name: str) -> str:
        """What is in it."""
        key = "secret" if name == "webhook" else "token"
        return base64.b64decode(self.secret(name)["data"][key]).decode()

    def values(self) -> dict[str, str]:
        """What is in all of them."""
        return {name: self.value(name) for name in ("gitea", "argocd", "webhook")}

    def annotations(self, name: str) -> Mapping[str, str]:
        """What a Secret tells of what is in it."""
        found: Mapping[str, str] = self.secret(name)["metadata"]["annotations"]
        return found

    def api(self, method: str, path: str, body: Any = None, token: str | None = None) -> httpx.Response:
        """A request to Gitea: the administrator's, or one with a token."""
        url = f"{self.gitea.endpoint}/api/v1{path}"
        if token is None:
            return httpx.request(method, url, json=body, auth=self.gitea.admin)
        return httpx.request(method, url, json=body, headers={"Authorization": f"token {token}"})

    def tokens(self) -> dict[str, list[str]]:
        """Name → scopes of the user's tokens in Gitea."""
        listed = self.api("GET", f"/users/{self.user}/tokens?limit=50").raise_for_status().json()
        return {one["name"]: one["scopes"] for one in listed}

    def may(self, token: str) -> int:
        """What Gitea answers who asks for itself with it."""
        return self.api("GET", "/user", token=token).status_code


def at_rest(job: Job, tokens: int) -> None:
    """The Secrets hold what works, and Gitea has no token that nobody holds."""
    assert (job.may(job.value("gitea")), job.may(job.value("argocd"))) == (200, 403)
    assert len(job.tokens()) == tokens
