"""What the three `main.py` have in common: the collaborators that every function builds from its settings."""

import functools
import re
from collections.abc import Callable

from pydantic import SecretStr

from shared.admission import Admission
from shared.argocd import Layout, ValueFiles
from shared.git import Author, Remote, Repository
from shared.gitea import Gitea
from shared.kube import Kube, connect
from shared.settings import Settings
from shared.telemetry import Metrics
from shared.voltran import REPOSITORY, Voltran


class Wiring:
    """The clients of one process, made once, without a request to anybody."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.kube: Kube = connect(settings.kubeconfig, timeout=settings.timeout)
        self.gitea = Gitea(settings.gitea_endpoint, settings.gitea_token, timeout=settings.timeout)
        self.repository: Callable[[str, str], Repository] = functools.cache(self._repository)
        self.voltran = Voltran(
            lambda organization: self.repository(organization, REPOSITORY),
            self.gitea,
            gitea_url=settings.gitea_url,
            metrics=self.metrics,
        )

    def admission(self) -> Admission:
        """The rules that a claim of an environment is held against."""
        settings = self.settings
        return Admission(
            self.kube,
            gitea_url=settings.gitea_url,
            system_namespace=settings.system_namespace,
            cluster_types=settings.cluster_types,
            environment_namespaces=settings.environment_namespaces,
        )

    def layout(self, value_files: ValueFiles = "ref") -> Layout:
        """The addresses that go into Git."""
        return Layout(self.settings.gitea_url, self.settings.argocd_namespace, value_files)

    def pings(self) -> dict[str, Callable[[], None]]:
        """The dependencies that `/readyz` asks after."""
        return {"kubernetes": self.kube.ping, "gitea": self.gitea.ping}

    def _repository(self, organization: str, name: str) -> Repository:
        settings = self.settings
        if not re.fullmatch(r"[A-Za-z0-9._-]+", organization):
            raise ValueError("an organization's name is checked where a claim is read")
        return Repository(
            settings.cache_dir / organization / f"{name}.git",
            Remote(f"{settings.gitea_endpoint}/{organization}/{name}.git"),
            token=self._token,
            author=Author(settings.author_name, settings.author_email),
            timeout=settings.timeout,
        )

    def _token(self) -> SecretStr:
        return self.settings.gitea_token
