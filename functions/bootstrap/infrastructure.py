"""An InfrastructureClaim's way into Git: that of every claim of an environment, with one file for all its rows."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from functions.bootstrap import namespaces
from functions.bootstrap.namespaces import VALUES
from shared import platform_set
from shared.admission import Admission
from shared.argocd import Layout
from shared.attempt import Attempt
from shared.changes import Change
from shared.claims import InfrastructureClaim, Namespace, NamespaceRow, place
from shared.claims.names import RESERVED_SERVICE
from shared.deploying import LastMile, Place
from shared.drafts import Draft, Hold
from shared.environment_claims import EnvironmentHandler
from shared.environment_rows import Fate
from shared.environments import Environment, locate
from shared.errors import InfraForgeError, InvalidClaim
from shared.events import Event
from shared.git import Transaction
from shared.joint_set import JointSet
from shared.kinds import APPLICATION, INFRASTRUCTURE, PLATFORM
from shared.kube.client import VOLUME_CLAIMS, Document, Kube, KubeNotFound
from shared.reconciler import Inputs
from shared.removal import Limits
from shared.rendering.gate import Gate
from shared.rendering.wanted import Wanted
from shared.voltran import Voltran

CONFLICT: Final = "NamespaceConflict"


@dataclass
class InfrastructureDraft(Draft):
    """With the namespaces of its rows by name, and those that are another claim's."""

    namespaces: dict[str, Namespace] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()


