"""The Secrets that hold a service's password: the one beside the service, and the copies that applications read. Pure.

Their password is in no file, status, event or log, and follows from nothing that is. Nothing owns them, so that they
outlive the claim, as does the volume that was initialised with the password.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

from shared.argocd import IN_CLUSTER, PART_OF, destination
from shared.bindings import PASSWORD, Grant
from shared.environments import Environment
from shared.kube.client import Resource

SECRETS: Final = Resource("v1", "secrets")
OURS: Final = PART_OF
"""The labels by which all of them are listed."""

_ROLE: Final = "app.kubernetes.io/component"
_MADE: Final = "service-password"
_COPIED: Final = "binding"
_SOURCE: Final = "platform.infraforge.io/copied-from"
_OWN_CLUSTER: Final = ({"server": IN_CLUSTER}, {"name": "in-cluster"})
"""How an Application says that it is deployed where ArgoCD runs."""
_WINDOW: Final = 6
"""So many characters of a password in a text are no accident."""


def elsewhere(environment: Environment) -> str | None:
    """The cluster that the environment is deployed to, unless it is the functions' own, where alone they may write."""
    cluster = destination(environment.destination)
    return None if cluster in _OWN_CLUSTER else next(iter(cluster.values()))


def made(name: str, namespace: str, environment: Environment, password: str) -> dict[str, Any]:
    """The Secret beside a service, with a new password."""
    return _secret(name, namespace, environment, _MADE, base64.b64encode(password.encode()).decode())


def copied(grant: Grant, environment: Environment, encoded: str) -> dict[str, Any]:
    """The Secret beside an application, with a service's password, in base64 as the service's own Secret has it."""
    document = _secret(grant.name, grant.namespace, environment, _COPIED, encoded)
    document["metadata"]["annotations"] = {_SOURCE: f"{grant.source_namespace}/{grant.source}"}
    return document


def encoded_password(secret: Mapping[str, Any]) -> str | None:
    """What the Secret holds under `password`, in base64; None when it holds nothing there."""
    data = secret.get("data")
    found = data.get(PASSWORD) if isinstance(data, Mapping) else None
    return found if isinstance(found, str) and found else None


def is_copy(secret: Mapping[str, Any]) -> bool:
    """Whether we brought it there, so that we may write it."""
    labels = secret["metadata"].get("labels") or {}
    return (OURS | {_ROLE: _COPIED}).items() <= labels.items()


def is_same(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a copy that is there says what it should."""
    annotations = there["metadata"].get("annotations") or {}
    same = encoded_password(there) == encoded_password(wanted)
    return same and annotations.get(_SOURCE) == wanted["metadata"]["annotations"][_SOURCE]


def without_password(text: str, encoded: str) -> str:
    """`text`, unless a part of the password, in base64 or not, is in it."""
    try:
        plain = base64.b64decode(encoded).decode()
    except ValueError:  # not what we made; nobody can quote it but in base64
        plain = ""
    for secret in (encoded, plain):
        windows = (secret[start : start + _WINDOW] for start in range(max(1, len(secret) - _WINDOW + 1)))
        if secret and any(window in text for window in windows):
            return "its answer is not shown, since it quotes the Secret"
    return text


def _secret(name: str, namespace: str, environment: Environment, role: str, encoded: str) -> dict[str, Any]:
    labels = dict(OURS) | {
        _ROLE: role,
        "infraforge.io/cluster-type": environment.cluster_type,
        "infraforge.io/environment": environment.name,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "type": "Opaque",
        "data": {PASSWORD: encoded},
    }
