"""The Kubernetes API as ArgoCD's controllers use it: any kind, found by discovery, as plain JSON documents."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx

from sandbox.source.kubeconfig import Cluster

Json = dict[str, Any]

MANAGER: Final = "argocd-controller"
NOT_FOUND: Final = 404
CONFLICT: Final = 409
_MERGE_PATCH: Final = "application/merge-patch+json"
_USER_AGENT: Final = f"{MANAGER}/v3.6 (sandbox)"
_TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)


class ApiError(Exception):
    """The API server refused; the text is its own message. `code` is 0 when it did not answer at all."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Kind:
    """A kind that is served: where its objects are."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """As objects name it: `apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The request path; no namespace means all of them (or a cluster-scoped kind)."""
        parts = ["apis" if self.group else "api", self.api_version]
        parts += ["namespaces", quote(namespace, safe="")] if namespace and self.namespaced else []
        parts.append(self.plural)
        parts += [quote(part, safe="") for part in (name, subresource) if part]
        return "/" + "/".join(parts)


APPLICATION: Final = Kind("argoproj.io", "v1alpha1", "Application", "applications", namespaced=True)
APPLICATION_SET: Final = Kind("argoproj.io", "v1alpha1", "ApplicationSet", "applicationsets", namespaced=True)
PROJECT: Final = Kind("argoproj.io", "v1alpha1", "AppProject", "appprojects", namespaced=True)
SECRET: Final = Kind("", "v1", "Secret", "secrets", namespaced=True)
EVENT: Final = Kind("", "v1", "Event", "events", namespaced=True)
NAMESPACE: Final = Kind("", "v1", "Namespace", "namespaces", namespaced=False)


class Api:
    """One API server. Thread-safe. Every method raises `ApiError`.

    `manager` is the name under which fields are written.
    """

    def __init__(self, cluster: Cluster, *, manager: str = MANAGER, agent: str = _USER_AGENT) -> None:
        self._manager = manager
        headers = {"Accept": "application/json", "User-Agent": agent}
        if cluster.token:
            headers["Authorization"] = f"Bearer {cluster.token}"
        self._client = httpx.Client(
            base_url=cluster.server,
            verify=cluster.tls,
            headers=headers,
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        """By group, version (empty: the preferred one) and kind."""
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every connection; watches under way end."""
        self._client.close()

    def stream(self, path: str, query: Mapping[str, str]) -> Any:
        """A response to be read while it comes, as a context manager (for watches); a quiet one is not timed out."""
        return self._client.stream("GET", path, params=dict(query), timeout=httpx.Timeout(15.0, read=None))

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """The object, or None when there is none."""
        try:
            return self._request("GET", kind.path(namespace, name))
        except ApiError as error:
            if error.code == NOT_FOUND:
                return None
            raise

    def list(self, path: str, query: Mapping[str, str]) -> Json:
        """The list at `path`."""
        return self._request("GET", path, query)

    def create(self, kind: Kind, body: Json) -> Json:
        """Create an object in the namespace that it names."""
        return self._request("POST", kind.path(body["metadata"].get("namespace")), body=body)

    def replace(self, kind: Kind, body: Json) -> Json:
        """Replace an object; its resourceVersion must be the stored one."""
        metadata = body["metadata"]
        return self._request("PUT", kind.path(metadata.get("namespace"), metadata["name"]), body=body)

    def patch(self, kind: Kind, namespace: str, name: str, patch: Json, subresource: str | None = None) -> Json:
        """Merge `patch` into an object."""
        return self._request("PATCH", kind.path(namespace, name, subresource), body=patch, content_type=_MERGE_PATCH)

    def delete(self, kind: Kind, namespace: str, name: str, *, propagation: str = "", uid: str = "") -> Json | None:
        """Delete an object; one that is gone already is fine. With `uid`, only that very object.

        Returns what is left of it while others see it off, None when it is gone.
        """
        body: Json = {"kind": "DeleteOptions", "apiVersion": "v1"}
        body |= {"propagationPolicy": propagation} if propagation else {}
        body |= {"preconditions": {"uid": uid}} if uid else {}
        try:
            left = self._request("DELETE", kind.path(namespace, name), body=body)
        except ApiError as error:
            if error.code not in (NOT_FOUND, CONFLICT):
                raise
            return None
        return left if "deletionTimestamp" in (left.get("metadata") or {}) else None

    def kind(self, group: str, kind: str, version: str = "") -> Kind | None:
        """The served kind, in its preferred version if none is named, or None; the unknown is asked for again."""
        with self._lock:
            if (group, version, kind) not in self._kinds:
                self._discover(group, version)
            return self._kinds.get((group, version, kind))

    def version(self) -> str:
        """The server's own version, e.g. `1.36.0`."""
        return str(self._request("GET", "/version").get("gitVersion", "v1.36.0")).removeprefix("v")

    def _discover(self, group: str, wanted: str) -> None:
        version = wanted or self._preferred(group)
        try:
            found = self._request("GET", f"/apis/{group}/{version}" if group else f"/api/{version}")
        except ApiError as error:
            if error.code == NOT_FOUND:
                return
            raise
        for one in found.get("resources") or []:
            if "/" not in one["name"]:
                kind = Kind(group, version, one["kind"], one["name"], bool(one["namespaced"]))
                self._kinds[group, wanted, one["kind"]] = kind

    def _preferred(self, group: str) -> str:
        groups = self._request("GET", "/apis").get("groups") or [] if group else []
        return next((str(one["preferredVersion"]["version"]) for one in groups if one["name"] == group), "v1")

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> Json:
        query = dict(query or {}) | ({} if method in ("GET", "DELETE") else {"fieldManager": self._manager})
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if content else {}
        try:
            response = self._client.request(method, path, params=query, content=content, headers=headers)
        except (httpx.HTTPError, RuntimeError) as error:  # the latter: the client was closed
            raise ApiError(0, f"the API server does not answer: {error or type(error).__name__}") from error
        if not response.is_success:
            raise ApiError(response.status_code, complaint(response.status_code, response.content))
        document: Json = response.json()
        return document


def complaint(code: int, body: bytes) -> str:
    """What a refusal's body says."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return f"the API server answered {code}"
