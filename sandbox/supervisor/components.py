"""The processes of a sandbox: what each is started with, what it waits for, and how it shows that it serves."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.supervisor.accounts import ADMINISTRATOR
from sandbox.supervisor.credentials import Credentials
from sandbox.supervisor.directory import DataDirectory
from sandbox.supervisor.eventing import KINDS
from sandbox.supervisor.options import Options
from sandbox.supervisor.ports import HOST

APISERVER: Final = "apiserver"
GITEA: Final = "gitea"
REGISTRY: Final = "registry"
BROKER: Final = "broker"
SOURCE: Final = "source"
ARGOCD: Final = "argocd"
FUNCTIONS: Final = tuple(dict.fromkeys(KINDS.values()))

CLUSTER_READY: Final = "cluster"
"""The step after which the cluster holds the kinds and namespaces of an installation."""
TOKENS_READY: Final = "tokens"
"""The step after which the tokens of Gitea are at hand."""

NAMESPACES: Final = ("platform-system", "platform-services", "argocd", "dev", "qa", "sandbox", "prod", "stage")
GITEA_URL: Final = "http://gitea-http.gitea.svc:3000"
"""The address that claims say and Git holds, whatever the port Gitea listens on here."""
MIRRORED: Final = "ghcr.io"
CHARTS: Final = f"{MIRRORED}/infraforge"
"""Where charts may come from besides Gitea, which the sandbox's registry serves some of."""
WORKLOADS_READY_AFTER: Final = "1"
"""Seconds until a workload's replicas are said to be available."""
THREADS: Final = "128"
"""Of each function: more than INFRAFORGE_MAX_WAITING, so that what exceeds it hears 503 and a probe is answered."""

PACKAGES: Final = Path(__file__).resolve().parents[2]
"""The folder that holds `functions`, `sandbox` and `shared`."""


@dataclass(frozen=True)
class Component:
    """One process. `environment` is asked for at the start, when what the process `needs` is there."""

    name: str
    arguments: tuple[str, ...]
    ready: str
    needs: frozenset[str] = frozenset()
    environment: Callable[[], Mapping[str, str]] = dict
    kubeconfig: Path | None = None
    unauthorized: bool = False


