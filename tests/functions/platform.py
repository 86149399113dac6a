"""The three functions around an organization of their own: real handlers and real Git; the Kubernetes API is a fake."""

import re
import subprocess
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
from tests.functions.gitea import ROOT, GiteaServer

GITEA_URL = "http://gitea-http.gitea.svc:3000"
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
KINDS = {kind.name: kind for kind in (BOOTSTRAP, INFRASTRUCTURE, APPLICATION, PLATFORM)}


def example(path: str) -> dict[str, Any]:
    """One of the example claims of deployments/."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / path).read_text())
    return document


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
        self.gitea = Gitea(self.server.endpoint, lambda: self.settings.get("token", self.server.token), timeout=10)
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
