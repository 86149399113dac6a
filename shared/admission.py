"""What must hold before a claim touches Git: its type is served, its environment exists, and is its own."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from shared.attempt import Kind
from shared.claims import BootstrapClaim, EnvironmentClaim, place
from shared.environments import Environment, check_namespace, locate, seniority
from shared.errors import InfraForgeError, InvalidClaim, NotBootstrapped
from shared.kinds import BOOTSTRAP
from shared.kube.client import Kube

EnvironmentClaimT = TypeVar("EnvironmentClaimT", bound=EnvironmentClaim)


class Admission:
    """Answers where a claim may write, or raises why it may not.

    `operators_only`: claims live in the system namespace, whatever namespaces their environments are bound to.
    """

    def __init__(
        self,
        kube: Kube,
        *,
        gitea_url: str,
        system_namespace: str,
        cluster_types: frozenset[str],
        environment_namespaces: Mapping[str, frozenset[str]],
        operators_only: bool = False,
    ) -> None:
        self._kube = kube
        self._gitea_url = gitea_url
        self._system_namespace = system_namespace
        self._cluster_types = cluster_types
        self._environment_namespaces = environment_namespaces
        self._operators_only = operators_only

    def serves(self, cluster_type: str) -> bool:
        """Whether the type is this installation's."""
        return not self._cluster_types or cluster_type in self._cluster_types

    def admit(self, claim: EnvironmentClaimT, kind: Kind[EnvironmentClaimT]) -> Environment:
        """The environment that `claim` owns.

        Raises `InvalidClaim` (reasons ClusterTypeNotServed, NamespaceNotAllowed, ClusterTypeUnknown,
        EnvironmentUnknown, EnvironmentConflict) or `NotBootstrapped`.
        """
        spec = claim.spec
        if not self.serves(spec.clusterType):
            raise InvalidClaim(
                f'spec.clusterType: this installation does not serve "{spec.clusterType}"; '
                f"it serves {', '.join(sorted(self._cluster_types))}",
                reason="ClusterTypeNotServed",
            )
        self._check_namespace(claim, spec.environment)
        environment = locate(self.bootstraps(), spec.clusterType, spec.environment)
        self._refuse_a_second_owner(claim, kind)
        return environment

    def admit_removal(self, claim: EnvironmentClaimT, kind: Kind[EnvironmentClaimT]) -> Environment | None:
        """Where the files of a claim are that is being deleted; None when it has none.

        Raises `NotBootstrapped` when it has some and nobody says where.
        """
        spec = claim.spec
        if not self.serves(spec.clusterType):
            return None
        try:
            self._refuse_a_second_owner(claim, kind)
        except InvalidClaim:
            return None  # what is there is another's
        bootstraps = list(self.bootstraps())
        try:
            return locate(bootstraps, spec.clusterType, spec.environment)
        except InfraForgeError as error:
            if claim.status.checksum is None:
                return None  # it never got into Git
            if not bootstraps:
                raise NotBootstrapped(
                    "its files in Git cannot be removed, since no BootstrapClaim says where they are; to let it go "
                    f"all the same: infraforge release {kind.name}/{claim.metadata.namespace}/{claim.metadata.name}"
                ) from error
        organization = min(bootstraps, key=seniority).spec.gitea.organization
        return Environment(spec.clusterType, spec.environment, organization, None, "", "")

    def owners(
        self, kind: Kind[EnvironmentClaimT], where: tuple[str, str] | None = None
    ) -> dict[tuple[str, str], EnvironmentClaimT]:
        """Cluster type and environment → the claim of `kind` that it belongs to; of one environment, or of all."""
        fields = {"spec.clusterType": where[0], "spec.environment": where[1]} if where else None
        found: dict[tuple[str, str], EnvironmentClaimT] = {}
        for document in self._kube.list(kind.resource, fields=fields):
            named = place(document)
            if named is None or where not in (None, named):
                continue
            try:
                claim = kind.parse(document)
                self._check_namespace(claim, named[1])
            except InvalidClaim:
                continue  # it writes nothing, so it owns nothing
            if named not in found or seniority(claim) < seniority(found[named]):
                found[named] = claim
        return found

    def bootstraps(self) -> Iterator[BootstrapClaim]:
        """The BootstrapClaims that count: ours by namespace and by Gitea, and readable."""
        for document in self._kube.list(BOOTSTRAP.resource, self._system_namespace):
            try:
                claim = BOOTSTRAP.parse(document)
            except InvalidClaim:
                continue  # its own status says so
            if claim.spec.gitea.url.rstrip("/") == self._gitea_url:
                yield claim

    def _check_namespace(self, claim: EnvironmentClaim, environment: str) -> None:
        if not self._operators_only:
            check_namespace(claim, environment, self._environment_namespaces)
        elif claim.metadata.namespace != self._system_namespace:
            raise InvalidClaim(
                f'metadata.namespace: an {claim.kind} lives in "{self._system_namespace}", where only the '
                "platform's operators write: create it there",
                reason="NamespaceNotAllowed",
            )

    def _refuse_a_second_owner(self, claim: EnvironmentClaimT, kind: Kind[EnvironmentClaimT]) -> None:
        spec = claim.spec
        fields = {"spec.clusterType": spec.clusterType, "spec.environment": spec.environment}
        for document in self._kube.list(kind.resource, fields=fields):
            if place(document) != (spec.clusterType, spec.environment):
                continue
            try:
                other = kind.parse(document)
                self._check_namespace(other, spec.environment)
            except InvalidClaim:
                continue  # it writes nothing, so it owns nothing
            if seniority(other) < seniority(claim):
                raise InvalidClaim(
                    f'environment "{spec.environment}" of cluster type "{spec.clusterType}" belongs to '
                    f"{kind.name} {other.metadata.namespace}/{other.metadata.name}, which is older: "
                    "move the content there, or delete one of the two",
                    reason="EnvironmentConflict",
                )
