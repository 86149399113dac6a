"""A real Gitea stand-in with real Git for the functions' tests; the Kubernetes API is a fake."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from functions.application.handler import ApplicationHandler
from functions.bootstrap import charts
from functions.bootstrap.handler import BootstrapHandler
from functions.bootstrap.infrastructure import InfrastructureHandler
from functions.bootstrap.settings import BootstrapSettings
from functions.platform.handler import PlatformHandler
from shared.admission import Admission
from shared.argocd import Layout
from shared.events import ClaimRef, Event
from shared.git import Author, Remote, Repository
from shared.gitea import Gitea
from shared.kinds import APPLICATION, BOOTSTRAP, INFRASTRUCTURE, PLATFORM
from shared.memory import Memory
from shared.reconciler import Handler, Reconciler
from shared.removal import Limits
from shared.rendering.gate import Gate
from shared.telemetry import Metrics
from shared.voltran import Voltran
from shared.web import Reply
from tests.fakes import FakeKube, FakeRegistry, last_mile

ROOT = Path(__file__).resolve().parents[2]
GITEA_URL = "http://gitea-http.gitea.svc:3000"
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
KINDS = {kind.name: kind for kind in (BOOTSTRAP, INFRASTRUCTURE, APPLICATION, PLATFORM)}


def example(path: str) -> dict[str, Any]:
    """One of the example claims of deployments/."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / path).read_text())
    return document


@dataclass(frozen=True)
class GiteaServer:
    """A running Gitea stand-in and a token that may do what the functions do."""

    endpoint: str
    token: SecretStr
    readonly: SecretStr
    admin: tuple[str, str]


@pytest.fixture(scope="session")
def gitea_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GiteaServer]:
    """`python -m sandbox.gitea` on a free port."""
    data = tmp_path_factory.mktemp("gitea")
    (data / "admin.password").write_text("correct horse")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "sandbox.gitea",
        "--port",
        str(port),
        "--data-dir",
        str(data),
        "--admin-user",
        "root-admin",
    ]
    log = (data / "log").open("wb")
    process = subprocess.Popen([*command, "--admin-password-file", str(data / "admin.password")], cwd=ROOT, stderr=log)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{endpoint}/api/healthz", process)
        admin = ("root-admin", "correct horse")
        yield GiteaServer(
            endpoint,
            _mint(endpoint, admin, "functions", ["write:organization", "write:repository", "read:user"]),
            _mint(endpoint, admin, "readonly", ["read:repository", "read:organization", "read:user"]),
            admin,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        log.close()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            if httpx.get(url, timeout=1).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.02)  # a port that nobody listens on yet answers at once: this only bounds the polling
    raise TimeoutError(url)


def _mint(endpoint: str, admin: tuple[str, str], name: str, scopes: list[str]) -> SecretStr:
    answer = httpx.post(
        f"{endpoint}/api/v1/users/{admin[0]}/tokens", auth=admin, json={"name": name, "scopes": scopes}
    ).raise_for_status()
    return SecretStr(answer.json()["sha1"])


