"""Claims as people would write them."""

from collections.abc import Sequence
from typing import Any

import yaml

from sandbox.supervisor.components import GITEA_URL
from shared.claims import API_VERSION
from tests.e2e.command import DEPLOYMENTS


def examples() -> list[Any]:
    """Those of deployments/."""
    return [yaml.safe_load(file.read_text()) for file in sorted(DEPLOYMENTS.rglob("*.yaml"))]


def bootstrap(**environments: Sequence[str]) -> dict[str, Any]:
    """The platform, with these environments by their cluster types."""
    clusters = [{"type": type_, "environments": list(names)} for type_, names in environments.items()]
    spec = {"gitea": {"url": GITEA_URL, "organization": "platform"}, "clusters": clusters}
    return claim("BootstrapClaim", "platform-system", "platform-bootstrap", spec)


def applications(
    name: str, environment: str, rows: Sequence[dict[str, Any]], *, namespace: str = "dev", type_: str = "nonprod"
) -> dict[str, Any]:
    """An ApplicationClaim."""
    spec = {"clusterType": type_, "environment": environment, "applications": list(rows)}
    return claim("ApplicationClaim", namespace, name, spec)


def application(name: str, **values: Any) -> dict[str, Any]:
    """One of its rows."""
    return {
        "name": name,
        "chart": {"name": "user-service"},
        "image": {"repository": "ghcr.io/infraforge/user-service", "tag": "v1.0.0"},
        "values": values or {"replicas": 1},
    }


def claim(kind: str, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Any claim."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
