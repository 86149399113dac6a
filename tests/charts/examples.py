"""The claims of deployments/ as the releases that become of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared.canonical import yaml_bytes

ROOT = Path(__file__).parents[2]


def _charts(directory: str) -> list[Path]:
    """Every chart that can be installed: a library renders nothing."""
    manifests = sorted(ROOT.glob(f"{directory}/*/Chart.yaml"))
    return [path.parent for path in manifests if yaml.safe_load(path.read_text()).get("type") != "library"]


APPLICATION_CHARTS = _charts("charts")
PLATFORM_CHARTS = _charts("platform-charts")
CHARTS = [*APPLICATION_CHARTS, *PLATFORM_CHARTS]


@dataclass(frozen=True)
class Example:
    """One Helm release: a chart's folder, the release's name and namespace, its values file."""

    chart: Path
    release: str
    namespace: str
    values: bytes


def examples() -> list[Example]:
    """The release of every application and service in deployments/."""
    claims = [yaml.safe_load(path.read_text()) for path in sorted(ROOT.glob("deployments/*/*-claim.yaml"))]
    return [example for claim in claims for example in _releases(claim)]


def _releases(claim: dict[str, Any]) -> Iterator[Example]:
    spec, namespace = claim["spec"], claim["metadata"]["namespace"]
    for application in spec.get("applications", []):
        image = {"image": application["image"] | {"pullPolicy": "IfNotPresent"}}
        values = yaml_bytes(image, sort_keys=False) + yaml_bytes(application["values"], sort_keys=True)
        chart = ROOT / "charts" / application["chart"]["name"]
        yield Example(chart, f"{spec['environment']}-{application['name']}", namespace, values)
    for service in spec.get("services", []):
        values = yaml_bytes(service["values"], sort_keys=True)
        chart = ROOT / "platform-charts" / service["name"]
        yield Example(chart, f"{spec['environment']}-platform-{service['name']}", namespace, values)
