"""A BootstrapClaim's way: organization, repositories, charts, structure, ArgoCD, webhook; and its way out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from functions.bootstrap import desired, tenancy, webhook
from functions.bootstrap.charts import publish
from functions.bootstrap.conclusion import Conclusion, Pass
from functions.bootstrap.decision import Decision, World, decide, named, places, with_places
from functions.bootstrap.desired import CHARTS, PLATFORM_CHARTS, REPOSITORIES, VOLTRAN
from functions.bootstrap.refusals import check
from functions.bootstrap.settings import BootstrapSettings
from functions.bootstrap.tenancy import MAX_NAMED, Tenants
from shared import events
from shared.argocd import API_VERSION, Layout
from shared.attempt import Attempt
from shared.changes import Change, Plan
from shared.charts import Charts, revision
from shared.claims import (
    REMOVE_ENVIRONMENTS,
    BootstrapClaim,
    BootstrapStatus,
    ClusterSpec,
)
from shared.conditions import COMMITTED, VALID, condition, replace
from shared.deploying import LastMile, Snapshot, View
from shared.errors import InUse, InvalidClaim, Waiting
from shared.finalizer import hold, is_held, let_go, reread_held
from shared.git import Repository, Transaction
from shared.gitea import Gitea
from shared.kinds import APPLICATION, BOOTSTRAP, INFRASTRUCTURE, PLATFORM
from shared.kube.client import Document, Kube, KubeNotFound, Resource
from shared.reconciler import Inputs
from shared.steps import ADMIT, CREATE, DEPLOY, HOLD, PUBLISH, REGISTER, RELEASE
from shared.voltran import Voltran
from shared.web import Reply
from shared.wording import listed

SCOPE: Final = ("root-apps", "environments", "appsets")

_APPLICATIONS: Final = Resource(API_VERSION, "applications")
_PLURALS: Final = {"Application": "applications", "AppProject": "appprojects", "Secret": "secrets"}


@dataclass
class _Write:
    """What the last run of the write decided."""

    decision: Decision = field(default_factory=Decision)


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
        last_mile: LastMile,
        charts: Charts,
        platform_charts: Charts,
    ) -> None:
        self._settings = settings
        self._kube = kube
        self._gitea = gitea
        self._repository = repository
        self._voltran = voltran
        self._last_mile = last_mile
        self._charts = {CHARTS: charts, PLATFORM_CHARTS: platform_charts}
        self._revisions = {name: revision(content) for name, content in self._charts.items()}
        self._layout = Layout(gitea_url=settings.gitea_url, argocd_namespace=settings.argocd_namespace)
        self._conclusion = Conclusion(
            gitea=gitea,
            provenance=voltran.provenance,
            last_mile=last_mile,
            layout=self._layout,
            revisions=self._revisions,
        )

    def converge(self, attempt: Attempt[BootstrapClaim]) -> None:
        """Create what is missing, in the order in which the later needs the earlier; or take it away again."""
        if attempt.claim.metadata.deletionTimestamp is not None:
            self._remove(attempt)
            return
        attempt.begin(ADMIT)
        check(attempt.claim, self._settings)
        attempt.begin(HOLD)
        hold(attempt)
        organization = attempt.claim.spec.gitea.organization
        attempt.report.mark(VALID, "True", "Valid", "the claim is the platform's")
        attempt.report.enter(COMMITTED)
        attempt.begin(CREATE)
        self._gitea.ensure_organization(organization)
        created = [name for name in REPOSITORIES if self._gitea.ensure_repository(organization, name)]
        attempt.has_news |= VOLTRAN in created  # also when a later step starts over, and finds it there
        attempt.begin(PUBLISH)
        new = {name: self._publish(organization, name) for name in self._charts}
        last = _Write()
        written = self._voltran.write(organization, attempt, lambda git: self._plan(git, attempt, last), SCOPE)
        attempt.begin(DEPLOY)
        self._deploy(attempt.claim, last.decision.clusters)
        attempt.begin(REGISTER)
        hook = self._register_hook(organization)
        self._withdraw_wish(attempt, last.decision)
        recorded = self._recorded(attempt.claim)
        self._conclusion.tell(attempt, Pass(recorded, new, written, last.decision, hook))

    def survey(self, event: events.Event) -> Inputs | None:
        """There is one claim as a rule, and much that it depends on: it is looked at, but for what we did ourselves."""
        if event.type == events.BOOTSTRAPPED:  # for those that waited for us
            return None
        organizations = self._organizations()
        if event.delivery is not None and not any(self._voltran.is_news(one, event.delivery) for one in organizations):
            return None
        for organization in sorted(organizations):
            self._voltran.survey(organization)
        return lambda _: None

    def announce(self, attempt: Attempt[BootstrapClaim]) -> Reply | None:
        """Tell the other functions, but only of what they could not have known before."""
        if attempt.let_go:  # it can go when nobody uses it: there is nobody to tell
            return None
        if not attempt.has_news and not attempt.report.changed("phase", "charts", "platformCharts", "clusters"):
            return None
        ref = attempt.ref
        return events.bootstrapped(f"{self._settings.gitea_url}/{attempt.claim.spec.gitea.organization}", ref)

    def concerned(self, ref: events.DeploymentRef) -> Mapping[str, str] | None:
        """Every claim, by the root Applications."""
        return {} if ref.environment is None and self._settings.serves(ref.cluster_type) else None

    def snapshot(self) -> Snapshot | None:
        """ArgoCD's objects."""
        return self._last_mile.snapshot()

    def deployed(self, claim: BootstrapClaim, now: str, at: View | None = None) -> BootstrapStatus | None:
        """The claim's status with what ArgoCD makes of the root Applications; None for one that has none."""
        status = claim.status
        if not status.rootApps:
            return None
        outcome = self._last_mile.look_at_roots(status.rootApps, at)
        conditions = replace(status.conditions, condition(*outcome.condition), status.observedGeneration, now)
        return status.model_copy(update={"conditions": conditions})

    def _served(self, claim: BootstrapClaim) -> list[ClusterSpec]:
        return [cluster for cluster in claim.spec.clusters if self._settings.serves(cluster.type)]

    def _recorded(self, claim: BootstrapClaim) -> list[ClusterSpec]:
        """Those that exist by the status and are this installation's: one that it served before is another's now."""
        rows = [row for row in claim.status.clusters if self._settings.serves(row.type)]
        return [ClusterSpec(type=row.type, environments=row.environments) for row in rows]

    def _publish(self, organization: str, name: str) -> str:
        return publish(self._repository(organization, name), self._charts[name], self._revisions[name])

    def _organizations(self) -> set[str]:
        """Those of the claims that this installation works for."""
        found = set()
        for document in self._kube.list(BOOTSTRAP.resource, self._settings.system_namespace):
            with suppress(InvalidClaim):  # its own status says so
                found.add(BOOTSTRAP.parse(document).spec.gitea.organization)
        return found

    def _plan(self, git: Transaction, attempt: Attempt[BootstrapClaim], last: _Write) -> Plan:
        reread_held(attempt, deleting=False)
        claim, report = attempt.claim, attempt.report
        check(claim, self._settings)
        report.mark(VALID, "True", "Valid", "the claim is the platform's")
        report.enter(COMMITTED)
        tenants = Tenants.of(self._tenants())
        self._look_ahead(git, tenants)
        world = World(self._served(claim), self._recorded(claim), tenants, self._settings.serves)
        wished = tenancy.named(claim.metadata.annotations.get(REMOVE_ENVIRONMENTS))
        organization = claim.spec.gitea.organization
        made = last.decision = decide(
            world, git.names, wished, lambda clusters: desired.structure(clusters, organization, self._layout)
        )
        return Plan("platform", Change(files=made.files, removed=made.removed, strays=made.strays), attempt.spec)

    def _look_ahead(self, git: Transaction, tenants: Tenants) -> None:
        """Fetch at once what is to be looked into: the folders that nobody claims."""
        unclaimed = [
            f"environments/{type_}/{name}/{folder}"
            for type_ in git.names("environments")
            if self._settings.serves(type_)
            for name in git.names(f"environments/{type_}")
            for folder in tenancy.FOLDERS
            if not tenants.claim_all_of((type_, name), folder)
        ]
        git.look_ahead(unclaimed)

    def _tenants(self) -> Iterator[tuple[str, Document]]:
        for kind in (APPLICATION, INFRASTRUCTURE, PLATFORM):
            yield from ((kind.name, document) for document in self._kube.list(kind.resource))

    def _remove(self, attempt: Attempt[BootstrapClaim]) -> None:
        """Take the structure away, when nobody needs it; organization, repositories and their content stay."""
        attempt.begin(ADMIT)
        attempt.report.enter(COMMITTED)
        claim = attempt.claim
        if not is_held(attempt) or claim.status.checksum is None:
            let_go(attempt)
            return
        organization = claim.spec.gitea.organization

        def plan(_: Transaction) -> Plan:
            reread_held(attempt, deleting=True)
            attempt.report.enter(COMMITTED)
            clusters = with_places(self._served(attempt.claim), places(self._recorded(attempt.claim)))
            users = Tenants.of(self._tenants()).of_types({cluster.type for cluster in clusters})
            if users:
                raise InUse(
                    f"the platform is still used by {listed(users, MAX_NAMED)}: delete those first; "
                    f"to let it go all the same: infraforge release {attempt.ref}"
                )
            files = desired.structure(clusters, organization, self._layout)
            return Plan("platform", Change(removed=tuple(sorted(files))), attempt.spec)

        written = self._voltran.write(organization, attempt, plan, SCOPE)
        attempt.begin(RELEASE)
        for name in claim.status.rootApps:
            self._kube.delete(_APPLICATIONS, self._settings.argocd_namespace, name)
        if self._settings.webhook_url is not None:
            webhook.unregister(self._gitea, organization, self._settings.webhook_url)
        if written.commit:
            attempt.tell("Removed", f"the structure went with commit {written.commit}; repositories stay", normal=True)
        let_go(attempt)

    def _deploy(self, claim: BootstrapClaim, clusters: Sequence[ClusterSpec]) -> None:
        settings, organization = self._settings, claim.spec.gitea.organization
        objects = desired.argocd_objects(
            clusters,
            organization,
            lambda cluster: desired.fence_of(cluster, settings),
            settings.argocd_secret() if settings.argocd_secret is not None else None,
            self._layout,
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
        for name in set(claim.status.rootApps) - set(desired.root_apps(clusters)):
            self._kube.delete(_APPLICATIONS, settings.argocd_namespace, name)

    def _withdraw_wish(self, attempt: Attempt[BootstrapClaim], made: Decision) -> None:
        """A wish to remove environments is heard once, granted or not: left there, it would remove what comes later."""
        wish = attempt.claim.metadata.annotations.get(REMOVE_ENVIRONMENTS)
        if wish is None:
            return
        removed = f"removed {listed(named(made.granted), MAX_NAMED)}" if made.granted else "there was nothing to remove"
        attempt.tell("EnvironmentsRemoved", f"as the annotation {REMOVE_ENVIRONMENTS} wished: {removed}", normal=True)
        attempt.document = self._kube.patch_metadata(
            attempt.kind.resource, attempt.live, {"annotations": {REMOVE_ENVIRONMENTS: None}}
        )

    def _register_hook(self, organization: str) -> str | None:
        settings = self._settings
        if settings.webhook_url is None or settings.signing_secret is None:
            return None
        return webhook.register(self._gitea, organization, settings.webhook_url, settings.signing_secret())
