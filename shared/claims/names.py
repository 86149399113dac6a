"""Names, their bounds, and the names that are made of them.

Whatever becomes a path, a release or a label is a DNS-1123 label. The schema checks it, and the model checks it again,
because a function also reads claims from Git, where no API server stood at the door.
"""

import re
from typing import Annotated, Final

from pydantic import Field

MAX_LABEL: Final = 63
MAX_COMBINED_NAME: Final = 53
"""Helm's bound of a release name, and so the bound of `<env>-<application>` and `<env>-platform-<service>`."""

MAX_CLUSTERS: Final = 20
MAX_ENVIRONMENTS: Final = 500
"""Of one cluster type."""
MAX_APPLICATIONS: Final = 200
MAX_SERVICES: Final = 100
MAX_BINDINGS: Final = 32
MAX_NAMESPACES: Final = 100
MAX_ENTRIES: Final = 50
"""Labels, annotations or quotas of one namespace."""
MAX_PEERS: Final = 100
"""Namespaces that one may be reached from, or may reach."""
MAX_SUBJECTS: Final = 100
"""Users, groups and service accounts that may work in one namespace."""

PLATFORM_PREFIX: Final = "platform-"
"""What stands between environment and service in a service's release; no application's name begins with it."""
RESERVED_SERVICE: Final = "namespaces"
"""The folder of an InfrastructureClaim beside the services."""

SYSTEM_PREFIXES: Final = ("kube-", "knative-")
SYSTEM_NAMESPACES: Final = ("argocd", "default", "gitea", "platform-system")
"""Namespaces that no claim may have, whatever an installation calls its own."""

DNS_LABEL_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUBDOMAIN_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
URL_PATTERN: Final = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/%+-]*)?$"
"""Neither a template of Go's nor a glob of an AppProject's can be in an address, nor in a cluster's name."""
CLUSTER_NAME_PATTERN: Final = r"^[A-Za-z0-9]([A-Za-z0-9._:/@ -]*[A-Za-z0-9])?$"
ORGANIZATION_PATTERN: Final = r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"
TAG_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9._-]*$"
CHART_REPOSITORY_PATTERN: Final = (
    r"^(oci://)?[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*)*$"
)
CHART_VERSION_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9.+_-]*$"
QUANTITY_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?(m|[KMGTPE]i|[kMGTPE])?$"
LABEL_VALUE_PATTERN: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
SUBJECT_PATTERN: Final = r"^[^\x00-\x20\x7f]+$"

MENDS: Final = {
    DNS_LABEL_PATTERN: "is not a DNS-1123 label: use lower case letters, digits and '-'",
    SUBDOMAIN_PATTERN: "is not a DNS-1123 subdomain: use lower case letters, digits, '-' and '.'",
    URL_PATTERN: "is not an address: use http:// or https://, a host and no user, password or query",
    CLUSTER_NAME_PATTERN: "is not a cluster's name: use letters, digits, blanks and any of . _ : / @ -",
    ORGANIZATION_PATTERN: "is not a Gitea organization: use letters and digits, with a single '.', '_' or '-' between",
    TAG_PATTERN: "is not an image tag: use letters, digits, '_', '.' and '-', the first a letter, digit or '_'",
    CHART_REPOSITORY_PATTERN: "is not an OCI repository: use oci://host/path without user or query",
    CHART_VERSION_PATTERN: "is not a chart version: name one exactly, such as 1.2.3",
    QUANTITY_PATTERN: "is not a quantity: use digits and a unit, such as 500m, 4 or 8Gi",
    LABEL_VALUE_PATTERN: "is not a label's value: use letters, digits, '-', '_' and '.', not at its ends",
    SUBJECT_PATTERN: "is not a name: use no blanks",
}
"""What a message says about a text that does not match: what it is not, and what would mend it."""

DnsLabel = Annotated[str, Field(max_length=MAX_LABEL, pattern=DNS_LABEL_PATTERN)]
DnsSubdomain = Annotated[str, Field(max_length=253, pattern=SUBDOMAIN_PATTERN)]
ClusterName = Annotated[str, Field(max_length=253, pattern=CLUSTER_NAME_PATTERN)]
Url = Annotated[str, Field(max_length=255, pattern=URL_PATTERN)]
OrganizationName = Annotated[str, Field(max_length=40, pattern=ORGANIZATION_PATTERN)]
ImageRepository = Annotated[str, Field(min_length=1, max_length=255)]
ImageTag = Annotated[str, Field(max_length=128, pattern=TAG_PATTERN)]
ChartRepository = Annotated[str, Field(max_length=255, pattern=CHART_REPOSITORY_PATTERN)]
LabelValue = Annotated[str, Field(max_length=MAX_LABEL, pattern=LABEL_VALUE_PATTERN)]
SubjectName = Annotated[str, Field(max_length=253, pattern=SUBJECT_PATTERN)]
ChartVersion = Annotated[str, Field(max_length=128, pattern=CHART_VERSION_PATTERN)]


def is_label(name: str) -> bool:
    """Whether `name` can be that of an application, a service, an environment or a cluster type."""
    return len(name) <= MAX_LABEL and re.fullmatch(DNS_LABEL_PATTERN, name) is not None and name.isascii()


def is_system_namespace(name: str) -> bool:
    """Whether `name` is a namespace of the cluster's own or of what the platform is built on."""
    return name in SYSTEM_NAMESPACES or name.startswith(SYSTEM_PREFIXES)


def namespaces_release(environment: str) -> str:
    """The one name of what deploys an environment's namespaces: ArgoCD Application and Helm release."""
    return service_release(environment, RESERVED_SERVICE)


def application_release(environment: str, application: str) -> str:
    """The one name of an application: ArgoCD Application, Helm release and everything named after them."""
    return f"{environment}-{application}"


def service_release(environment: str, service: str) -> str:
    """The one name of a platform service: ArgoCD Application, Helm release and everything named after them."""
    return f"{environment}-{PLATFORM_PREFIX}{service}"
