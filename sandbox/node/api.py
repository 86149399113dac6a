"""The Kubernetes API as a kubelet uses it."""

import base64
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from sandbox.argocd.api import CONFLICT, NOT_FOUND, Api, ApiError, Kind
from sandbox.source import kubeconfig

Json = dict[str, Any]

MANAGER: Final = "kubelet"
POD: Final = Kind("", "v1", "Pod", "pods", namespaced=True)
SECRET: Final = Kind("", "v1", "Secret", "secrets", namespaced=True)
CONFIG_MAP: Final = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True)
ACCOUNT: Final = Kind("", "v1", "ServiceAccount", "serviceaccounts", namespaced=True)
EVENT: Final = Kind("", "v1", "Event", "events", namespaced=True)
JOB: Final = Kind("batch", "v1", "Job", "jobs", namespaced=True)
SERVICE: Final = Kind("serving.knative.dev", "v1", "Service", "services", namespaced=True)


@dataclass(frozen=True)
class Token:
    """A ServiceAccount's token, and when it was issued and expires (seconds since the epoch)."""

    text: str
    issued: float
    expires: float


@dataclass(frozen=True)
class Server:
    """The API server as a pod's kubeconfig names it: an entry of `clusters` without its authority, and that in PEM."""

    entry: Json
    authority: bytes


class Objects(Protocol):
    """What the containers' surroundings are made from. Every method raises `ApiError`."""

    @property
    def server(self) -> Server:
        """Where pods find the API server."""

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """The object, or None when there is none."""

    def token(self, namespace: str, account: str, spec: Json) -> Token | None:
        """A new token of a ServiceAccount, or None when there is no such account."""


class NodeApi(Api):
    """The API server that the kubeconfig `path` opens."""

    def __init__(self, path: Path) -> None:
        super().__init__(kubeconfig.read(path), manager=MANAGER, agent="kubelet/v1.36 (sandbox)")
        self.server = server_of(path)

    def token(self, namespace: str, account: str, spec: Json) -> Token | None:
        """Ask for a token (authentication.k8s.io/v1 TokenRequest); `spec` has audiences, expirationSeconds, …."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        try:
            answer = self._request("POST", ACCOUNT.path(namespace, account, "token"), body=body)
        except ApiError as error:
            if error.code == NOT_FOUND:
                return None
            raise
        expires = datetime.fromisoformat(answer["status"]["expirationTimestamp"]).timestamp()
        granted = (answer.get("spec") or {}).get("expirationSeconds")
        # The kubelet reckons like this too: the answer does not say when the token was issued.
        issued = expires - float(granted) if granted else time.time()
        return Token(str(answer["status"]["token"]), issued, expires)

    def remove(self, pod: Json) -> None:
        """Delete this very Pod at once: its processes have ended."""
        metadata = pod["metadata"]
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        try:
            self._request("DELETE", POD.path(metadata["namespace"], metadata["name"]), body=body)
        except ApiError as error:
            if error.code not in (NOT_FOUND, CONFLICT):
                raise


def server_of(path: Path) -> Server:
    """The cluster of a kubeconfig's current context; raises ValueError when there is none."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    contexts = {one["name"]: one["context"] for one in document.get("contexts") or ()}
    clusters = {one["name"]: one["cluster"] for one in document.get("clusters") or ()}
    context = contexts.get(document.get("current-context")) or {}
    if context.get("cluster") not in clusters:
        raise ValueError(f"{path} has no cluster in its current context")
    entry = dict(clusters[context["cluster"]])
    data, file = entry.pop("certificate-authority-data", None), entry.pop("certificate-authority", None)
    if data:
        return Server(entry, base64.b64decode(data))
    return Server(entry, (path.parent / file).read_bytes() if file else b"")
