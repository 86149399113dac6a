"""Kubernetes Events as client-go's recorder makes them: one object for what is said again, with a count."""

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Final

from sandbox.argocd.api import EVENT, NOT_FOUND, Api, ApiError, Json

_REMEMBERED: Final = 1000
_Same = tuple[str, str, str]

log = logging.getLogger(__name__)


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Recorder:
    """Tells of objects what `component` does. Thread-safe; an Event that cannot be written is only logged."""

    def __init__(self, api: Api, component: str) -> None:
        self._api = api
        self._component = component
        self._known: dict[_Same, tuple[str, int]] = {}
        self._lock = threading.Lock()

    def normal(self, about: Json, reason: str, message: str) -> None:
        """Record something that is as it should be."""
        self._record(about, "Normal", reason, message)

    def warning(self, about: Json, reason: str, message: str) -> None:
        """Record something that is not."""
        self._record(about, "Warning", reason, message)

    def _record(self, about: Json, type_: str, reason: str, message: str) -> None:
        metadata = about["metadata"]
        namespace = metadata["namespace"]
        same = (metadata["uid"], reason, message)
        with self._lock:
            name, count = self._known.get(same, ("", 0))
        try:
            if not count or not self._again(namespace, name, count + 1):
                name, count = f"{metadata['name']}.{time.time_ns():x}", 0
                self._api.create(EVENT, self._event(about, name, type_, reason, message))
        except ApiError as error:
            log.info("the Event %r was not recorded: %s", message, error)
            return
        with self._lock:
            self._known[same] = (name, count + 1)
            while len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]

    def _again(self, namespace: str, name: str, count: int) -> bool:
        try:
            self._api.patch(EVENT, namespace, name, {"count": count, "lastTimestamp": now()})
        except ApiError as error:
            if error.code == NOT_FOUND:
                return False
            raise
        return True

    def _event(self, about: Json, name: str, type_: str, reason: str, message: str) -> Json:
        metadata = about["metadata"]
        moment = now()
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion", ""),
            },
            "reason": reason,
            "message": message,
            "type": type_,
            "count": 1,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "source": {"component": self._component},
        }
