"""Which environments exist, where they deploy, and whose they are. Pure.

The BootstrapClaims' statuses say what has been bootstrapped, their specs what was asked for. Between the two lies the
difference between waiting (it is coming) and refusing (nobody asked for it).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.claims import BootstrapClaim
from shared.claims.meta import Claim
from shared.claims.parts import Destination
from shared.errors import InvalidClaim, NotBootstrapped
from shared.wording import listed

BOOTSTRAPPED_PHASE = "Bootstrapped"
MAX_NAMED = 20


@dataclass(frozen=True)
class Environment:
    """One environment of the platform, as the generated files need to know it."""

    cluster_type: str
    name: str
    organization: str
    destination: Destination | None
    charts_revision: str
    platform_charts_revision: str
    reserved: frozenset[str] = frozenset()
    """Names of Applications that are the platform's own: its root Applications."""

    @property
    def folder(self) -> str:
        """Where in `voltran` the environment's values live."""
        return f"environments/{self.cluster_type}/{self.name}"


def locate(bootstraps: Iterable[BootstrapClaim], cluster_type: str, name: str) -> Environment:
    """The environment `name` of `cluster_type`.

    Raises `NotBootstrapped` when it was asked for and is not there yet (or when there is no BootstrapClaim at all),
    and `InvalidClaim` with the environments that exist when no BootstrapClaim names it.
    """
    claims = sorted(bootstraps, key=seniority)
    if not claims:
        raise NotBootstrapped(
            "the platform is not bootstrapped: there is no BootstrapClaim; this claim goes on when there is one"
        )
    for claim in claims:
        environment = _bootstrapped(claim, cluster_type, name)
        if environment is not None:
            return environment
    asked_for = {cluster.type: cluster.environments for claim in claims for cluster in claim.spec.clusters}
    if name in asked_for.get(cluster_type, ()):
        raise NotBootstrapped(
            f'environment "{name}" of cluster type "{cluster_type}" is not bootstrapped yet; '
            "this claim goes on by itself when it is"
        )
    raise _unknown(cluster_type, name, asked_for)


def seniority(claim: Claim) -> tuple[str, str]:
    """The order in which claims own what they share: the oldest first, then the smaller UID."""
    return claim.metadata.creationTimestamp or "", claim.metadata.uid or ""


def check_names(environment: Environment, releases: Sequence[str], field: str) -> None:
    """Raise `InvalidClaim` when an Application would have the name of a root Application of the platform's own."""
    for index, release in enumerate(releases):
        if release in environment.reserved:
            raise InvalidClaim(
                f'{field}[{index}].name: its Application would be called "{release}", as the platform\'s own root '
                "application is: choose another name",
                reason="NameReserved",
            )


def check_namespace(claim: Claim, environment: str, bound: Mapping[str, frozenset[str]]) -> None:
    """Raise `InvalidClaim` when the operator bound the environment to other namespaces."""
    allowed = bound.get(environment)
    if allowed is not None and claim.metadata.namespace not in allowed:
        raise InvalidClaim(
            f'namespace "{claim.metadata.namespace}" may not claim environment "{environment}": '
            f"it is bound to {', '.join(sorted(allowed)) or 'no namespace'}",
            reason="NamespaceNotAllowed",
        )


def _bootstrapped(claim: BootstrapClaim, cluster_type: str, name: str) -> Environment | None:
    status = claim.status
    charts, platform_charts = status.charts, status.platformCharts
    if status.phase != BOOTSTRAPPED_PHASE or charts is None or platform_charts is None:
        return None
    for cluster in status.clusters:
        if cluster.type == cluster_type and name in cluster.environments:
            return Environment(
                cluster_type=cluster_type,
                name=name,
                organization=claim.spec.gitea.organization,
                destination=cluster.destination,
                charts_revision=charts.revision or "",
                platform_charts_revision=platform_charts.revision or "",
                reserved=frozenset(status.rootApps),
            )
    return None


def _unknown(cluster_type: str, name: str, asked_for: Mapping[str, Iterable[str]]) -> InvalidClaim:
    if cluster_type not in asked_for:
        return InvalidClaim(
            f'spec.clusterType: no BootstrapClaim has a cluster type "{cluster_type}"; '
            f"there are: {', '.join(sorted(asked_for)) or 'none'}",
            reason="ClusterTypeUnknown",
        )
    known = listed(sorted(asked_for[cluster_type]), MAX_NAMED)
    return InvalidClaim(
        f'spec.environment: cluster type "{cluster_type}" has no environment "{name}"; it has: {known or "none"}',
        reason="EnvironmentUnknown",
    )
