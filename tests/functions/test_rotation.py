"""Credentials that change while a function runs: one process of it for all tests, beside an API server and Gitea."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from functions.bootstrap.desired import hook_fingerprint
from shared.events import PING
from tests.functions.gitea import ROOT, GiteaServer
from tests.functions.platform import condition, example, ready
from tests.functions.test_processes import spawn, stop
from tests.sandbox.apiserver.conftest import Running, start

SCOPES = ("write:organization", "write:repository", "read:user")
DONE = (200, 204)
"""With a reply to the other functions, and without one."""
WEBHOOK = "http://127.0.0.1:9"
CLAIMS = "/apis/platform.infraforge.io/v1alpha1/namespaces/platform-system/bootstrapclaims"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An API server's process that knows claims and ArgoCD's kinds."""
    data = tmp_path_factory.mktemp("api")
    crds = (str(ROOT / "knative/files/crds"), "--crds", str(ROOT / "sandbox/argocd/crds.yaml"))
    server = start(data, "--crds", *crds, "--namespaces", "platform-system,argocd")
    yield server
    server.stop()


@dataclass
class Installed:
    """The bootstrap function's process, which is started once, with its credentials in files."""

    gitea: GiteaServer
    cluster: Running
    folder: Path
    organization: str = field(default_factory=lambda: f"org{uuid.uuid4().hex[:8]}")
    credentials: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.kubernetes = self.cluster.client()
        self.write("gitea", self.mint())
        self.write("argocd", self.mint("read:repository"))
        self.write("webhook", "first secret")
        files = {name: str(self.folder / name) for name in ("gitea", "argocd", "webhook")}
        settings = {
            "GITEA_ENDPOINT": self.gitea.endpoint,
            "GITEA_TOKEN": "",
            "GITEA_TOKEN_FILE": files["gitea"],
            "ARGOCD_TOKEN_FILE": files["argocd"],
            "WEBHOOK_SECRET_FILE": files["webhook"],
            "WEBHOOK_URL": WEBHOOK,
            "KUBECONFIG": str(self.cluster.kubeconfig),
        }
        self.function = spawn(
            "bootstrap", self.folder, **{f"INFRAFORGE_{name}": value for name, value in settings.items()}
        )
        self.http = httpx.Client(base_url=self.function.url, timeout=60)

    def close(self) -> None:
        """End the process; nothing of what was ever in the files is in its log."""
        self.http.close()
        self.kubernetes.close()
        assert stop(self.function) == 0
        log = self.function.log.read_text()
        assert not [credential for credential in self.credentials if credential in log]

    def write(self, name: str, credential: str) -> None:
        """Put a credential into its file, in one step, as a kubelet does."""
        self.credentials |= {credential} if credential else set()
        (self.folder / "new").write_text(f"{credential}\n")
        (self.folder / "new").rename(self.folder / name)

    def mint(self, *scopes: str) -> str:
        """A new token, of the user to whom all of them belong."""
        user = self.gitea.admin[0]
        body = {"name": uuid.uuid4().hex, "scopes": scopes or SCOPES}
        url = f"{self.gitea.endpoint}/api/v1/users/{user}/tokens"
        made = httpx.post(url, auth=self.gitea.admin, json=body).raise_for_status()
        return str(made.json()["sha1"])

    def revoke(self, token: str) -> None:
        """Gitea does not know it any more."""
        user = self.gitea.admin[0]
        url = f"{self.gitea.endpoint}/api/v1/users/{user}/tokens"
        with httpx.Client(auth=self.gitea.admin) as client:
            for page in range(1, 20):
                for one in client.get(url, params={"page": page, "limit": 50}).raise_for_status().json():
                    if token.endswith(one["token_last_eight"]):
                        client.delete(f"{url}/{one['name']}").raise_for_status()
                        return
        raise AssertionError("no such token")

    def post(self, path: str, **headers: str) -> int:
        """The status of what the function answers."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, content=b"{}", headers={"Content-Type": "application/json"} | sent).status_code

    def resync(self) -> int:
        """A PingSource's event, and the status of its answer."""
        event = {"ce_specversion": "1.0", "ce_id": uuid.uuid4().hex, "ce_source": "/ping", "ce_type": PING}
        return self.post("/", **event)

    def deliver(self, secret: str) -> int:
        """A delivery of Gitea's that is signed with that secret; no Broker is set, so that 503 is the best answer."""
        signature = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
        headers = {"X_Gitea_Event": "push", "X_Gitea_Delivery": "1", "X_Gitea_Signature": signature}
        return self.post("/webhooks/gitea", **headers)

    def claim(self) -> dict[str, Any]:
        """The BootstrapClaim as it is now."""
        found: dict[str, Any] = self.kubernetes.get(f"{CLAIMS}/{self.organization}").raise_for_status().json()
        return found

    def argocds(self) -> str:
        """The token in ArgoCD's Secret."""
        path = f"/api/v1/namespaces/argocd/secrets/infraforge-{self.organization}-repositories"
        return base64.b64decode(self.kubernetes.get(path).raise_for_status().json()["data"]["password"]).decode()

    def hooks(self) -> list[str]:
        """The addresses of the organization's webhooks."""
        url = f"{self.gitea.endpoint}/api/v1/orgs/{self.organization}/hooks"
        return [one["config"]["url"] for one in httpx.get(url, auth=self.gitea.admin).raise_for_status().json()]


