"""A PlatformClaim's way into Git: passwords made, then as every claim of an environment. Its services keep data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from functions.platform import desired
from functions.platform.passwords import Passwords
from shared import events, platform_set
from shared.admission import Admission
from shared.argocd import Layout
from shared.attempt import Attempt
from shared.bindings import Offer, offered
from shared.changes import Change
from shared.claims import PlatformClaim, ServiceRow, service_release
from shared.conditions import COMMITTED
from shared.deploying import LastMile
from shared.drafts import Draft, Hold
from shared.environment_claims import EnvironmentHandler
from shared.environment_rows import Fate
from shared.environments import Environment
from shared.git import Transaction
from shared.joint_set import JointSet
from shared.kinds import APPLICATION, PLATFORM
from shared.kube.client import VOLUME_CLAIMS, Kube
from shared.removal import Limits
from shared.rendering.gate import Gate
from shared.rendering.wanted import Wanted
from shared.steps import PROVIDE
from shared.voltran import Voltran
from shared.web import Reply

EXTERNAL: Final = "External"
"""The reason of a service that runs elsewhere, and of which nothing is deployed."""
EXTERNAL_UNKNOWN: Final = "ExternalUnknown"
"""The reason of one that does not say where."""

_EXTERNAL: Final = Hold(
    EXTERNAL, "nothing of it is deployed: applications that are bound to it get what values.host, values.port say"
)
_RELEASE_LABEL: Final = "app.kubernetes.io/instance"


@dataclass
class PlatformDraft(Draft):
    """With what is to be said of services that are in Git."""

    notes: dict[str, Hold] = field(default_factory=dict)


class PlatformHandler(EnvironmentHandler[PlatformClaim, PlatformDraft]):
    """Converges one PlatformClaim."""

    kind = PLATFORM
    rows = "services"
    row_model = ServiceRow
    role = "platform"
    foreign = desired.foreign()
    bond = "used by"

    def __init__(
        self,
        *,
        admission: Admission,
        voltran: Voltran,
        limits: Limits,
        last_mile: LastMile,
        gate: Gate | None = None,
        kube: Kube,
        layout: Layout,
    ) -> None:
        super().__init__(admission=admission, voltran=voltran, limits=limits, last_mile=last_mile, gate=gate)
        self._kube = kube
        self._layout = layout
        self._passwords = Passwords(kube)
        self._set = JointSet(kube, layout)

    def folder(self, environment: Environment) -> str:
        """One folder for each service, beside the InfrastructureClaim's `namespaces`."""
        return platform_set.folder(environment)

    def set_path(self, environment: Environment) -> str:
        """The environment's set of services."""
        return platform_set.path(environment)

    def names(self, claim: PlatformClaim) -> list[str]:
        """What is deployed: an external service is not."""
        return [one.name for one in claim.spec.services if one.type == "internal"]

    def releases(self, claim: PlatformClaim, environment: Environment) -> list[str]:
        """`<environment>-platform-<service>`."""
        return [service_release(environment.name, one.name) for one in claim.spec.services]

    def sources(self, claim: PlatformClaim, environment: Environment) -> Mapping[str, Mapping[str, str]]:
        """The platform charts."""
        return platform_set.sources(environment, self._layout, claim)

    def renderings(self, claim: PlatformClaim, environment: Environment, draft: PlatformDraft) -> Mapping[str, Wanted]:
        """Each internal service by its chart."""
        return platform_set.renderings(environment, claim, draft.folders)

    def prepare(self, attempt: Attempt[PlatformClaim], environment: Environment) -> None:
        """Make the passwords before anything is deployed that waits for them."""
        attempt.begin(PROVIDE)
        attempt.report.enter(COMMITTED)
        attempt.has_news |= self._passwords.provide(attempt.claim, environment, fresh=True).is_news

    def draft(self, attempt: Attempt[PlatformClaim], environment: Environment) -> PlatformDraft:
        """Values for every internal service that has a password."""
        claim = attempt.claim
        attempt.report.enter(COMMITTED)
        provided = self._passwords.provide(claim, environment, fresh=False)  # of what came since they were made
        attempt.has_news |= provided.is_news
        internal = [one for one in claim.spec.services if one.type == "internal"]
        external = {one.name for one in claim.spec.services if one.type == "external"}
        draft = PlatformDraft(
            folders=desired.services(internal), notes=provided.notes | dict.fromkeys(external, _EXTERNAL)
        )
        for name, hold in provided.held.items():
            draft.hold_back(name, hold)
        for name, offer in offered(claim).offers:
            if name in external and not isinstance(offer, Offer):
                draft.hold_back(name, Hold(EXTERNAL_UNKNOWN, f"{offer}: give values.host and values.port"))
        return draft

    def change(
        self,
        git: Transaction,
        attempt: Attempt[PlatformClaim],
        environment: Environment,
        draft: PlatformDraft,
        fate: Fate,
    ) -> Change:
        """A folder for each service, and the set that they share with the namespaces."""
        change = super().change(git, attempt, environment, draft, fate)
        return self._set.kept(change, git, environment, attempt.claim)

    def departure(self, git: Transaction, attempt: Attempt[PlatformClaim], environment: Environment) -> Change:
        """All folders, and the set when there are no namespaces in it."""
        return self._set.left(super().departure(git, attempt, environment), git, environment, attempt.claim)

    def facts(self, attempt: Attempt[PlatformClaim], index: int, draft: PlatformDraft) -> dict[str, Any]:
        """What is to be said of a service that is as it should be."""
        name = attempt.claim.spec.services[index].name
        note = None if name in draft.held else draft.notes.get(name)
        return {"reason": note.reason, "message": note.message} if note else {}

    def announce(self, attempt: Attempt[PlatformClaim]) -> Reply | None:
        """Tell the applications that are bound to the services, when there is something new to bind to."""
        if not attempt.has_news and not attempt.report.changed("checksum"):
            return None
        spec = attempt.claim.spec
        return events.services(attempt.ref, (spec.clusterType, spec.environment))

    def stateful(
        self, attempt: Attempt[PlatformClaim], environment: Environment, names: Iterable[str]
    ) -> Mapping[str, Sequence[str]]:
        """Every service, since a platform service is there to keep something, with the volume claims of its release."""
        namespace = attempt.ref.namespace
        return {name: self._volumes(namespace, service_release(environment.name, name)) for name in names}

    def residents(self, environment: Environment, names: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """The claim whose applications are bound to them."""
        going, place = list(names), (environment.cluster_type, environment.name)
        owner = self._admission.owners(APPLICATION, place).get(place) if going else None
        if owner is None:
            return {}
        used = {name for application in owner.spec.applications for name in application.bindings}
        user = f"{owner.kind} {owner.metadata.namespace}/{owner.metadata.name}"
        return {name: [user] for name in going if name in used}

    def _volumes(self, namespace: str, release: str) -> list[str]:
        listed = self._kube.list(VOLUME_CLAIMS, namespace, labels={_RELEASE_LABEL: release})
        return [one["metadata"]["name"] for one in listed]
