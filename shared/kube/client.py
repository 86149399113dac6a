"""Reading and writing Kubernetes objects as plain JSON documents.

The library's typed models know nothing of claims, so every object travels as the document the API server sent. Its
exceptions become ours here and nowhere else.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from shared.errors import Forbidden, KubeConflict, KubeUnavailable, PermanentError

Document = dict[str, Any]
Query = list[tuple[str, str]]

FIELD_MANAGER: Final = "infraforge"
PAGE: Final = 200

_MERGE_PATCH: Final = "application/merge-patch+json"
_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_APPLY_PATCH: Final = "application/apply-patch+yaml"
_GONE: Final = 410
_TOO_MANY: Final = 429
_SERVER_FAULT: Final = 500
_IDENTITY: Final = ("name", "namespace", "uid", "resourceVersion")


class KubeNotFound(PermanentError):
    """The object, its namespace or its kind does not exist."""


class KubeRefused(PermanentError):
    """The API server does not accept the request as it stands."""


@dataclass(frozen=True)
class Resource:
    """A kind as the API addresses it, e.g. `Resource("argoproj.io/v1alpha1", "applications")`."""

    api_version: str
    plural: str

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The request path; `namespace` None means all namespaces (or a cluster-scoped kind)."""
        parts = ["apis" if "/" in self.api_version else "api", self.api_version]
        parts += ["namespaces", quote(namespace, safe="")] if namespace else []
        parts.append(self.plural)
        parts += [quote(part, safe="") for part in (name, subresource) if part]
        return "/" + "/".join(parts)


EVENTS: Final = Resource("v1", "events")
VOLUME_CLAIMS: Final = Resource("v1", "persistentvolumeclaims")