@dataclass(frozen=True)
class Blueprint:
    """A sandbox on paper: its directory, options and ports, and the addresses that follow from them."""

    directory: DataDirectory
    options: Options
    ports: Mapping[str, int]

    @property
    def credentials(self) -> Credentials:
        """The sandbox's passwords and tokens."""
        return Credentials(self.directory.credentials)

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the cluster, ours or the real one."""
        own = self.directory.component(APISERVER) / "kubeconfig"
        return Path(self.options.kubeconfig) if self.options.kubeconfig else own

    @property
    def gitea(self) -> str:
        """Where Gitea listens."""
        return self.options.gitea_url or self.url(GITEA)

    @property
    def registry(self) -> str:
        """Where the image registry listens."""
        return self.options.registry or self.url(REGISTRY)

    @property
    def triggers_file(self) -> Path:
        """The broker's configuration."""
        return self.directory.configuration / "triggers.yaml"

    @property
    def sources_file(self) -> Path:
        """The source's configuration."""
        return self.directory.configuration / "sources.yaml"

    @property
    def crds_folder(self) -> Path:
        """The definitions that the API server installs when it starts."""
        return self.directory.configuration / "crds"

    def url(self, name: str) -> str:
        """Where one of our own components listens; empty before it was ever started."""
        port = self.ports.get(name)
        return f"{'https' if name == APISERVER else 'http'}://{HOST}:{port}" if port else ""

    def components(self) -> list[Component]:
        """Our processes, in the order in which a person would name them."""
        infrastructure = [
            *([] if self.options.kubeconfig else [self._apiserver()]),
            *([] if self.options.gitea_url else [self._gitea()]),
            *([] if self.options.registry else [self._registry()]),
            self._broker(),
        ]
        source = [self._source()] if self.options.event_source == "sandbox" else []
        argocd = [self._argocd()] if self.options.argocd == "sandbox" else []
        return [*infrastructure, *(self._function(name) for name in FUNCTIONS), *source, *argocd]

    def _apiserver(self) -> Component:
        content = ("--namespaces", ",".join(NAMESPACES), "--crds", str(self.crds_folder))
        return Component(
            APISERVER,
            (*self._module(APISERVER), *content, "--workloads-ready-after", WORKLOADS_READY_AFTER),
            f"{self.url(APISERVER)}/readyz",
            kubeconfig=self.kubeconfig,
        )

    def _gitea(self) -> Component:
        password = ("--admin-user", ADMINISTRATOR, "--admin-password-file", str(self.credentials.admin_password_file))
        delay = ("--push-delay", self.options.gitea_push_delay) if self.options.gitea_push_delay else ()
        return Component(GITEA, (*self._module(GITEA), *password, *delay), f"{self.url(GITEA)}/api/healthz")

    def _registry(self) -> Component:
        # Like ghcr.io it wants a token, which anybody gets.
        arguments = (*self._module(REGISTRY), "--auth", "token")
        return Component(REGISTRY, arguments, f"{self.url(REGISTRY)}/v2/", unauthorized=True)

    def _broker(self) -> Component:
        arguments = (*self._module(BROKER), "--config", str(self.triggers_file))
        return Component(BROKER, arguments, f"{self.url(BROKER)}/healthz")

    def _source(self) -> Component:
        arguments = (
            "--kubeconfig",
            str(self.kubeconfig),
            "--sink",
            self.url(BROKER),
            "--config",
            str(self.sources_file),
        )
        needs = frozenset({BROKER, CLUSTER_READY})
        return Component(SOURCE, (*self._module(SOURCE), *arguments), f"{self.url(SOURCE)}/healthz", needs)

    def _argocd(self) -> Component:
        arguments = (
            *("--kubeconfig", str(self.kubeconfig)),
            *("--gitea-url", GITEA_URL, "--gitea-endpoint", self.gitea),
            *("--registry-mirror", f"{MIRRORED}={self.registry}"),
        )
        # A Gitea that is not there yet would be a fault until the next poll.
        needs = frozenset({CLUSTER_READY, TOKENS_READY})
        return Component(ARGOCD, (*self._module(ARGOCD), *arguments), f"{self.url(ARGOCD)}/healthz", needs)

    def _function(self, name: str) -> Component:
        source = str(PACKAGES / "functions" / name / "main.py")
        target = ("--source", source, "--target", name, "--signature-type", "http")
        return Component(
            name,
            ("-m", "functions_framework", *target, "--host", HOST, "--port", str(self.ports.get(name, 0))),
            f"{self.url(name)}/healthz",
            needs=frozenset({CLUSTER_READY, TOKENS_READY}),
            environment=lambda: self._settings(name),
        )

    def _settings(self, name: str) -> Mapping[str, str]:
        shared = {
            "THREADS": THREADS,
            "INFRAFORGE_GITEA_URL": GITEA_URL,
            "INFRAFORGE_GITEA_ENDPOINT": self.gitea,
            "INFRAFORGE_GITEA_TOKEN": self.credentials.gitea_token or "",
            "INFRAFORGE_KUBECONFIG": str(self.kubeconfig),
            "INFRAFORGE_CACHE_DIR": str(self.directory.root / "cache" / name),
            "INFRAFORGE_REGISTRY_MIRRORS": json.dumps({MIRRORED: self.registry}),
        }
        if name != "bootstrap":
            return shared
        argocd_token = self.credentials.argocd_token
        reader = {"INFRAFORGE_ARGOCD_TOKEN": argocd_token} if argocd_token else {}
        return (
            shared
            | reader
            | {
                "INFRAFORGE_WEBHOOK_SECRET": self.credentials.webhook_secret or "",
                "INFRAFORGE_WEBHOOK_URL": self.url(name),
                "INFRAFORGE_BROKER_URL": self.url(BROKER),
                "INFRAFORGE_CHART_REGISTRIES": json.dumps([CHARTS]),
            }
        )

    def _module(self, name: str) -> tuple[str, ...]:
        where = ("--host", HOST, "--port", str(self.ports.get(name, 0)))
        return ("-m", f"sandbox.{name}", *where, "--data-dir", str(self.directory.component(name)))


def command(component: Component) -> list[str]:
    """The command line that starts a component, with the interpreter that runs us."""
    return [sys.executable, *component.arguments]