@dataclass
class Platform:
    """The three functions' reconcilers around one organization of their own, a fake API server and real Git."""

    server: GiteaServer
    cache: Path
    organization: str = field(default_factory=lambda: f"org{uuid.uuid4().hex[:8]}")
    kube: FakeKube = field(default_factory=FakeKube)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    metrics: Metrics = field(default_factory=Metrics)
    settings: dict[str, Any] = field(default_factory=dict)
    gate: Gate | None = None
    """Without one nothing is rendered, so that a test may name charts and values that there are not."""

    def __post_init__(self) -> None:
        self.layout = Layout(GITEA_URL, "argocd", self.settings.get("value_files", "ref"))
        self.gitea = Gitea(self.server.endpoint, self.settings.get("token", self.server.token), timeout=10)
        self.repositories: dict[str, Repository] = {}

    def repository(self, organization: str, name: str) -> Repository:
        """The writer of one repository, as wiring makes it."""
        key = f"{organization}/{name}"
        if key not in self.repositories:
            self.repositories[key] = Repository(
                self.cache / key,
                Remote(f"{self.server.endpoint}/{key}.git"),
                token=lambda: self.settings.get("token", self.server.token),
                author=Author("InfraForge", "infraforge@example.com"),
                clock=lambda: NOW,
            )
        return self.repositories[key]

    def reconciler(self, kind: str) -> Reconciler[Any]:
        """The reconciler of a kind, made anew as after a restart."""
        admission = Admission(
            self.kube,
            operators_only=kind == "InfrastructureClaim",
            gitea_url=GITEA_URL,
            system_namespace="platform-system",
            cluster_types=frozenset(self.settings.get("cluster_types", ())),
            environment_namespaces=self.settings.get("environment_namespaces", {}),
        )
        memory = Memory()
        voltran = self.voltran(memory)
        limits = self.settings.get("limits", Limits(number=100, share=1))
        handler: Handler[Any]
        if kind == "BootstrapClaim":
            handler = self.bootstrap_handler(voltran)
        elif kind == "ApplicationClaim":
            handler = ApplicationHandler(
                admission=admission,
                kube=self.kube,
                voltran=voltran,
                limits=limits,
                last_mile=last_mile(self.kube, lambda organization: self.repository(organization, "voltran")),
                gate=self.gate,
                resolve_all=self.registry,
                layout=self.layout,
            )
        elif kind == "InfrastructureClaim":
            handler = InfrastructureHandler(
                admission=admission,
                voltran=voltran,
                limits=limits,
                last_mile=last_mile(self.kube, lambda organization: self.repository(organization, "voltran")),
                gate=self.gate,
                kube=self.kube,
                layout=self.layout,
                system_namespaces=frozenset({"platform-system", "argocd"}),
                bound=self.settings.get("environment_namespaces", {}),
            )
        else:
            handler = PlatformHandler(
                admission=admission,
                voltran=voltran,
                limits=limits,
                last_mile=last_mile(self.kube, lambda organization: self.repository(organization, "voltran")),
                gate=self.gate,
                kube=self.kube,
                layout=self.layout,
            )
        return Reconciler(
            KINDS[kind],
            self.kube,
            handler,
            memory=memory,
            metrics=self.metrics,
            pause=lambda _: None,
            trace=self.settings.get("trace", lambda _: None),
            now=lambda: NOW,
        )

    def voltran(self, memory: Memory) -> Voltran:
        """The repository as one process sees it."""
        return Voltran(
            lambda organization: self.repository(organization, "voltran"),
            self.gitea,
            gitea_url=GITEA_URL,
            metrics=self.metrics,
            memory=memory,
            pause=lambda _: None,
            together=8,
            trace=self.settings.get("trace", lambda _: None),
        )

    def bootstrap_handler(self, voltran: Voltran | None = None) -> BootstrapHandler:
        """The bootstrap function's handler with this platform's settings."""
        settings = BootstrapSettings(
            gitea_token=self.server.token,
            argocd_token=self.server.readonly,
            webhook_url="http://127.0.0.1:9",
            webhook_secret=self.settings.get("webhook_secret", SecretStr("s3cret")),
            cluster_types=frozenset(self.settings.get("cluster_types", ())),
        )
        return BootstrapHandler(
            settings,
            kube=self.kube,
            gitea=self.gitea,
            repository=self.repository,
            voltran=voltran or self.voltran(Memory()),
            last_mile=last_mile(self.kube),
            charts=charts.read(self.settings.get("charts_dir", ROOT / "charts")),
            platform_charts=charts.read(ROOT / "platform-charts"),
        )

    def claim(self, document: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """`document` in this platform's organization, with top-level spec fields changed, put into the API server."""
        if document["kind"] == "BootstrapClaim":
            document = document | {
                "spec": document["spec"] | {"gitea": {"url": GITEA_URL, "organization": self.organization}}
            }
        document = document | {"spec": document["spec"] | changes}
        return self.kube.put(KINDS[document["kind"]].resource, document)

    def react(self, document: dict[str, Any], event_id: str = "event-1") -> Reply | None:
        """What the function does about an event of this claim."""
        metadata = document["metadata"]
        ref = ClaimRef(document["kind"], metadata["namespace"], metadata["name"])
        return self.reconciler(ref.kind).react(Event(event_id, "dev.knative.apiserver.resource.update", ref))

    def apply(self, document: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Put a claim, let its function converge it, and return the live object."""
        put = self.claim(document, **changes)
        self.react(put)
        return self.live(put)

    def live(self, document: dict[str, Any]) -> dict[str, Any]:
        """The claim as the API server has it now."""
        metadata = document["metadata"]
        found = self.kube.get(KINDS[document["kind"]].resource, metadata["namespace"], metadata["name"])
        assert found is not None
        return found

    def annotate(self, document: dict[str, Any], **annotations: str | None) -> dict[str, Any]:
        """What `kubectl annotate` would do, also to a claim that is being deleted; names are ours, with `_` for `-`."""
        ours = {f"platform.infraforge.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
        live = self.live(document)
        return self.kube.patch_metadata(KINDS[document["kind"]].resource, live, {"annotations": ours})

    def delete(self, document: dict[str, Any]) -> None:
        """What `kubectl delete` would do, and what the function does about it."""
        metadata = document["metadata"]
        self.kube.remove(KINDS[document["kind"]].resource, metadata["namespace"], metadata["name"])
        self.react(document)

    def exists(self, document: dict[str, Any]) -> bool:
        """Whether the API server has the claim."""
        metadata = document["metadata"]
        return self.kube.get(KINDS[document["kind"]].resource, metadata["namespace"], metadata["name"]) is not None

    def told(self, document: dict[str, Any]) -> list[tuple[str, str]]:
        """Reason and message of every Event about a claim, in order."""
        about = [one for one in self.kube.events if one["involvedObject"]["name"] == document["metadata"]["name"]]
        return [(one["reason"], one["message"]) for one in about]

    def lose_caches(self) -> None:
        """Every process that comes now starts on an empty disk."""
        self.repositories.clear()
        self.cache = self.cache / "again"

    def bootstrap(self) -> dict[str, Any]:
        """The seed's platform, ready."""
        return self.apply(example("bootstrap-claim.yaml"))

    def head(self, repository: str = "voltran") -> str | None:
        """The commit that `main` stands on."""
        return self.gitea.head(self.organization, repository)

    def git(self, *arguments: str, repository: str = "voltran") -> str:
        """A git command on an up-to-date mirror of a repository."""
        mirror = self.cache / f"mirror-{repository}"
        token = self.server.token.get_secret_value()
        url = f"{self.server.endpoint}/{self.organization}/{repository}.git".replace("://", f"://x:{token}@")
        if mirror.exists():
            subprocess.run(["git", "fetch", "-q", "--prune"], cwd=mirror, check=True)
        else:
            subprocess.run(["git", "clone", "-q", "--mirror", url, str(mirror)], check=True)
        return subprocess.run(["git", *arguments], cwd=mirror, check=True, capture_output=True, text=True).stdout

    def commits(self) -> int:
        """How many there are on `main`."""
        return int(self.git("rev-list", "--count", "main"))

    def message(self, revision: str = "main") -> str:
        """A commit's whole message."""
        return self.git("show", "-s", "--format=%B", revision)

    def changes(self, revision: str = "main") -> dict[str, str]:
        """Path → A, M or D of what a commit changed."""
        lines = self.git("show", "--name-status", "--no-renames", "--format=", revision).split("\n")
        return {path: how for how, _, path in (line.partition("\t") for line in lines if line)}

    def tree(self, repository: str = "voltran", revision: str = "main") -> list[str]:
        """Every path in a repository."""
        return self.git("ls-tree", "-r", "--name-only", revision, repository=repository).splitlines()

    def files(self, repository: str = "voltran") -> dict[str, str]:
        """Path → content of everything on `main`."""
        self.git("worktree", "prune", repository=repository)
        tree = self.cache / f"tree-{uuid.uuid4().hex}"
        self.git("worktree", "add", "-q", "--detach", str(tree), "main", repository=repository)
        return {
            file.relative_to(tree).as_posix(): file.read_text()
            for file in sorted(tree.rglob("*"))
            if file.is_file() and file.name != ".git"
        }

    def file(self, path: str, repository: str = "voltran") -> str:
        """A file's content on `main`."""
        return self.git("show", f"main:{path}", repository=repository)


@pytest.fixture
def platform(gitea_server: GiteaServer, tmp_path: Path) -> Iterator[Platform]:
    """A platform of its own for one test."""
    platform = Platform(gitea_server, tmp_path)
    yield platform
    platform.gitea.close()


def ready(document: dict[str, Any]) -> tuple[str, str, str]:
    """Status, reason and message of a claim's `Ready`."""
    return condition(document, "Ready")


def condition(document: dict[str, Any], kind: str) -> tuple[str, str, str]:
    """Status, reason and message of a claim's condition."""
    found = next(one for one in document["status"]["conditions"] if one["type"] == kind)
    return found["status"], found["reason"], found["message"]


def normalised(text: str, organization: str) -> str:
    """Generated text as golden files hold it: the seed's organization, and one name for every charts tag."""
    return re.sub(r"embedded-[0-9a-f]{12}", "embedded-000000000000", text.replace(organization, "platform"))


def pretty(document: Any) -> str:
    """JSON for people, for assertion messages."""
    return json.dumps(document, indent=2, sort_keys=True)


@pytest.fixture
def there(platform: Platform) -> Platform:
    """A platform that is bootstrapped."""
    platform.bootstrap()
    return platform


@pytest.fixture
def apps() -> dict[str, Any]:
    """The seed's ApplicationClaim."""
    return example("dev/dev-apps-claim.yaml")


@pytest.fixture
def services() -> dict[str, Any]:
    """The seed's PlatformClaim."""
    return example("dev/dev-platform-claim.yaml")
