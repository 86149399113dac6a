"""A BootstrapClaim's way: organization, repositories, charts, structure, ArgoCD, webhook."""

from collections.abc import Callable
from typing import Final

from functions.bootstrap import desired, webhook
from functions.bootstrap.charts import Charts, publish
from functions.bootstrap.settings import BootstrapSettings
from shared import events
from shared.argocd import RESERVED_PROJECTS, Layout
from shared.claims import BootstrapClaim, ChartsRevision, ClusterRow, ClusterSpec, RepositoryRow
from shared.conditions import COMMITTED, NOT_TRACKED, VALID
from shared.environments import BOOTSTRAPPED_PHASE
from shared.errors import InvalidClaim, Waiting
from shared.git import Repository
from shared.gitea import Gitea
from shared.kube.client import Kube, KubeNotFound, Resource
from shared.reconciler import Attempt
from shared.voltran import Change, Voltran, Written
from shared.web import Reply

CHARTS: Final = "charts"
PLATFORM_CHARTS: Final = "platform-charts"
VOLTRAN: Final = "voltran"
REPOSITORIES: Final = (CHARTS, PLATFORM_CHARTS, VOLTRAN)

_PLURALS: Final = {"Application": "applications", "AppProject": "appprojects", "Secret": "secrets"}


class BootstrapHandler:
    """Converges one BootstrapClaim. Every collaborator is passed in; nothing is remembered between claims."""

    def __init__(
        self,
        settings: BootstrapSettings,
        *,
        kube: Kube,
        gitea: Gitea,
        repository: Callable[[str, str], Repository],
        voltran: Voltran,
        charts: Charts,
        platform_charts: Charts,
    ) -> None:
        self._settings = settings
        self._kube = kube
        self._gitea = gitea
        self._repository = repository
        self._voltran = voltran
        self._charts = {CHARTS: charts, PLATFORM_CHARTS: platform_charts}
        self._revisions = {name: desired.chart_revision(content) for name, content in self._charts.items()}
        self._layout = Layout(gitea_url=settings.gitea_url, argocd_namespace=settings.argocd_namespace)

    def converge(self, attempt: Attempt[BootstrapClaim]) -> None:
        """Create what is missing, in the order in which the later needs the earlier."""
        self._check(attempt.claim)
        organization = attempt.claim.spec.gitea.organization
        attempt.report.mark(VALID, "True", "Valid", "the claim is the platform's")
        attempt.report.enter(COMMITTED)
        self._gitea.ensure_organization(organization)
        for name in REPOSITORIES:
            self._gitea.ensure_repository(organization, name)
        new = {name: self._publish(organization, name) for name in self._charts}
        written = self._write_structure(attempt, organization)
        self._deploy(attempt.claim)
        hook = self._register_hook(organization)
        self._report(attempt, new | {VOLTRAN: written.commit}, written, hook)

    def announce(self, attempt: Attempt[BootstrapClaim]) -> Reply | None:
        """Tell the other functions, but only of what they could not have known before."""
        if not attempt.report.changed("phase", "charts", "platformCharts", "clusters"):
            return None
        metadata = attempt.claim.metadata
        ref = events.ClaimRef("BootstrapClaim", metadata.namespace, metadata.name)
        return events.bootstrapped(f"{self._settings.gitea_url}/{attempt.claim.spec.gitea.organization}", ref)

    def _check(self, claim: BootstrapClaim) -> None:
        settings, spec = self._settings, claim.spec
        if claim.metadata.namespace != settings.system_namespace:
            raise InvalidClaim(
                f'metadata.namespace: a BootstrapClaim lives in "{settings.system_namespace}", where only the '
                "platform's operators write: create it there",
                reason="NamespaceNotAllowed",
            )
        if spec.gitea.url.rstrip("/") != settings.gitea_url:
            raise InvalidClaim(
                f"spec.gitea.url: this installation works with {settings.gitea_url} and gives its token to no other: "
                "name that address, or install InfraForge with another one",
                reason="GiteaNotAllowed",
            )
        for index, cluster in enumerate(spec.clusters):
            if cluster.type in RESERVED_PROJECTS:
                raise InvalidClaim(
                    f'spec.clusters[{index}].type: an AppProject "{cluster.type}" is there already and not a cluster '
                    "type's: choose another name",
                    reason="NameReserved",
                )

    def _served(self, claim: BootstrapClaim) -> list[ClusterSpec]:
        return [cluster for cluster in claim.spec.clusters if self._settings.serves(cluster.type)]

    def _publish(self, organization: str, name: str) -> str | None:
        return publish(self._repository(organization, name), self._charts[name], self._revisions[name])

    def _write_structure(self, attempt: Attempt[BootstrapClaim], organization: str) -> Written:
        with self._voltran.writing(organization) as git:
            claim = attempt.reread()
            self._check(claim)
            attempt.report.mark(VALID, "True", "Valid", "the claim is the platform's")
            attempt.report.enter(COMMITTED)
            files = desired.structure(self._served(claim), organization, self._layout)
            change = Change(folders={}, files=files, scope=("root-apps",))
            return self._voltran.write(git, attempt, "platform", change)

    def _deploy(self, claim: BootstrapClaim) -> None:
        settings, organization = self._settings, claim.spec.gitea.organization
        objects = desired.argocd_objects(
            self._served(claim), organization, settings.chart_registries, settings.argocd_token, self._layout
        )
        for document in objects:
            try:
                self._kube.apply(Resource(document["apiVersion"], _PLURALS[document["kind"]]), document)
            except KubeNotFound as error:
                raise Waiting(
                    f'ArgoCD is not there yet: namespace "{settings.argocd_namespace}" or the kind {document["kind"]} '
                    "is missing; this claim goes on by itself when ArgoCD is installed",
                    reason="ArgoCDNotInstalled",
                ) from error

    def _register_hook(self, organization: str) -> str | None:
        settings = self._settings
        if settings.webhook_url is None or settings.webhook_secret is None:
            return None
        return webhook.register(self._gitea, organization, settings.webhook_url, settings.webhook_secret)

    def _report(
        self, attempt: Attempt[BootstrapClaim], new: dict[str, str | None], written: Written, hook: str | None
    ) -> None:
        claim, report = attempt.claim, attempt.report
        organization, served = claim.spec.gitea.organization, self._served(claim)
        report.set(
            phase=BOOTSTRAPPED_PHASE,
            repositories=[self._row(claim, name, new[name]) for name in REPOSITORIES],
            charts=ChartsRevision(revision=self._revisions[CHARTS]),
            platformCharts=ChartsRevision(revision=self._revisions[PLATFORM_CHARTS]),
            rootApps=[f"{cluster.type}-{role}" for cluster in served for role in desired.ROLES],
            clusters=[
                ClusterRow(type=one.type, environments=one.environments, destination=one.destination) for one in served
            ],
            webhook=hook,
            commit=self._voltran.commit(organization, written, attempt),
            checksum=written.change.checksum,
        )
        count = sum(len(cluster.environments) for cluster in served)
        report.mark(COMMITTED, "True", "Committed", "charts, structure and root apps are in Git")
        report.mark(*NOT_TRACKED)
        report.ready(BOOTSTRAPPED_PHASE, f"{count} environments of {len(served)} cluster types are ready for claims")

    def _row(self, claim: BootstrapClaim, name: str, new: str | None) -> RepositoryRow:
        """The head as it was when this function last wrote: claims move it on all the time."""
        organization = claim.spec.gitea.organization
        recorded = next((row.commit for row in claim.status.repositories if row.name == name), None)
        commit = new or recorded or self._gitea.head(organization, name)
        return RepositoryRow(name=name, url=self._layout.repository(organization, name), commit=commit)
