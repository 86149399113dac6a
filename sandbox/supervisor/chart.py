"""The chart `knative/` as the sandbox installs it: its values here, and its objects, rendered by Helm's own engine."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

import yaml

from sandbox.supervisor.components import (
    BROKER,
    CHARTS,
    GITEA_URL,
    MIRRORED,
    PACKAGES,
    SYSTEM,
    Blueprint,
)
from sandbox.supervisor.errors import NotInstalled
from shared.helm import Engine, RenderFailed, documents

Json = dict[str, Any]

CHART: Final = PACKAGES / "knative"
RELEASE: Final = "infraforge"
ADMIN_SECRET: Final = "gitea-admin"  # noqa: S105 - a Secret's name
HOOK: Final = "helm.sh/hook"
_WEIGHT: Final = "helm.sh/hook-weight"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""LibYAML's where it is: Python's own takes a second for the definitions."""


@dataclass(frozen=True)
class Rendering:
    """What the chart makes of values: the objects of the release in the chart's own order, and its hooks."""

    objects: tuple[Json, ...]
    hooks: tuple[Json, ...]
    digest: str
    """Of everything, hooks included: a rendering with the same digest is the same installation."""

    def hooks_of(self, event: str) -> list[Json]:
        """The hooks of an event, such as pre-install, in the order in which Helm runs them."""
        wanted = [one for one in self.hooks if event in _annotations(one)[HOOK].split(",")]
        return sorted(wanted, key=lambda one: int(_annotations(one).get(_WEIGHT, "0")))


def values(blueprint: Blueprint) -> Json:
    """The values of a sandbox: addresses on the loopback interface, and retries for somebody who looks on."""
    own = not blueprint.options.gitea_url
    held = blueprint.credentials.given
    return {
        "settings": {
            "giteaUrl": GITEA_URL,
            "giteaEndpoint": blueprint.gitea,
            "registryMirrors": {MIRRORED: blueprint.registry},
            "chartRegistries": [CHARTS],
            "webhookUrl": blueprint.url("bootstrap"),
            "brokerUrl": f"{blueprint.url(BROKER)}/{SYSTEM}/{RELEASE}",
        },
        "delivery": {"retry": 8},
        "secrets": {} if own or "infraforge-argocd" in held else {"argocd": ""},
        "setup": {"enabled": own, "adminSecret": ADMIN_SECRET},
        "rbac": {"organizations": [blueprint.options.organization]},
    }


def render(given: Json) -> Rendering:
    """The chart with these values. Raises `NotInstalled` with Helm's own message."""
    engine = Engine.load()
    if engine is None:
        raise NotInstalled("Helm's engine is missing: install the package helm-python-sdk")
    files = {str(path.relative_to(CHART)): path.read_bytes() for path in sorted(CHART.rglob("*")) if path.is_file()}
    try:
        text = engine.render(files, release=RELEASE, namespace=SYSTEM, values=given)
    except RenderFailed as error:
        raise NotInstalled(f"the chart does not render: {error}") from error
    found = [yaml.load(one, _LOADER) for one in documents(text)]  # noqa: S506 - a safe loader
    return Rendering(
        tuple(one for one in found if HOOK not in _annotations(one)),
        tuple(one for one in found if HOOK in _annotations(one)),
        hashlib.sha256(json.dumps([text, given], sort_keys=True).encode()).hexdigest(),
    )


def _annotations(document: Json) -> dict[str, str]:
    found: dict[str, str] = document["metadata"].get("annotations") or {}
    return found
