"""The processes of a sandbox: what each is started with, what it waits for, and how it shows that it serves."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sandbox.supervisor.accounts import ADMINISTRATOR
from sandbox.supervisor.credentials import Credentials
from sandbox.supervisor.directory import DataDirectory
from sandbox.supervisor.knative import SERVICES
from sandbox.supervisor.options import Options
from sandbox.supervisor.ports import HOST

APISERVER: Final = "apiserver"
GITEA: Final = "gitea"
REGISTRY: Final = "registry"
BROKER: Final = "broker"
SOURCE: Final = "source"
ARGOCD: Final = "argocd"
NODE: Final = "node"
SERVING: Final = "serving"
FUNCTIONS: Final = ("bootstrap", "application", "platform")

INSTALLED: Final = "installation"
"""The step after which the cluster holds everything that the chart installs."""
SECRETS_READY: Final = "secrets"
"""The step after which the functions' credentials are at hand."""

SYSTEM: Final = "platform-system"
"""The namespace that the chart is installed into."""
NAMESPACES: Final = (SYSTEM, "platform-services", "argocd", "dev", "qa", "sandbox", "prod", "stage")
GITEA_URL: Final = "http://gitea-http.gitea.svc:3000"
"""The address that claims say and Git holds, whatever the port Gitea listens on here."""
MIRRORED: Final = "ghcr.io"
CHARTS: Final = f"{MIRRORED}/infraforge"
"""Where charts may come from besides Gitea, which the sandbox's registry serves some of."""
WORKLOADS_READY_AFTER: Final = "1"
"""Seconds until a workload's replicas are said to be available."""
PACKAGES: Final = Path(__file__).resolve().parents[2]
"""The folder that holds `functions`, `sandbox` and `shared`."""


@dataclass(frozen=True)
class Launch:
    """How a process is started: the whole command line, and its variables beyond everybody's (environment.py).

    `revision` says of a Knative Service's process what it was made from.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    revision: str = ""


@dataclass(frozen=True)
class Component:
    """One process. `launch` is asked for at the start, when what the process `needs` is there."""

    name: str
    launch: Callable[[], Launch]
    ready: str
    needs: frozenset[str] = frozenset()
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
        return Credentials(self.directory.credentials, self.directory.component(NODE) / "services" / SYSTEM)

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
    def source_kubeconfig(self) -> Path:
        """The source's own way into the cluster: its ServiceAccount's, or the user's into a real cluster."""
        own = self.directory.configuration / "source-kubeconfig"
        return self.kubeconfig if self.options.kubeconfig else own

    @property
    def values_file(self) -> Path:
        """The chart's values for this sandbox, for whoever installs the chart with Helm."""
        return self.directory.configuration / "values.yaml"

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
            *([] if self.options.kubeconfig else [self._node()]),
            self._broker(),
        ]
        source = [self._source()] if self.options.event_source == "sandbox" else []
        argocd = [self._argocd()] if self.options.argocd == "sandbox" else []
        serving = [] if self.options.kubeconfig else [self._serving()]
        return [*infrastructure, *(self._function(name) for name in SERVICES), *source, *argocd, *serving]

    def _apiserver(self) -> Component:
        content = ("--namespaces", ",".join(NAMESPACES), "--crds", str(self.crds_folder))
        audit = ("--audit-log", self.options.audit_log) if self.options.audit_log else ()
        return self._stand_in(
            APISERVER,
            (*content, "--workloads-ready-after", WORKLOADS_READY_AFTER, *audit),
            ready=f"{self.url(APISERVER)}/readyz",
            kubeconfig=self.kubeconfig,
        )

    def _gitea(self) -> Component:
        password = ("--admin-user", ADMINISTRATOR, "--admin-password-file", str(self.credentials.admin_password_file))
        delay = ("--push-delay", self.options.gitea_push_delay) if self.options.gitea_push_delay else ()
        return self._stand_in(GITEA, (*password, *delay), ready=f"{self.url(GITEA)}/api/healthz")

    def _registry(self) -> Component:
        # Like ghcr.io it wants a token, which anybody gets.
        return self._stand_in(REGISTRY, ("--auth", "token"), ready=f"{self.url(REGISTRY)}/v2/", unauthorized=True)

    def _node(self) -> Component:
        # Where the API server looks for what `kubectl logs` shows.
        logs = ("--logs", str(self.directory.component(APISERVER) / "pod-logs"))
        return self._stand_in(NODE, ("--kubeconfig", str(self.kubeconfig), *logs), needs=frozenset({APISERVER}))

    def _broker(self) -> Component:
        return self._stand_in(BROKER, ("--config", str(self.triggers_file)))

    def _source(self) -> Component:
        arguments = (
            *("--kubeconfig", str(self.source_kubeconfig)),
            *("--sink", self.url(BROKER)),
            *("--config", str(self.sources_file)),
        )
        return self._stand_in(SOURCE, arguments, needs=frozenset({BROKER, INSTALLED}))

    def _argocd(self) -> Component:
        arguments = (
            *("--kubeconfig", str(self.kubeconfig)),
            *("--gitea-url", GITEA_URL, "--gitea-endpoint", self.gitea),
            *("--registry-mirror", f"{MIRRORED}={self.registry}"),
        )
        # A Gitea that is not there yet would be a fault until the next poll.
        ours = {GITEA} if not self.options.gitea_url else set()
        cluster = INSTALLED if self.options.kubeconfig else APISERVER
        return self._stand_in(ARGOCD, arguments, needs=frozenset({cluster, *ours}))

    def _serving(self) -> Component:
        arguments = ("--kubeconfig", str(self.kubeconfig), "--root", str(self.directory.root))
        return self._stand_in(SERVING, arguments, needs=frozenset({INSTALLED}))

    def _function(self, name: str) -> Component:
        def launch() -> Launch:
            from sandbox.supervisor.services import launch_of  # noqa: PLC0415 - HTTP and TLS, a third of a start

            return launch_of(self, name)

        return Component(name, launch, f"{self.url(name)}/healthz", frozenset({INSTALLED, SECRETS_READY}))

    def _stand_in(
        self,
        name: str,
        arguments: tuple[str, ...],
        *,
        ready: str = "",
        needs: frozenset[str] = frozenset(),
        kubeconfig: Path | None = None,
        unauthorized: bool = False,
    ) -> Component:
        where = ("--host", HOST, "--port", str(self.ports.get(name, 0)))
        line = (sys.executable, "-m", f"sandbox.{name}", *where, "--data-dir", str(self.directory.component(name)))
        launch = Launch((*line, *arguments))
        return Component(
            name, lambda: launch, ready or f"{self.url(name)}/healthz", needs, kubeconfig, unauthorized=unauthorized
        )
