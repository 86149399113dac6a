"""The little of the Kubernetes API that the command needs: server-side apply, strictly validated, read, list, merge."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from cli.exits import Failure
from cli.manifests import Manifest

if TYPE_CHECKING:
    import httpx

Outcome = Literal["created", "configured", "unchanged"]

FIELD_MANAGER: Final = "kubectl"
"""As `kubectl apply --server-side` says it, so that either can go on where the other was."""
PATCHER: Final = "infraforge-cli"
"""The field manager of what a command changes on a person's word."""
PAGE: Final = 200
_CREATED: Final = 201
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409


class Refused(Failure):
    """The API server refused a request; the message is its own."""


class Changed(Refused):
    """The object is no longer the one that was read (409): read it again."""


@dataclass(frozen=True)
class Reference:
    """An object in the cluster: `path` is its URL path, `kind` and `resource` are its names for people and kubectl."""

    kind: str
    resource: str
    namespace: str | None
    name: str
    path: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True)
class Applied:
    """What applying one object did."""

    reference: Reference
    outcome: Outcome
    document: Mapping[str, Any]


@dataclass
class Cluster:
    """A connection to one API server; every method raises `Refused`, or `Failure` when nothing answers."""

    http: "httpx.Client"
    namespace: str = "default"
    _kinds: dict[str, dict[str, Mapping[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, kubeconfig: Path | None, context: str | None = None) -> "Cluster":
        """The cluster of a context, the current one by default, with the credentials it names (plug-ins included).

        Without a file it is the one that kubectl would read.
        """
        import httpx  # noqa: PLC0415 - a fifth of the start-up time of commands that ask no cluster

        # The library reads every form of kubeconfig there is.
        from kubernetes.client import Configuration  # noqa: PLC0415 - it takes as long as all the rest of a start
        from kubernetes.config import (  # noqa: PLC0415 - the slow client library comes with it
            KUBE_CONFIG_DEFAULT_LOCATION,
            ConfigException,
            load_kube_config,
        )
        from kubernetes.config.kube_config import KubeConfigMerger  # noqa: PLC0415 - it is in the slow library

        configuration, file = Configuration(), str(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION)
        try:
            load_kube_config(  # type: ignore[no-untyped-call]  # the library publishes no types
                config_file=file, context=context, client_configuration=configuration
            )
            config = KubeConfigMerger(file).config  # type: ignore[no-untyped-call]  # nor for this class
            chosen = config["contexts"].get_with_name(context or config["current-context"])["context"].value
        except (ConfigException, OSError) as error:
            raise Failure(f"{file} cannot be used: {error}") from error
        token = configuration.get_api_key_with_prefix("authorization") or configuration.get_api_key_with_prefix(
            "BearerToken"
        )
        http = httpx.Client(
            base_url=configuration.host,
            verify=_tls(configuration),
            headers={"Authorization": token} if token else {},
            timeout=30,
            trust_env=False,
        )
        return cls(http, chosen.get("namespace", "default"))

    def apply(self, manifest: Manifest) -> Applied:
        """Make it so: server-side apply, which takes over fields from other managers and refuses unknown ones."""
        reference = self.reference(manifest)
        before = self.get(reference)
        response = self._apply(reference, manifest, {})
        after = response.json()
        if response.status_code == _CREATED or before is None:
            return Applied(reference, "created", after)
        same = before["metadata"].get("resourceVersion") == after["metadata"].get("resourceVersion")
        return Applied(reference, "unchanged" if same else "configured", after)

    def rehearse(self, manifest: Manifest) -> dict[str, Any]:
        """What the object would be after `apply`. Every rule and admission is asked, and nothing is stored."""
        response = self._apply(self.reference(manifest), manifest, {"dryRun": "All"})
        document: dict[str, Any] = response.json()
        return document

    def get(self, reference: Reference) -> dict[str, Any] | None:
        """The object as it is now; None when there is none."""
        try:
            document: dict[str, Any] = self._request("GET", reference.path).json()
        except _Missing:
            return None
        return document

    def merge(self, reference: Reference, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Merge `patch` into the object; `Changed` when it carries a resourceVersion that is no longer the object's."""
        response = self._request(
            "PATCH",
            reference.path,
            params={"fieldManager": PATCHER},
            headers={"Content-Type": "application/merge-patch+json"},
            json=patch,
        )
        document: dict[str, Any] = response.json()
        return document

    def delete(self, reference: Reference) -> None:
        """Delete the object; one that is gone already is no error."""
        with suppress(_Missing):
            self._request("DELETE", reference.path)

    def set_status(self, reference: Reference, status: Mapping[str, Any]) -> None:
        """Merge `status` into the object's own."""
        self._request(
            "PATCH",
            f"{reference.path}/status",
            params={"fieldManager": PATCHER},
            headers={"Content-Type": "application/merge-patch+json"},
            json={"status": status},
        )

    def replace(self, reference: Reference, document: Mapping[str, Any], *, rehearsal: bool = False) -> dict[str, Any]:
        """Put `document` in the object's place; `Changed` when it is no longer the one that `document` was read from.

        The object's status stays, and so does everything that the API server sets. In a rehearsal nothing is stored.
        """
        query = {"fieldManager": PATCHER, "fieldValidation": "Strict"} | ({"dryRun": "All"} if rehearsal else {})
        response = self._request("PUT", reference.path, params=query, json=document)
        replaced: dict[str, Any] = response.json()
        return replaced

    def every(
        self, api_version: str, kind: str, namespace: str | None = None, query: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Every object of a kind, in all namespaces or in one, page by page; `query` may hold selectors."""
        middle = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        prefix = _prefix(api_version)
        resource = self._resources(prefix).get(kind)
        if resource is None:
            raise Refused(f'the cluster has no kind "{kind}" in {api_version}')
        path = f"{prefix}{middle}/{resource['name']}"
        selected = dict(query or {})
        asked = selected | {"limit": str(PAGE)}
        while True:
            page = self._request("GET", path, params=asked).json()
            for item in page.get("items") or ():
                yield {"apiVersion": api_version, "kind": kind} | item
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            asked = selected | {"limit": str(PAGE), "continue": token}

    def kinds(self, api_version: str) -> Mapping[str, Mapping[str, Any]]:
        """What the API server serves of a version: by kind, its entry in discovery. Empty when it knows no such."""
        return self._resources(_prefix(api_version))

    def reference(self, manifest: Manifest) -> Reference:
        """Where the object belongs, by what the API server says of its kind."""
        version = manifest.api_version
        prefix = _prefix(version)
        resource = self._resources(prefix).get(manifest.kind)
        if resource is None:
            raise Refused(f'{manifest.origin}: the cluster has no kind "{manifest.kind}" in {version}')
        namespace = (manifest.namespace or self.namespace) if resource["namespaced"] else None
        middle = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        path = f"{prefix}{middle}/{resource['name']}/{quote(manifest.name, safe='')}"
        singular = resource.get("singularName") or manifest.kind.lower()
        group = version.rpartition("/")[0]
        return Reference(manifest.kind, f"{singular}.{group}" if group else singular, namespace, manifest.name, path)

    def _apply(self, reference: Reference, manifest: Manifest, query: Mapping[str, str]) -> "httpx.Response":
        try:
            content = json.dumps(manifest.document, allow_nan=False).encode()
        except (TypeError, ValueError) as error:  # YAML has dates and infinities
            said = "it holds what JSON cannot: a date without quotes, or a number out of range"
            raise Refused(f"{manifest.origin}: {said}") from error
        return self._request(
            "PATCH",
            reference.path,
            params={"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict", **query},
            headers={"Content-Type": "application/apply-patch+yaml"},
            content=content,
        )

    def _resources(self, prefix: str) -> dict[str, Mapping[str, Any]]:
        if prefix not in self._kinds:
            try:
                listed = self._request("GET", prefix).json()["resources"]
            except _Missing:
                listed = []
            self._kinds[prefix] = {one["kind"]: one for one in listed if "/" not in one["name"]}
        return self._kinds[prefix]

    def _request(self, method: str, path: str, **options: Any) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - imported by `of` before this, and to be had for nothing

        try:
            response = self.http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise Failure(f"the cluster at {self.http.base_url} does not answer: {error}") from error
        if response.is_success:
            return response
        try:
            message = str(response.json()["message"])
        except (ValueError, KeyError, TypeError):
            message = f"HTTP {response.status_code}"
        raise {_NOT_FOUND: _Missing, _CONFLICT: Changed}.get(response.status_code, Refused)(message)


class _Missing(Refused):
    """404."""


def _prefix(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _tls(configuration: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
