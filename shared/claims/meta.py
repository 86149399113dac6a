"""What every claim has in common: the envelope of a Kubernetes object."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.claims.names import DnsLabel
from shared.claims.parts import SpecModel, StatusModel
from shared.claims.rules import immutable
from shared.claims.status import ClaimStatus

GROUP: Final = "platform.infraforge.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "platform.infraforge.io/v1alpha1"

STATUS: Final = "What InfraForge made of the spec. Only its functions write it."


def absent_as(empty: Any) -> BeforeValidator:
    """Take JSON's null for a field that was left out, as an API server does where there is a default."""
    return BeforeValidator(lambda given: empty() if given is None else given)


class ObjectMeta(StatusModel):
    """The metadata that the functions read; the rest is ignored. Times are RFC 3339 in UTC."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resourceVersion: str = ""
    creationTimestamp: str | None = None
    deletionTimestamp: str | None = None
    annotations: Annotated[dict[str, str], absent_as(dict)] = Field(default_factory=dict)
    labels: Annotated[dict[str, str], absent_as(dict)] = Field(default_factory=dict)
    finalizers: Annotated[list[str], absent_as(list)] = Field(default_factory=list)


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


class Claim(BaseModel):
    """The base of the claims; each narrows `kind`, `spec` and `status`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    apiVersion: Literal["platform.infraforge.io/v1alpha1"]
    kind: str
    metadata: ObjectMeta
    spec: SpecModel
    status: Annotated[ClaimStatus, absent_as(ClaimStatus)] = Field(default_factory=ClaimStatus, description=STATUS)
