"""The functions' own handlers, converging claims on a stage: what they would commit, and what they would say."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cli.plan.charts import Library
from cli.plan.stage import Stage
from cli.plan.stand_ins import Edit, NoMile, Published, Settled, Shelf, unasked
from functions.application.handler import ApplicationHandler
from functions.bootstrap.handler import BootstrapHandler
from functions.bootstrap.infrastructure import InfrastructureHandler
from functions.bootstrap.settings import BootstrapSettings
from functions.platform.handler import PlatformHandler
from shared.admission import Admission
from shared.argocd import API_VERSION, PART_OF, Layout
from shared.attempt import Attempt, Kind
from shared.claims import BootstrapStatus
from shared.claims.status import ClaimStatus
from shared.errors import InfraForgeError
from shared.events import ClaimRef
from shared.kinds import APPLICATION, BOOTSTRAP, INFRASTRUCTURE
from shared.kube.client import Document, Resource
from shared.kube.recorder import Recorder
from shared.reconciler import Handler
from shared.removal import Limits
from shared.rendering.gate import Gate

_NOBODYS_SETTINGS: Final = "INFRAFORGE_PLAN_"
"""The beginning of variables that nobody sets: those of a person's shell are not an installation's settings."""
_PROJECTS: Final = Resource(API_VERSION, "appprojects")
_NO_TOKEN: Final = "none"  # noqa: S105 - nobody is asked


@dataclass(frozen=True)
class Settings:
    """What an installation's settings decide about claims, as far as it can be seen from outside.

    `layout` are the addresses in Git, `system_namespace` is where BootstrapClaims live.
    """

    layout: Layout
    system_namespace: str = "platform-system"
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Played:
    """What became of a claim: the edit, unless it got that far; the status that it would get; and what stopped it."""

    edit: Edit | None
    status: ClaimStatus
    stopped: InfraForgeError | None = None


@dataclass
class Rehearsal:
    """Handlers on a stage, one for each kind of claim."""

    stage: Stage
    shelf: Shelf
    settings: Settings
    library: Library
    gate: Gate

    def play(self, kind: Kind[Any], document: Document) -> Played:
        """Converge the claim in `document`, which the stage holds from now on with the status that it comes to."""
        self.stage.put(kind.resource, document)
        metadata = document["metadata"]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        attempt: Attempt[Any] = Attempt(
            kind,
            self.stage.kube,
            ClaimRef(kind.name, metadata["namespace"], metadata["name"]),
            "plan",
            recorder=Recorder(self.stage.kube, kind.name),
            now=now,
        )
        self.shelf.last, stopped = None, None
        try:
            attempt.reread()
            self._handler(kind).converge(attempt)
        except InfraForgeError as error:
            stopped = error
            attempt.report.fail(error)
        status = _as_installed(
            attempt.report.recorded, attempt.report.status(generation=metadata["generation"], now=now)
        )
        self.stage.put(kind.resource, attempt.live | {"status": status.model_dump(exclude_none=True)})
        return Played(self.shelf.last, status, stopped)

    def _handler(self, kind: Kind[Any]) -> Handler[Any]:
        kube, settings, layout = self.stage.kube, self.settings, self.settings.layout
        if kind is BOOTSTRAP:
            return self._bootstrap()
        admission = Admission(
            kube,
            gitea_url=layout.gitea_url,
            system_namespace=settings.system_namespace,
            cluster_types=frozenset(),
            environment_namespaces={},
            operators_only=kind is INFRASTRUCTURE,
        )
        everybodys: dict[str, Any] = {
            "admission": admission,
            "kube": kube,
            "voltran": self.shelf,
            "limits": settings.limits,
            "last_mile": NoMile(),
            "gate": self.gate,
            "layout": layout,
        }
        if kind is APPLICATION:
            return ApplicationHandler(**everybodys, resolve_all=unasked)
        if kind is INFRASTRUCTURE:
            own = frozenset({settings.system_namespace, layout.argocd_namespace})
            return InfrastructureHandler(**everybodys, system_namespaces=own, bound={})
        return PlatformHandler(**everybodys)

    def _bootstrap(self) -> Handler[Any]:
        layout = self.settings.layout
        given: dict[str, Any] = {
            "gitea_url": layout.gitea_url,
            "gitea_token": _NO_TOKEN,
            "argocd_namespace": layout.argocd_namespace,
            "system_namespace": self.settings.system_namespace,
            "chart_registries": self._chart_registries(),
        }
        published = Published()
        return BootstrapHandler(
            BootstrapSettings(_env_prefix=_NOBODYS_SETTINGS, **given),
            kube=self.stage.kube,
            gitea=Settled(),
            repository=lambda *_: published,
            voltran=self.shelf,
            last_mile=NoMile(),
            charts=self.library.embedded["apps"],
            platform_charts=self.library.embedded["platform"],
        )

    def _chart_registries(self) -> tuple[str, ...]:
        """Those that the projects in ArgoCD name already: an installation's setting, which nothing else tells."""
        layout = self.settings.layout
        try:
            projects = list(self.stage.kube.list(_PROJECTS, layout.argocd_namespace, labels=PART_OF))
        except InfraForgeError:  # without ArgoCD's kinds there
            return ()
        named = [str(one) for project in projects for one in project.get("spec", {}).get("sourceRepos") or ()]
        found = (one.rstrip("*").rstrip("/") for one in named if not one.startswith(f"{layout.gitea_url}/"))
        return tuple(dict.fromkeys(found))


def _as_installed(recorded: ClaimStatus, status: ClaimStatus) -> ClaimStatus:
    """The charts are those of the installation that is there, and not those that this command brings along."""
    if not isinstance(status, BootstrapStatus) or not isinstance(recorded, BootstrapStatus):
        return status
    kept = {"charts": recorded.charts, "platformCharts": recorded.platformCharts}
    return status.model_copy(update={name: value for name, value in kept.items() if value is not None})
