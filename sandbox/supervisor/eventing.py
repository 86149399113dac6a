"""What the sandbox's source watches and where its broker sends what: the Knative objects of an installation, as files.

The names of types, extensions and fields are Knative's (eventing.knative.dev/v1 Trigger, sources.knative.dev/v1).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

API_VERSION: Final = "platform.infraforge.io/v1alpha1"
KINDS: Final[Mapping[str, str]] = {
    "BootstrapClaim": "bootstrap",
    "InfrastructureClaim": "bootstrap",
    "ApplicationClaim": "application",
    "PlatformClaim": "platform",
}
"""The function that each kind's events go to."""

ARGOCD_VERSION: Final = "argoproj.io/v1alpha1"
ARGOCD_KINDS: Final = ("Application", "ApplicationSet")
ARGOCD_NAMESPACE: Final = "argocd"
OURS: Final = {"app.kubernetes.io/part-of": "infraforge"}
"""The label of everything that ArgoCD is given by the functions, and by it alone."""
CHANGES: Final = ("add", "update", "delete")
PING: Final = "dev.knative.sources.ping"
BOOTSTRAPPED: Final = "io.infraforge.platform.bootstrapped"
SERVICES: Final = "io.infraforge.platform.services"
DELIVERIES: Final = tuple(f"io.infraforge.gitea.{event}" for event in ("push", "delete", "repository"))
"""What Gitea's webhook told the bootstrap function, as it hands it to the broker."""
DELIVERY: Final = {"retry": 8, "backoffPolicy": "exponential", "backoffDelay": "PT0.5S", "timeout": "PT60S"}


def triggers(urls: Mapping[str, str]) -> dict[str, Any]:
    """The broker's configuration; `urls` holds the address of each function."""
    return {
        "delivery": DELIVERY,
        "triggers": [
            {"name": name, "filter": {"attributes": attributes}, "subscriber": {"uri": urls[function]}}
            for name, function, attributes in _routes()
        ],
    }


def sources(resync_interval: int) -> dict[str, Any]:
    """The source's configuration: every claim in every namespace, what ArgoCD makes of them, and the pings.

    A ping comes each `resync_interval` seconds.
    """
    selector = {"matchLabels": OURS}
    return {
        "apiServerSources": [
            {
                "name": "claims",
                "resources": [{"apiVersion": API_VERSION, "kind": kind} for kind in KINDS],
                "namespaces": [],
            },
            {
                "name": "argocd",
                "resources": [
                    {"apiVersion": ARGOCD_VERSION, "kind": kind, "selector": selector} for kind in ARGOCD_KINDS
                ],
                "namespaces": [ARGOCD_NAMESPACE],
            },
        ],
        "pingSources": [{"name": "resync", "every": resync_interval, "data": {}}],
    }


def _routes() -> Iterator[tuple[str, str, dict[str, str]]]:
    for kind, function in KINDS.items():
        for change in CHANGES:
            type_ = f"dev.knative.apiserver.resource.{change}"
            yield f"{kind.removesuffix('Claim').lower()}-{change}", function, {"type": type_, "kind": kind}
    for function in dict.fromkeys(KINDS.values()):
        # An Application or a set tells of itself by labels and name, which no trigger can match: each function looks.
        yield f"{function}-argocd", function, {"apiversion": ARGOCD_VERSION}
        yield f"{function}-resync", function, {"type": PING}
        for type_ in DELIVERIES:
            yield f"{function}-gitea-{type_.rpartition('.')[2]}", function, {"type": type_}
        yield f"{function}-bootstrapped", function, {"type": BOOTSTRAPPED}
    yield "application-services", "application", {"type": SERVICES}