class Kube:
    """The verbs the functions use. Thread-safe.

    Every method raises `KubeUnavailable` when the API server does not answer or asks for patience, `KubeConflict`
    when the object changed meanwhile, `Forbidden` when RBAC or an admission policy refuses, and `KubeNotFound`.
    """

    def __init__(self, api: ApiClient, *, timeout: float) -> None:
        self._api = api
        self._timeout = timeout

    def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        """The object, or None when it does not exist."""
        try:
            document = self._request("GET", resource.path(namespace, name))
        except KubeNotFound:
            return None
        return _typed(document, namespaced=bool(namespace))

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[Document]:
        """Every object of a kind, page by page; a list that expires half-way (410) is `KubeUnavailable`.

        `labels` are equal in every object that comes. `fields` only save the server from sending others: one before
        Kubernetes 1.31 knows no fields of custom resources and sends all there are, so the caller looks again.
        """
        query = [("limit", str(PAGE))]
        query += [("labelSelector", _selector(labels))] if labels else []
        selecting = query + ([("fieldSelector", _selector(fields))] if fields else [])
        try:
            page = self._request("GET", resource.path(namespace), query=selecting)
        except KubeRefused:
            if not fields:
                raise
            selecting = query
            page = self._request("GET", resource.path(namespace), query=selecting)
        while True:
            items, metadata = page.get("items") or [], page.get("metadata") or {}
            if not isinstance(items, list) or not isinstance(metadata, dict):
                raise _no_object()
            yield from map(_object, items)
            token = metadata.get("continue")
            if not token:
                return
            page = self._request("GET", resource.path(namespace), query=[*selecting, ("continue", token)])

    def names(self, resource: Resource, namespace: str) -> Iterator[Document]:
        """Every object of a kind in a namespace, its metadata and nothing else of it, page by page."""
        query = [("limit", str(PAGE))]
        token: str | None = None
        while True:
            asked = [*query, ("continue", token)] if token else query
            page = self._request("GET", resource.path(namespace), query=asked, accept=_METADATA_ONLY)
            items, metadata = page.get("items") or [], page.get("metadata") or {}
            if not isinstance(items, list) or not isinstance(metadata, dict):
                raise _no_object()
            yield from map(_object, items)
            token = metadata.get("continue")
            if not token:
                return

    def apply(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        """Server-side apply: what `document` says becomes ours, and true."""
        metadata = document["metadata"]
        return self._request(
            "PATCH",
            resource.path(metadata.get("namespace"), metadata["name"]),
            query=[("fieldManager", FIELD_MANAGER), ("force", "true")],
            body=document,
            content_type=_APPLY_PATCH,
        )

    def patch_metadata(self, resource: Resource, document: Document, metadata: Mapping[str, Any]) -> Document:
        """Merge `metadata` into that of `document`, provided the object is still the one that was read."""
        there = document["metadata"]
        patched = self._request(
            "PATCH",
            resource.path(there["namespace"], there["name"]),
            query=[("fieldManager", FIELD_MANAGER)],
            body={"metadata": {"resourceVersion": there["resourceVersion"], **metadata}},
            content_type=_MERGE_PATCH,
        )
        return _typed(patched)

    def patch(self, resource: Resource, namespace: str, name: str, change: Mapping[str, Any]) -> Document | None:
        """Merge `change` into the object as it is by now; None when it does not exist."""
        query = [("fieldManager", FIELD_MANAGER)]
        try:
            return _typed(
                self._request(
                    "PATCH", resource.path(namespace, name), query=query, body=change, content_type=_MERGE_PATCH
                )
            )
        except KubeNotFound:
            return None

    def delete(
        self, resource: Resource, namespace: str, name: str, *, orphans: bool = False, version: str | None = None
    ) -> None:
        """Delete the object; one that is gone already is no error. `orphans`: what it owns stays, without owner.

        With `version`, the resourceVersion that was read, only that state of it is deleted (`KubeConflict`).
        """
        options = {"propagationPolicy": "Orphan"} if orphans else {}
        only = {"preconditions": {"resourceVersion": version}} if version is not None else {}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options, **only} if options or only else None
        with suppress(KubeNotFound):
            self._request("DELETE", resource.path(namespace, name), body=body)

    def patch_status(self, resource: Resource, document: Document, status: Mapping[str, Any]) -> Document:
        """Merge `status` into the status of `document`, provided the object is still the one that was read."""
        metadata = document["metadata"]
        patched = self._request(
            "PATCH",
            resource.path(metadata["namespace"], metadata["name"], "status"),
            query=[("fieldManager", FIELD_MANAGER)],
            body={"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": status},
            content_type=_MERGE_PATCH,
        )
        return _typed(patched)

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        """Create the object; `KubeConflict` when it exists."""
        path = resource.path(document["metadata"].get("namespace"))
        return self._request("POST", path, query=[("fieldManager", FIELD_MANAGER)], body=document)

    def look_up(self, path: str) -> Document:
        """What the API server serves at a path that is no object's, such as the keys of its service accounts."""
        return self._request("GET", path, accept="application/json, */*")  # keys are application/jwk-set+json

    def ping(self) -> None:
        """Raise what stands between us and the API server, if anything does."""
        self._request("GET", "/version")

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Document:
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        try:
            prepared = self._api.param_serialize(
                method, path, query_params=query or [], header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response = self._api.call_api(*prepared[:4], _request_timeout=self._timeout)
            answer: bytes = response.data if response.data is not None else response.response.data
        except (HTTPError, ApiException, OSError) as error:
            raise KubeUnavailable(f"the Kubernetes API does not answer: {type(error).__name__}") from error
        except (ConfigException, ValueError) as error:
            # No cause: http.client quotes the header that it does not take, and that is our token.
            raise KubeUnavailable(
                f"the Kubernetes API cannot be asked with the token as it stands ({type(error).__name__}): "
                "it is malformed, or just being replaced"
            ) from None
        if response.status >= 300:  # noqa: PLR2004 - the bound of HTTP's success codes
            raise _failure(response.status, path, answer)
        document = _document(answer)
        if document is None:
            raise KubeUnavailable("the Kubernetes API answered with something that is not JSON")
        return document


def _object(document: Any, *, namespaced: bool = True) -> Document:
    """`document`, if it has what every such object of every API server has; raises `KubeUnavailable`."""
    metadata = document.get("metadata") if isinstance(document, dict) else None
    keys = _IDENTITY if namespaced else [key for key in _IDENTITY if key != "namespace"]
    if not isinstance(metadata, dict) or not all(_is_text(metadata.get(key)) for key in keys):
        raise _no_object()
    return document  # type: ignore[no-any-return]  # a map


def _typed(document: Document, *, namespaced: bool = True) -> Document:
    """The same, and it says what it is, as one does that does not come in a list."""
    if not (_is_text(document.get("apiVersion")) and _is_text(document.get("kind"))):
        raise _no_object()
    return _object(document, namespaced=namespaced)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _no_object() -> KubeUnavailable:
    return KubeUnavailable("the Kubernetes API answered with something that is no object")


def _document(answer: bytes | None) -> Document | None:
    try:
        document = json.loads(answer or b"{}")
    except (ValueError, RecursionError):  # not JSON, or nested deeper than any object
        return None
    return document if isinstance(document, dict) else None


def _failure(status: int, path: str, answer: bytes | None) -> Exception:
    """Ours for a Kubernetes `Status` answer (its message names object and field, and carries no credential)."""
    details = _document(answer) or {}
    message = str(details.get("message") or f"HTTP {status}")[:500]
    match status:
        case 401:
            # A service account's token is replaced before it expires, and read again within a minute.
            return KubeUnavailable(
                "the Kubernetes API does not know our token (401): it has expired or been revoked", retry_after=10
            )
        case 403:
            return Forbidden(f"the Kubernetes API refuses us: {message}")
        case 404:
            return KubeNotFound(f"{path}: {message}", reason="NotFound")
        case 409:
            return KubeConflict(message)
        case _ if status in (_GONE, _TOO_MANY) or status >= _SERVER_FAULT:
            return KubeUnavailable(f"the Kubernetes API asks for patience ({status}): {message}")
        case _:
            return KubeRefused(f"the Kubernetes API refuses the request ({status}): {message}", reason="Refused")


def _selector(pairs: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in pairs.items())
