"""Kubernetes Events about claims: the story that `kubectl describe` tells."""

import hashlib
import logging
from datetime import UTC, datetime
from typing import Any

from shared.errors import InfraForgeError, KubeConflict
from shared.kube.client import EVENTS, Document, Kube

log = logging.getLogger(__name__)

MAX_NOTE = 1000
"""The API server refuses a message over 1024 bytes (core/v1 Event validation)."""


class Recorder:
    """Writes Events. What it cannot write it logs: an Event is news, never state."""

    def __init__(self, kube: Kube, kind: str) -> None:
        self._kube = kube
        self._component = f"infraforge-{kind.removesuffix('Claim').lower()}"

    def record(self, claim: Document, *, normal: bool, reason: str, message: str) -> None:
        """One Event about `claim`, named for its content, so that a redelivery does not tell the story twice."""
        try:
            self._kube.create(EVENTS, self._event(claim, "Normal" if normal else "Warning", reason, message))
        except KubeConflict:
            return
        except InfraForgeError as error:
            log.warning("no Event for %s: %s", claim["metadata"]["name"], error)

    def _event(self, claim: Document, kind: str, reason: str, message: str) -> dict[str, Any]:
        metadata = claim["metadata"]
        note = message.encode()[:MAX_NOTE].decode(errors="ignore")
        content = "\0".join((metadata["uid"], metadata["resourceVersion"], kind, reason, note))
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name'][:200].rstrip('-.')}.{hashlib.sha256(content.encode()).hexdigest()[:16]}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": {
                "apiVersion": claim["apiVersion"],
                "kind": claim["kind"],
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "type": kind,
            "reason": reason,
            "message": note,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._component,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