class InfrastructureHandler(EnvironmentHandler[InfrastructureClaim, InfrastructureDraft]):
    """Converges one InfrastructureClaim. `bound` are the namespaces that an operator bound environments to."""

    kind = INFRASTRUCTURE
    rows = "namespaces"
    row_model = NamespaceRow
    role = "platform"
    loss = "what is in a namespace would be nobody's: it stays, with its volumes, until a person deletes the namespace"

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
        system_namespaces: frozenset[str],
        bound: Mapping[str, frozenset[str]],
    ) -> None:
        super().__init__(admission=admission, voltran=voltran, limits=limits, last_mile=last_mile, gate=gate)
        self._kube = kube
        self._layout = layout
        self._system_namespaces = system_namespaces
        self._bound = bound
        self._set = JointSet(kube, layout)

    def folder(self, environment: Environment) -> str:
        """One folder for all namespaces, beside the services."""
        return f"{platform_set.folder(environment)}/{RESERVED_SERVICE}"

    def set_path(self, environment: Environment) -> str:
        """The environment's set of services, in which the namespaces are one more Application."""
        return platform_set.path(environment)

    def place(self, environment: Environment) -> Place:
        """One Application for all of them."""
        return replace(Place.of(environment, self.role), single=RESERVED_SERVICE)

    def row_path(self, environment: Environment, name: str) -> str:
        """The folder that they share."""
        return self.folder(environment)

    def releases(self, claim: InfrastructureClaim, environment: Environment) -> list[str]:
        """None that could be a root Application's: the one that there is does not end as theirs do."""
        return []

    def sources(self, claim: InfrastructureClaim, environment: Environment) -> Mapping[str, Mapping[str, str]]:
        """The one chart."""
        source = platform_set.namespaces_source(environment, self._layout, claim)
        return {one.name: source for one in claim.spec.namespaces}

    def renderings(
        self, claim: InfrastructureClaim, environment: Environment, draft: InfrastructureDraft
    ) -> Mapping[str, Wanted]:
        """Each namespace alone: in one rendering a bad one would hold back its neighbours."""
        return {
            name: platform_set.namespaces_rendering(environment, files[VALUES]) for name, files in draft.folders.items()
        }

    def there(self, git: Transaction, environment: Environment) -> Sequence[str]:
        """The namespaces that are in the file."""
        return sorted(self._recorded(git, environment))

    def texts(self, row: Any) -> Mapping[str, Any]:
        """Labels and annotations."""
        return {"labels": row.labels, "annotations": row.annotations}

    def draft(self, attempt: Attempt[InfrastructureClaim], environment: Environment) -> InfrastructureDraft:
        """Values for every namespace that is the claim's."""
        claim = attempt.claim
        self._refuse(claim)
        draft = InfrastructureDraft(
            folders={one.name: {VALUES: namespaces.values([one])} for one in claim.spec.namespaces},
            namespaces={one.name: one for one in claim.spec.namespaces},
        )
        rivals = self._rivals()(claim)
        draft.taken = frozenset(rivals)
        for name, rival in rivals.items():
            owner = f"{INFRASTRUCTURE.name} {rival.metadata.namespace}/{rival.metadata.name}"
            mend = "choose another name, or take it out of one of the two"
            draft.hold_back(name, Hold(CONFLICT, f"it belongs to {owner}, which is older: {mend}"))
        return draft

    def change(
        self,
        git: Transaction,
        attempt: Attempt[InfrastructureClaim],
        environment: Environment,
        draft: InfrastructureDraft,
        fate: Fate,
    ) -> Change:
        """One file with all of them: those of the draft, and as they are in Git those that stay so."""
        before = self._recorded(git, environment)
        staying = [*fate.kept, *(name for name in draft.held if name not in draft.taken)]
        wanted = [draft.namespaces[name] for name in draft.folders]
        wanted += [before[name] for name in staying if name in before]
        change = Change(folders={self.folder(environment): {VALUES: namespaces.values(wanted)}})
        return self._set.kept(change, git, environment, attempt.claim)

    def departure(self, git: Transaction, attempt: Attempt[InfrastructureClaim], environment: Environment) -> Change:
        """The file, and the set when no service is left in it."""
        change = Change(removed=(self.folder(environment),))
        return self._set.left(change, git, environment, attempt.claim)

    def basis(self, environment: Environment, draft: InfrastructureDraft) -> Hashable:
        """The environment, and which namespaces are others'."""
        return environment, draft.taken

    def survey(self, event: Event) -> Inputs | None:
        """Look at the environments, and once at all claims: an older one may have come to name the same namespace."""
        environments = super().survey(event)
        if environments is None:
            return None
        rivals = self._rivals()

        def inputs(document: Document) -> Hashable:
            environment = environments(document)
            try:
                return environment and (environment, frozenset(rivals(INFRASTRUCTURE.parse(document))))
            except InvalidClaim:
                return None

        return inputs

    def stateful(
        self, attempt: Attempt[InfrastructureClaim], environment: Environment, names: Iterable[str]
    ) -> Mapping[str, Sequence[str]]:
        """Every namespace, with the volume claims in it where it is on this cluster: no other one is at hand."""
        is_here = namespaces.is_here(environment)
        return {name: self._volumes(name) if is_here else () for name in names}

    def residents(self, environment: Environment, names: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """The claims of the cluster type whose applications and services live there: where the claims do here."""
        return {name: found for name in names if (found := list(self._claims_in(environment, name)))}

    def _claims_in(self, environment: Environment, namespace: str) -> Iterator[str]:
        for kind in (APPLICATION, PLATFORM):
            for document in self._kube.list(kind.resource, namespace):
                where = place(document)
                if where is not None and where[0] == environment.cluster_type:
                    yield f"{kind.name} {document['metadata']['name']}"

    def _volumes(self, namespace: str) -> list[str]:
        try:
            return [one["metadata"]["name"] for one in self._kube.list(VOLUME_CLAIMS, namespace)]
        except KubeNotFound:  # an API server without volume claims
            return []

    def _recorded(self, git: Transaction, environment: Environment) -> dict[str, Namespace]:
        return namespaces.recorded(git.read(f"{self.folder(environment)}/{VALUES}"))

    def _rivals(self) -> "_Rivals":
        owners = self._admission.owners(INFRASTRUCTURE)
        bootstraps = list(self._admission.bootstraps())
        environments = {}
        for where in owners:
            try:
                environments[where] = locate(bootstraps, *where)
            except InfraForgeError:
                continue  # it has nothing anywhere
        return _Rivals(owners, environments)

    def _refuse(self, claim: InfrastructureClaim) -> None:
        """Raise `InvalidClaim` for a namespace that this installation keeps from every claim, or from this one."""
        bound = self._bound.get(claim.spec.environment)
        for index, one in enumerate(claim.spec.namespaces):
            if one.name in self._system_namespaces:
                raise InvalidClaim(
                    f'spec.namespaces[{index}].name: "{one.name}" is a namespace of the platform\'s own: '
                    "choose another name",
                    reason="NameReserved",
                )
            if bound is not None and one.name not in bound:
                raise InvalidClaim(
                    f'spec.namespaces[{index}].name: environment "{claim.spec.environment}" is bound to '
                    f"{', '.join(sorted(bound)) or 'no namespace'}: choose one of those, or have the binding changed",
                    reason="NamespaceNotAllowed",
                )


@dataclass(frozen=True)
class _Rivals:
    """Who owns which environment, as it was found at one time."""

    owners: Mapping[tuple[str, str], InfrastructureClaim]
    environments: Mapping[tuple[str, str], Environment]

    def __call__(self, claim: InfrastructureClaim) -> dict[str, InfrastructureClaim]:
        return namespaces.taken(claim, self.owners, self.environments)
