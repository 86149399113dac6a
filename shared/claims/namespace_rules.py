"""What a namespace in a claim must not say, as the chart that makes it and Kubernetes would refuse it. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from shared.claims.names import SUBDOMAIN_PATTERN
from shared.claims.problems import Problem
from shared.claims.quantities import amount

SERVICE_ACCOUNT: Final = "ServiceAccount"
SYSTEM_SUBJECT: Final = "system:"
POD_SECURITY: Final = tuple(f"pod-security.kubernetes.io/{mode}" for mode in ("enforce", "audit", "warn"))
LEVELS: Final = ("restricted", "baseline")
ANNOTATION_VALUE = Annotated[str, Field(max_length=4096)]

MAX_KEY_PREFIX: Final = 253
MAX_KEY_NAME: Final = 63
_KEY_NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_SUBDOMAIN: Final = re.compile(SUBDOMAIN_PATTERN)
_RESERVED: Final[Mapping[str, tuple[str, ...]]] = {
    "labels": (
        *("app.kubernetes.io/", "argocd.argoproj.io/", "platform.infraforge.io/"),
        *("kubernetes.io/metadata.name", "helm.sh/chart"),
    ),
    "annotations": ("argocd.argoproj.io/", "helm.sh/", "meta.helm.sh/"),
}
"""Keys, or with a slash at their end prefixes of keys, that Kubernetes, Helm, ArgoCD or the platform set."""

_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
_COUNTED: Final = frozenset(
    {
        *("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps"),
        *("persistentvolumeclaims", "services.nodeports", "services.loadbalancers"),
    }
)
_MEASURED: Final = frozenset(
    {*_COMPUTE, "requests.storage", *(f"{side}.{what}" for side in ("requests", "limits") for what in _COMPUTE)}
)
_ORDER: Final = ("min", "defaultRequest", "default", "max")


def key_problems(entries: Mapping[str, object], field: str) -> Iterator[Problem]:
    """The keys of labels or annotations that are none, or that others set. `field` is "labels" or "annotations"."""
    for key in entries:
        prefix, slash, name = key.rpartition("/")
        fits = len(prefix) <= MAX_KEY_PREFIX and len(name) <= MAX_KEY_NAME
        if not fits or not _KEY_NAME.fullmatch(name) or (slash and not _SUBDOMAIN.fullmatch(prefix)):
            yield Problem(
                (field, key), "is no key: use letters, digits, '-', '_' and '.', with a domain and '/' before"
            )
        elif any(key == one or (one.endswith("/") and key.startswith(one)) for one in _RESERVED[field]):
            yield Problem((field, key), "is set by the platform, and by nobody else: remove it")


def security_problems(labels: Mapping[str, str]) -> Iterator[Problem]:
    """Pod Security levels that no namespace of a claim may have."""
    for key in POD_SECURITY:
        if labels.get(key, LEVELS[0]) not in LEVELS:
            yield Problem(("labels", key), f"must be {' or '.join(LEVELS)}")


def quota_problems(quota: Mapping[str, int | str]) -> Iterator[Problem]:
    """What Kubernetes knows no quota of, and parts of what can only be counted."""
    for name, quantity in quota.items():
        counted = name in _COUNTED or name.startswith("count/")
        prefix, slash, rest = name.rpartition("/")
        extended = slash and _KEY_NAME.fullmatch(rest) and _SUBDOMAIN.fullmatch(prefix)
        if not (counted or name in _MEASURED or extended or name.startswith(("hugepages-", "requests.hugepages-"))):
            said = (
                "is nothing that Kubernetes has a quota of: use requests.cpu, limits.memory, pods, count/jobs.batch …"
            )
            yield Problem(("quota", name), said)
        elif counted and amount(quantity) % 1:
            yield Problem(("quota", name), "is counted: use a whole number")


def bound_problems(bounds: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Bounds of one container that contradict each other: the least is at most what it gets, and that the most."""
    for position, lower in enumerate(_ORDER):
        for upper in _ORDER[position + 1 :]:
            for resource, quantity in bounds.get(lower, {}).items():
                above = bounds.get(upper, {}).get(resource)
                if quantity is not None and above is not None and amount(quantity) > amount(above):
                    yield Problem((upper, resource), f"{above} is less than the {quantity} of {lower}: raise it")


def subject_problems(kind: str, name: str, namespace: str | None) -> Iterator[Problem]:
    """Why nobody is called so, or may be given access by a claim."""
    if name.startswith(SYSTEM_SUBJECT):
        yield Problem(
            ("name",), "is one of the cluster's own users and groups, which get no access by a claim: remove it"
        )
    if kind == SERVICE_ACCOUNT:
        if namespace is None:
            yield Problem(("namespace",), f"is required with kind {SERVICE_ACCOUNT}")
        if not _SUBDOMAIN.fullmatch(name) and not name.startswith(SYSTEM_SUBJECT):
            yield Problem(("name",), f"is no {SERVICE_ACCOUNT}'s: use lower case letters, digits, '-' and '.'")
    elif namespace is not None:
        yield Problem(("namespace",), f"is for kind {SERVICE_ACCOUNT} only, and kind is {kind}: remove it")
