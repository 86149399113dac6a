"""What a bound application has come to: its row, its values and its Secret."""

import base64
from typing import Any

import yaml

from shared.auth_secrets import SECRETS
from shared.events import PING, Event
from shared.kube.client import Document
from shared.reconciler import Reconciler
from tests.functions.platform import Platform

APPS = "environments/nonprod/dev/applications"
SECRET = "dev-platform-postgres-auth"
NAMESPACE = "platform-services"
UNKNOWN = (
    'spec.applications[0].bindings[0]: "postgres" is bound to nothing: environment "dev" of cluster type "nonprod" has '
    "no PlatformClaim; this goes on by itself when it has"
)
Process = Reconciler[Any]


def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in document["status"]["applications"]}


def row(document: dict[str, Any]) -> tuple[str, str, str | None]:
    """State, reason and message of the bound application."""
    found = rows(document)["ecommerce-platform"]
    return found["state"], found["reason"], found.get("message")


def values(platform: Platform, application: str = "ecommerce-platform") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(platform.file(f"{APPS}/{application}/values.yaml"))
    return found


def secret(platform: Platform, namespace: str, name: str = SECRET) -> Document | None:
    return platform.kube.objects.get(("secrets", namespace, name))


def password(platform: Platform, namespace: str, name: str = SECRET) -> str:
    found = secret(platform, namespace, name)
    assert found is not None
    return base64.b64decode(found["data"]["password"]).decode()


def put_secret(platform: Platform, namespace: str, name: str, **data: str) -> Document:
    """What somebody else makes."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}
    return platform.kube.put(SECRETS, document | {"data": encoded})


def resync(process: Process) -> None:
    process.react(Event("ping", PING))