@pytest.fixture(scope="module")
def installed(
    gitea_server: GiteaServer, cluster: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    """A platform that is ready."""
    installed = Installed(gitea_server, cluster, tmp_path_factory.mktemp("function"))
    try:
        document = example("bootstrap-claim.yaml")
        document["metadata"]["name"] = installed.organization
        document["spec"]["gitea"]["organization"] = installed.organization
        installed.kubernetes.post(CLAIMS, json=document).raise_for_status()
        assert installed.resync() in DONE
        assert ready(installed.claim())[1] == "Bootstrapped"
        yield installed
    finally:
        installed.close()


def hook(secret: str) -> str:
    return f"{WEBHOOK}/webhooks/gitea?fingerprint={hook_fingerprint(SecretStr(secret))}"


def test_argocds_token(installed: Installed) -> None:
    """The next resync brings it to ArgoCD, although the claim is as it was, and settled."""
    before = installed.claim()
    renewed = installed.mint("read:repository")
    installed.write("argocd", renewed)
    assert installed.argocds() != renewed
    assert installed.resync() in DONE
    assert installed.argocds() == renewed
    assert installed.claim()["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_the_webhooks_secret(installed: Installed) -> None:
    """Deliveries are taken throughout: with the new one at once, with the one before until the webhook has the new."""
    installed.write("webhook", "first secret")
    assert installed.resync() in DONE
    assert installed.hooks() == [hook("first secret")]
    assert [installed.deliver("first secret"), installed.deliver("second secret")] == [503, 401]
    installed.write("webhook", "second secret")
    assert [installed.deliver("first secret"), installed.deliver("second secret")] == [503, 503]
    assert installed.hooks() == [hook("first secret")]
    assert installed.resync() in DONE
    assert installed.hooks() == [hook("second secret")]
    assert installed.claim()["status"]["webhook"] == hook("second secret")
    assert installed.deliver("third secret") == 401


def test_the_functions_own_token(installed: Installed) -> None:
    """The old one is revoked as soon as the new one is in the file, for the API and for Git alike."""
    old = (installed.folder / "gitea").read_text().strip()
    installed.write("gitea", installed.mint())
    installed.revoke(old)
    generation = installed.claim()["metadata"]["generation"]
    clusters = installed.claim()["spec"]["clusters"]
    clusters[0]["environments"].append("more")
    patch = {"spec": {"clusters": clusters}}
    headers = {"Content-Type": "application/merge-patch+json"}
    installed.kubernetes.patch(f"{CLAIMS}/{installed.organization}", json=patch, headers=headers).raise_for_status()
    assert installed.resync() in DONE
    status = installed.claim()["status"]
    assert status["observedGeneration"] == generation + 1
    assert "more" in status["clusters"][0]["environments"]
    assert ready(installed.claim())[0] == "True"


def test_a_token_that_is_revoked_before_the_new_one_is_here(installed: Installed) -> None:
    """A person revoked it: the claim says what to renew, and goes on by itself when it is renewed."""
    installed.revoke((installed.folder / "gitea").read_text().strip())
    assert installed.resync() in DONE
    assert ready(installed.claim())[1] == "TokenRefused"
    assert condition(installed.claim(), "Stalled")[0] == "True"
    installed.write("gitea", installed.mint())
    assert installed.resync() in DONE
    assert ready(installed.claim())[0] == "True"


@pytest.mark.parametrize("name", ["argocd", "webhook"])
def test_a_file_that_is_empty_for_a_moment(installed: Installed, name: str) -> None:
    """Another try in a moment, and the status says until then which file it is."""
    good = (installed.folder / name).read_text().strip()
    installed.write(name, "")
    assert installed.resync() == 503
    assert ready(installed.claim())[1] == "CredentialUnreadable"
    assert condition(installed.claim(), "Reconciling")[0] == "True"
    assert f"{installed.folder / name} is empty: put the credential into it" in ready(installed.claim())[2]
    installed.write(name, good)
    assert installed.resync() in DONE
    assert ready(installed.claim())[0] == "True"


def test_the_functions_own_file_is_empty_for_a_moment(installed: Installed) -> None:
    """As while Gitea is down: nothing can be looked at, another try in a moment, and who asks after it is told."""
    good = (installed.folder / "gitea").read_text().strip()
    installed.write("gitea", "")
    assert installed.resync() == 503
    answer = installed.http.get("/readyz")
    assert answer.status_code == 503
    assert f"{installed.folder / 'gitea'} is empty" in answer.text
    installed.write("gitea", good)
    assert installed.resync() in DONE
    assert ready(installed.claim())[0] == "True"
