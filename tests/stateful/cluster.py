"""An API server in memory that tells of every change, as the event source would, and of every writer."""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any

from shared.attempt import Kind
from shared.claims.meta import FINALIZER
from shared.events import ClaimRef, Event, Version
from shared.kinds import APPLICATION, BOOTSTRAP, INFRASTRUCTURE, PLATFORM
from shared.kube.client import Document, Kube, Resource
from tests.fakes import FakeKube

KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (BOOTSTRAP, APPLICATION, PLATFORM, INFRASTRUCTURE)}
BY_PLURAL: Mapping[str, Kind[Any]] = {kind.resource.plural: kind for kind in KINDS.values()}


@dataclass(frozen=True)
class Change:
    """A claim that was added, updated or deleted, as it was then."""

    verb: str
    document: Document

    def event(self, event_id: str) -> Event:
        """What the source makes of it."""
        metadata, spec = self.document["metadata"], self.document["spec"]
        environment = (spec["clusterType"], spec["environment"]) if "environment" in spec else None
        return Event(
            event_id,
            f"dev.knative.apiserver.resource.{self.verb}",
            reference(self.document),
            version=Version(metadata["uid"], metadata["resourceVersion"]),
            environment=environment,
        )


def reference(document: Document) -> ClaimRef:
    return ClaimRef(document["kind"], document["metadata"]["namespace"], document["metadata"]["name"])


class Cluster(FakeKube):
    """People's side of the API server."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = RLock()
        self.changes: list[Change] = []
        self.writes = 0
        self.on_release: Callable[[Document], None] = lambda _: None
        """Told a claim whose finalizer goes, before it has gone."""
        self._uids = itertools.count(1)

    def claims(self, kind: str | None = None) -> list[Document]:
        """Every claim, or those of a kind, in the order of their names."""
        plurals = [one.resource.plural for one in KINDS.values() if kind in {None, one.name}]
        return [copy.deepcopy(one) for key, one in sorted(self.objects.items()) if key[0] in plurals]

    def claim(self, ref: ClaimRef) -> Document | None:
        return copy.deepcopy(self.objects.get((KINDS[ref.kind].resource.plural, ref.namespace, ref.name)))

    def create_claim(self, kind: str, namespace: str, name: str, spec: Mapping[str, Any]) -> Document:
        """`kubectl apply` of a claim that is not there. Two in a row have the same second of birth."""
        resource, number = KINDS[kind].resource, next(self._uids)
        document = {
            "apiVersion": resource.api_version,
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": copy.deepcopy(dict(spec)),
        }
        self.put(resource, document, created=f"2026-11-23T10:{number // 2 % 60:02d}:00Z")
        live = self.objects[resource.plural, namespace, name]
        live["metadata"]["uid"] = f"uid-{number * 7919 % 9973:04d}-{number}"
        self._tell("add", live)
        return copy.deepcopy(live)

    def edit_claim(self, ref: ClaimRef, spec: Mapping[str, Any]) -> None:
        """`kubectl apply` of another spec."""
        live = self.objects[KINDS[ref.kind].resource.plural, ref.namespace, ref.name]
        if live["spec"] != spec:
            live["spec"] = copy.deepcopy(dict(spec))
            live["metadata"]["generation"] += 1
            self._touch(live)

    def annotate(self, ref: ClaimRef, key: str, value: str | None) -> None:
        """`kubectl annotate`."""
        live = self.objects[KINDS[ref.kind].resource.plural, ref.namespace, ref.name]
        annotations = dict(live["metadata"].get("annotations") or {})
        before = dict(annotations)
        annotations.pop(key, None)
        annotations |= {key: value} if value is not None else {}
        if before != annotations:
            live["metadata"]["annotations"] = annotations
            self._touch(live)

    def delete_claim(self, ref: ClaimRef) -> None:
        """`kubectl delete --wait=false`."""
        resource = KINDS[ref.kind].resource
        key = (resource.plural, ref.namespace, ref.name)
        live = self.objects[key]
        if "deletionTimestamp" in live["metadata"]:
            return
        self.remove(resource, ref.namespace, ref.name)
        self._tell("update" if key in self.objects else "delete", self.objects.get(key, live))

    def patch_metadata(self, resource: Resource, document: Document, metadata: Mapping[str, Any]) -> Document:
        key = (resource.plural, document["metadata"]["namespace"], document["metadata"]["name"])
        with self.lock:
            live = self.objects.get(key)
            current = (
                live is not None and live["metadata"]["resourceVersion"] == document["metadata"]["resourceVersion"]
            )
            if live is not None and current and "finalizers" in metadata:
                held = FINALIZER in (live["metadata"].get("finalizers") or [])
                if held and FINALIZER not in (metadata["finalizers"] or []):
                    self.on_release(copy.deepcopy(live))
            patched = super().patch_metadata(resource, document, metadata)
            self.writes += 1
            self._tell("update" if key in self.objects else "delete", patched)
            return patched

    def patch_status(self, resource: Resource, document: Document, status: Mapping[str, Any]) -> Document:
        with self.lock:
            patched = super().patch_status(resource, document, status)
            self.writes += 1
            self._tell("update", patched)
            return patched

    def _touch(self, live: Document) -> None:
        live["metadata"]["resourceVersion"] = str(next(self._versions))
        self._tell("update", live)

    def _tell(self, verb: str, live: Document) -> None:
        self.changes.append(Change(verb, copy.deepcopy(live)))


Hook = Callable[[str, str], None]
"""Told a verb and a plural, before (`get`) and after (`get done`) a request is served; it may raise."""


class Connection(Kube):
    """The API server as one process reaches it: every request may fail before it is served, or lose its answer."""

    def __init__(self, cluster: Cluster, hook: Hook) -> None:
        self._cluster = cluster
        self._hook = hook

    def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        self._hook("get", resource.plural)
        return self._cluster.get(resource, namespace, name)

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[Document]:
        self._hook("list", resource.plural)
        yield from list(self._cluster.list(resource, namespace, fields=fields, labels=labels))

    def apply(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        self._hook("apply", resource.plural)
        return self._cluster.apply(resource, document)

    def patch_metadata(self, resource: Resource, document: Document, metadata: Mapping[str, Any]) -> Document:
        self._hook("patch_metadata", resource.plural)
        patched = self._cluster.patch_metadata(resource, document, metadata)
        self._hook("patch_metadata done", resource.plural)
        return patched

    def patch(self, resource: Resource, namespace: str, name: str, change: Mapping[str, Any]) -> Document | None:
        self._hook("patch", resource.plural)
        return self._cluster.patch(resource, namespace, name, change)

    def delete(self, resource: Resource, namespace: str, name: str, *, orphans: bool = False) -> None:
        self._hook("delete", resource.plural)
        self._cluster.delete(resource, namespace, name, orphans=orphans)

    def patch_status(self, resource: Resource, document: Document, status: Mapping[str, Any]) -> Document:
        self._hook("patch_status", resource.plural)
        patched = self._cluster.patch_status(resource, document, status)
        self._hook("patch_status done", resource.plural)
        return patched

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        self._hook("create", resource.plural)
        return self._cluster.create(resource, document)

    def ping(self) -> None:
        self._hook("ping", "")
