"""The claims of `platform.infraforge.io/v1alpha1`: pydantic models, from which `shared.claims.crd` makes the CRDs."""

from shared.claims.application import Application, ApplicationClaim, ApplicationSpec, Chart, Image
from shared.claims.bootstrap import BootstrapClaim, BootstrapSpec, ClusterSpec, GiteaSpec
from shared.claims.meta import (
    API_VERSION,
    CONFIRM_REMOVAL,
    FINALIZER,
    GROUP,
    REMOVE_ENVIRONMENTS,
    VERSION,
    Claim,
    EnvironmentClaim,
    EnvironmentSpec,
    ObjectMeta,
)
from shared.claims.names import application_release, service_release
from shared.claims.parse import KINDS, parse, place
from shared.claims.parts import Destination
from shared.claims.platform import PlatformClaim, PlatformSpec, Service, ServiceChart
from shared.claims.status import (
    ApplicationRow,
    ApplicationStatus,
    BootstrapStatus,
    ChartsRevision,
    ClaimStatus,
    ClusterRow,
    Commit,
    Condition,
    HistoryEntry,
    PlatformStatus,
    RepositoryRow,
    ServiceRow,
)

__all__ = [
    "API_VERSION",
    "CONFIRM_REMOVAL",
    "FINALIZER",
    "GROUP",
    "KINDS",
    "REMOVE_ENVIRONMENTS",
    "VERSION",
    "Application",
    "ApplicationClaim",
    "ApplicationRow",
    "ApplicationSpec",
    "ApplicationStatus",
    "BootstrapClaim",
    "BootstrapSpec",
    "BootstrapStatus",
    "Chart",
    "ChartsRevision",
    "Claim",
    "ClaimStatus",
    "ClusterRow",
    "ClusterSpec",
    "Commit",
    "Condition",
    "Destination",
    "EnvironmentClaim",
    "EnvironmentSpec",
    "GiteaSpec",
    "HistoryEntry",
    "Image",
    "ObjectMeta",
    "PlatformClaim",
    "PlatformSpec",
    "PlatformStatus",
    "RepositoryRow",
    "Service",
    "ServiceChart",
    "ServiceRow",
    "application_release",
    "parse",
    "place",
    "service_release",
]
