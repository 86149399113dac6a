"""The Prometheus operator's definition of a ServiceMonitor, as far as the chart's uses it; other fields are refused.

Source: prometheus-operator/prometheus-operator 0.84.1, example/prometheus-operator-crd,
monitoring.coreos.com_servicemonitors.yaml (types, patterns and what is required; none of its text).
"""

from typing import Any, Final

import jsonschema

INTERVAL: Final = (
    "^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"  # the longest first
)
_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}


def _closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_ENDPOINT: Final = _closed({"port": _TEXT, "path": _TEXT, "interval": _TEXT | {"pattern": INTERVAL}})
_SELECTOR: Final = _closed({"matchLabels": {"type": "object", "additionalProperties": _TEXT}})
_SPEC: Final = _closed(
    {
        "jobLabel": _TEXT,
        "namespaceSelector": _closed({"any": {"type": "boolean"}, "matchNames": _TEXTS}),
        "selector": _SELECTOR,
        "endpoints": {"type": "array", "items": _ENDPOINT},
    },
    *("selector", "endpoints"),
)
SCHEMA: Final = _closed(
    {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "ServiceMonitor"},
        "metadata": {"type": "object"},
        "spec": _SPEC,
    },
    *("apiVersion", "kind", "metadata", "spec"),
)


def faults(document: dict[str, Any]) -> list[str]:
    """What the definition does not take in `document`, each with its place."""
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)
    ]
