"""InfrastructureClaims for tests, beside the seed's other claims, and what became of their rows."""

from typing import Any

import yaml

from tests.functions.platform import Platform, example

CLAIM = example("dev/dev-infrastructure-claim.yaml")
SERVICES = example("dev/dev-platform-claim.yaml")
APPS = example("dev/dev-apps-claim.yaml")
FOLDER = "environments/nonprod/dev/platform/namespaces"
VALUES = f"{FOLDER}/values.yaml"
SET = "appsets/nonprod/platform/dev-platform-appset.yaml"
SHOP = {"name": "shop"}


def named(name: str, namespace: str = "platform-system", **spec: Any) -> dict[str, Any]:
    """Another InfrastructureClaim."""
    return CLAIM | {"metadata": {"name": name, "namespace": namespace}, "spec": CLAIM["spec"] | spec}


def namespaces(platform: Platform, path: str = VALUES) -> list[str]:
    """The names in the file, in its order."""
    return [one["name"] for one in yaml.safe_load(platform.file(path))["namespaces"]]


def rows(live: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Namespace → state and reason."""
    return {row["name"]: (row["state"], row["reason"]) for row in live["status"]["namespaces"]}


def confirm(platform: Platform, live: dict[str, Any]) -> dict[str, Any]:
    """What a person does who has read the message."""
    platform.annotate(live, confirm_removal=live["status"]["confirmation"])
    platform.react(live)
    return live
