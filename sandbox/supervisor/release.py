"""Installing the rendered chart into the sandbox's API server, as Helm would, and remembering what was installed.

A ConfigMap keeps what Helm keeps in its release: which rendering it was, and which objects belong to it. The next
`infraforge up` applies nothing if nothing changed, and takes away what a new version of the chart no longer has.
"""

import base64
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from sandbox.argocd.api import Api, ApiError, Kind
from sandbox.node.api import CONFIG_MAP, JOB, SECRET
from sandbox.source import kubeconfig
from sandbox.supervisor.chart import Rendering
from sandbox.supervisor.components import SYSTEM
from sandbox.supervisor.errors import NotInstalled

Json = dict[str, Any]

MANAGER: Final = "infraforge-up"
RECORD: Final = "infraforge-sandbox"
TOKEN_SECRETS: Final = ("infraforge-gitea", "infraforge-argocd", "infraforge-webhook")

_ORDER: Final = {
    kind: number
    for number, kind in enumerate(
        (
            *("Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget", "ServiceAccount"),
            *("Secret", "ConfigMap", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role"),
            *("RoleBinding", "Pod", "Deployment", "Job", "Ingress"),
        )
    )
}
"""Helm's (pkg/release/v1/util/kind_sorter.go), as far as the chart goes; kinds that Helm does not know come last."""
_KEEP: Final = "helm.sh/resource-policy"
_DELETION: Final = "helm.sh/hook-delete-policy"
_POLL: Final = 0.05
_JOB_TIMEOUT: Final = 60.0
_CONFLICT: Final = 409


class Cluster(Api):
    """The sandbox's API server, with the rights of its administrator."""

    def __init__(self, path: Path) -> None:
        super().__init__(kubeconfig.read(path), manager=MANAGER, agent="infraforge-up (sandbox)")

    def apply(self, document: Json) -> None:
        """Server-side apply; fields that somebody else wrote are taken over."""
        self._request(
            "PATCH",
            self._path(document),
            {"force": "true"},
            body=document,
            content_type="application/apply-patch+yaml",
        )

    def remove(self, document: Json) -> None:
        """Delete an object and what it owns; one that is gone will do."""
        kind = self.kind_of(document)
        metadata = document["metadata"]
        if kind is not None:
            self.delete(kind, metadata.get("namespace", ""), metadata["name"], propagation="Background")

    def every(self, kind: Kind, selector: str) -> list[Json]:
        """All objects of a kind with these labels, each with its kind and version; none of a kind not served."""
        try:
            listed = self.list(kind.path(), {"labelSelector": selector})
        except ApiError as error:
            if error.code == 404:  # noqa: PLR2004 - HTTP's own
                return []
            raise
        return [{"apiVersion": kind.api_version, "kind": kind.kind} | one for one in listed["items"]]

    def kind_of(self, document: Json) -> Kind | None:
        """The kind that is served for an object."""
        group, _, version = str(document["apiVersion"]).rpartition("/")
        return self.kind(group, document["kind"], version)

    def _path(self, document: Json) -> str:
        kind = self.kind_of(document)
        if kind is None:
            raise NotInstalled(f"the API server serves no {document['kind']} of {document['apiVersion']}")
        return kind.path(document["metadata"].get("namespace"), document["metadata"]["name"])


def secret(name: str, values: Mapping[str, str]) -> Json:
    """A Secret of the system namespace."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    metadata = {"name": name, "namespace": SYSTEM}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def is_installed(cluster: Cluster, rendering: Rendering) -> bool:
    """Whether this very rendering is what was installed last."""
    return _record(cluster).get("digest") == rendering.digest


def forget_tokens(cluster: Cluster, gitea: str) -> None:
    """Take the tokens of another Gitea away, which are never shown to this one.

    `gitea` is the address of one that is not the sandbox's own, else empty.
    """
    if _record(cluster).get("gitea", gitea) != gitea:
        for name in TOKEN_SECRETS:
            cluster.delete(SECRET, SYSTEM, name)


def install(cluster: Cluster, rendering: Rendering, gitea: str) -> None:
    """Apply what the chart says, unless the very same is installed already; `gitea` is as above."""
    record = _record(cluster)
    if record.get("digest") == rendering.digest:
        return
    for document in sorted(rendering.objects, key=lambda one: _ORDER.get(one["kind"], len(_ORDER))):
        cluster.apply(document)
    present = [_reference(one) for one in rendering.objects]
    for reference in json.loads(record.get("objects", "[]")):
        if reference not in present:
            cluster.remove(_document(reference))
    _remember(cluster, {"digest": rendering.digest, "gitea": gitea, "objects": json.dumps(_removable(rendering))})


def run_hooks(cluster: Cluster, hooks: Iterable[Json]) -> None:
    """Run hooks one after another, as Helm does, and take away those that say so. Raises `NotInstalled`."""
    done = []
    for hook in hooks:
        cluster.remove(hook)
        _create(cluster, hook)
        done.append(hook)
        if hook["kind"] == "Job":
            _await_job(cluster, hook)
    for hook in reversed(done):
        if "hook-succeeded" in hook["metadata"]["annotations"].get(_DELETION, ""):
            cluster.remove(hook)


def _record(cluster: Cluster) -> dict[str, str]:
    kept = cluster.get(CONFIG_MAP, SYSTEM, RECORD)
    found: dict[str, str] = (kept or {}).get("data") or {}
    return found


def _create(cluster: Cluster, hook: Json) -> None:
    kind = cluster.kind_of(hook)
    if kind is None:
        raise NotInstalled(f"the API server serves no {hook['kind']} of {hook['apiVersion']}")
    deadline = time.monotonic() + _JOB_TIMEOUT
    while True:
        try:
            cluster.create(kind, hook)
        except ApiError as error:
            # The one of before may be on its way out: a Job waits for its Pod.
            if error.code != _CONFLICT or time.monotonic() > deadline:
                raise
            time.sleep(_POLL)  # what is being deleted tells nobody when it is gone
        else:
            return


def _await_job(cluster: Cluster, job: Json) -> None:
    name = job["metadata"]["name"]
    deadline = time.monotonic() + _JOB_TIMEOUT
    while time.monotonic() < deadline:
        status = (cluster.get(JOB, job["metadata"]["namespace"], name) or {}).get("status") or {}
        for condition in status.get("conditions") or ():
            if condition["status"] == "True" and condition["type"] == "Complete":
                return
            if condition["status"] == "True" and condition["type"] == "Failed":
                raise NotInstalled(f"the Job {name} failed: {condition.get('message')}: see `infraforge logs node`")
        time.sleep(_POLL)  # a watch for one condition, twenty looks long, would be more than it is worth
    raise NotInstalled(f"the Job {name} is not done after {_JOB_TIMEOUT:.0f} s: see `infraforge logs node`")


def _remember(cluster: Cluster, data: Mapping[str, str]) -> None:
    metadata = {"name": RECORD, "namespace": SYSTEM}
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)})


def _removable(rendering: Rendering) -> list[list[str]]:
    """What goes when a later rendering does not have it; definitions say that they stay."""
    kept = ((one["metadata"].get("annotations") or {}).get(_KEEP) == "keep" for one in rendering.objects)
    return [_reference(one) for one, stays in zip(rendering.objects, kept, strict=True) if not stays]


def _reference(document: Json) -> list[str]:
    metadata = document["metadata"]
    return [document["apiVersion"], document["kind"], metadata.get("namespace", ""), metadata["name"]]


def _document(reference: list[str]) -> Json:
    version, kind, namespace, name = reference
    return {"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}
