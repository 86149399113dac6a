"""The example claims of the repository, and how a test breaks one."""

import copy
from pathlib import Path
from typing import Any

import yaml

DEPLOYMENTS = Path(__file__).parents[3] / "deployments"

EXAMPLES: dict[str, dict[str, Any]] = {
    path.relative_to(DEPLOYMENTS).as_posix(): yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(DEPLOYMENTS.rglob("*.yaml"))
}
BOOTSTRAP = EXAMPLES["bootstrap-claim.yaml"]
APPLICATION = EXAMPLES["dev/dev-apps-claim.yaml"]
INFRASTRUCTURE = EXAMPLES["dev/dev-infrastructure-claim.yaml"]
PLATFORM = EXAMPLES["dev/dev-platform-claim.yaml"]

REMOVED = object()
"""As a value of `changed`: take the field out."""


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of `document` with `value` at a path such as `spec.services.0.name`."""
    result = copy.deepcopy(document)
    *parents, last = path.split(".")
    node: Any = result
    for part in parents:
        node = node[int(part) if isinstance(node, list) else part]
    if value is REMOVED:
        del node[last]
    elif isinstance(node, list) and int(last) == len(node):
        node.append(value)
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return result
