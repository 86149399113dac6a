"""Plain manifests to deploy, and what has come of them."""

import json
from typing import Any

from sandbox.argocd.api import Json
from tests.sandbox.argocd.running import CONFIG_MAP, World

WELL = ("Synced", "Healthy", "Succeeded")


def config_map(name: str, value: str = "1", **metadata: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {"value": value},
    }


def manifests(*documents: Json, folder: str = "app") -> dict[str, str]:
    return {f"{folder}/{number}.yaml": json.dumps(document) for number, document in enumerate(documents)}


def value(here: World, name: str) -> str | None:
    found = here.api.get(CONFIG_MAP, "dev", name)
    return found["data"]["value"] if found else None
