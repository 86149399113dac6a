"""What every claim has in common: the envelope of a Kubernetes object."""

from typing import Annotated, Final, Literal

from pydantic import Field

from shared.claims.names import DnsLabel, DnsSubdomain
from shared.claims.parts import Part, SpecModel, StatusModel
from shared.claims.rules import immutable
from shared.claims.status import ClaimStatus

GROUP: Final = "platform.infraforge.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "platform.infraforge.io/v1alpha1"

FINALIZER: Final = "platform.infraforge.io/cleanup"
"""Keeps a claim until what it has in Git is gone; set before its first commit, and taken off last of all."""
CONFIRM_REMOVAL: Final = "platform.infraforge.io/confirm-removal"
"""The annotation that lets a held removal go on; its value is what `status.confirmation` names."""
REMOVE_ENVIRONMENTS: Final = "platform.infraforge.io/remove-environments"
"""The annotation of a BootstrapClaim that names orphaned environments to remove: `type/environment`, with commas."""

STATUS: Final = "What InfraForge made of the spec. Only its functions write it."


class ObjectMeta(StatusModel):
    """The metadata that the functions read; the rest is ignored. Times are RFC 3339 in UTC."""

    name: DnsSubdomain
    namespace: DnsLabel = ""
    uid: str = ""
    generation: Annotated[int, Field(ge=0)] = 0
    resourceVersion: str = ""
    creationTimestamp: str | None = None
    deletionTimestamp: str | None = None
    annotations: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    finalizers: list[str] = Field(default_factory=list)


class EnvironmentSpec(SpecModel):
    """The spec of a claim that belongs to one environment of one cluster type."""

    clusterType: DnsLabel = Field(
        description="The cluster type that the environment belongs to. Immutable.",
        json_schema_extra=immutable("clusterType"),
    )
    environment: DnsLabel = Field(
        description="The environment, one of those that the BootstrapClaim names. Immutable.",
        json_schema_extra=immutable("environment"),
    )


class Claim(Part):
    """The base of the claims; each narrows `kind`, `spec` and `status`."""

    apiVersion: Literal["platform.infraforge.io/v1alpha1"]
    kind: str
    metadata: ObjectMeta
    spec: SpecModel
    status: ClaimStatus = Field(default_factory=ClaimStatus, description=STATUS)


class EnvironmentClaim(Claim):
    """The base of the claims that belong to one environment."""

    spec: EnvironmentSpec
