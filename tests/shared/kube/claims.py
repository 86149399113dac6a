"""The claims that these tests ask for, and what a real API server said."""

import json
from pathlib import Path
from typing import Any

from shared.kube.client import Resource

CLAIMS = Resource("platform.infraforge.io/v1alpha1", "applicationclaims")
PATH = "/apis/platform.infraforge.io/v1alpha1"
DOCUMENT: dict[str, Any] = {
    "apiVersion": "platform.infraforge.io/v1alpha1",
    "kind": "ApplicationClaim",
    "metadata": {"name": "dev-apps", "namespace": "dev", "uid": "u", "resourceVersion": "7"},
}


def recorded(case: str, status: int) -> str:
    """The body of a real API server's answer."""
    for line in (Path(__file__).parents[2] / "recordings/kubernetes/transcript.jsonl").read_text().splitlines():
        exchange = json.loads(line)
        if exchange["case"] == case and exchange["response"]["status"] == status:
            body = exchange["response"]["body"]
            return body if isinstance(body, str) else json.dumps(body)
    raise LookupError(case)


def failure(code: int, reason: str, message: str) -> dict[str, Any]:
    """A Status as an API server writes it, for what nobody recorded."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


FIELDS = {"spec.clusterType": "nonprod", "spec.environment": "dev"}
