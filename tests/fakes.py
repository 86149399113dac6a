"""Fakes of what surrounds the code under test, each honest about the one rule it is used to show."""

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shared.deploying import Ancestry, ArgoCD, LastMile
from shared.errors import KubeConflict
from shared.git import RepositoryMissing
from shared.kube.client import EVENTS, Document, Kube, KubeNotFound, Resource
from shared.oci import Reference, Resolution, Resolved


class FakeKube(Kube):
    """An API server in a dictionary: uids, generations, resource versions, conflicts and a status subresource.

    With `hears` there is an ArgoCD that takes its annotations away at once.
    """

    def __init__(self, *, kinds_missing: frozenset[str] = frozenset()) -> None:
        self.objects: dict[tuple[str, str, str], Document] = {}
        self.status_writes: list[Document] = []
        self.events: list[Document] = []
        self.reads = 0
        self.lists = 0
        self._births: dict[tuple[str, str, str], int] = {}
        self.hears = False
        self._kinds_missing = kinds_missing
        self._versions = itertools.count(1)

    def put(
        self, resource: Resource, document: Mapping[str, Any], *, created: str = "2026-11-23T10:00:00Z"
    ) -> Document:
        """What `kubectl apply` would leave behind."""
        fresh = copy.deepcopy(dict(document))
        metadata = fresh["metadata"]
        key = (resource.plural, metadata.get("namespace", ""), metadata["name"])
        old = self.objects.get(key)
        same = old is not None and old.get("spec") == fresh.get("spec")
        metadata["uid"] = old["metadata"]["uid"] if old else self._new_uid(key)
        metadata["creationTimestamp"] = old["metadata"]["creationTimestamp"] if old else created
        metadata["generation"] = (old["metadata"]["generation"] + (not same)) if old else 1
        metadata["resourceVersion"] = str(next(self._versions))
        if old and "status" in old:
            fresh["status"] = old["status"]
        if old and old["metadata"].get("finalizers"):
            metadata.setdefault("finalizers", old["metadata"]["finalizers"])
        self.objects[key] = fresh
        return fresh

    def _new_uid(self, key: tuple[str, str, str]) -> str:
        """What is created again under an old name is another object."""
        self._births[key] = self._births.get(key, 0) + 1
        again = f"-{self._births[key]}" if self._births[key] > 1 else ""
        return f"uid-{key[2]}{again}"

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """What `kubectl delete` would: with finalizers the object stays, marked."""
        key = (resource.plural, namespace, name)
        metadata = self.objects[key]["metadata"]
        if metadata.get("finalizers"):
            metadata["deletionTimestamp"] = "2026-11-23T11:00:00Z"
            metadata["generation"] += 1
            metadata["resourceVersion"] = str(next(self._versions))
        else:
            del self.objects[key]

    def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        self.reads += 1
        return copy.deepcopy(self.objects.get((resource.plural, namespace, name)))

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[Document]:
        """Fields are not looked at, as by a server that does not know them."""
        self.lists += 1
        for (plural, where, _), document in sorted(self.objects.items()):
            theirs = document["metadata"].get("labels") or {}
            if plural == resource.plural and namespace in (None, where) and (labels or {}).items() <= theirs.items():
                yield copy.deepcopy(document)

    def apply(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        if document["kind"] in self._kinds_missing:
            raise KubeNotFound("the server could not find the requested resource")
        return self.put(resource, document)

    def patch_metadata(self, resource: Resource, document: Document, metadata: Mapping[str, Any]) -> Document:
        key = (resource.plural, document["metadata"]["namespace"], document["metadata"]["name"])
        live = self.objects.get(key)
        if live is None:
            raise KubeNotFound("gone")
        if live["metadata"]["resourceVersion"] != document["metadata"]["resourceVersion"]:
            raise KubeConflict("the object has been modified")
        merged = dict(live["metadata"])
        for name, value in metadata.items():
            new = (merged.get(name) or {}) | value if isinstance(value, dict) else value
            merged[name] = {key: one for key, one in new.items() if one is not None} if isinstance(new, dict) else new
        live["metadata"] = {name: value for name, value in merged.items() if value is not None}
        live["metadata"]["resourceVersion"] = str(next(self._versions))
        if "deletionTimestamp" in live["metadata"] and not live["metadata"].get("finalizers"):
            del self.objects[key]
        return copy.deepcopy(live)

    def patch(self, resource: Resource, namespace: str, name: str, change: Mapping[str, Any]) -> Document | None:
        live = self.objects.get((resource.plural, namespace, name))
        if live is None:
            return None
        merged = _merged(live, change)
        merged["metadata"]["resourceVersion"] = str(next(self._versions))
        if self.hears:
            merged["metadata"]["annotations"] = {}
        self.objects[(resource.plural, namespace, name)] = merged
        return copy.deepcopy(merged)

    def names(self, resource: Resource, namespace: str) -> Iterator[Document]:
        for document in self.list(resource, namespace):
            yield {"metadata": document["metadata"]}

    def delete(
        self, resource: Resource, namespace: str, name: str, *, orphans: bool = False, version: str | None = None
    ) -> None:
        live = self.objects.get((resource.plural, namespace, name))
        if live is not None and version not in (None, live["metadata"]["resourceVersion"]):
            raise KubeConflict("the object has been modified")
        self.objects.pop((resource.plural, namespace, name), None)

    def patch_status(self, resource: Resource, document: Document, status: Mapping[str, Any]) -> Document:
        metadata = document["metadata"]
        live = self.objects.get((resource.plural, metadata["namespace"], metadata["name"]))
        if live is None:
            raise KubeNotFound("gone")
        if live["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            raise KubeConflict("the object has been modified")
        merged = dict(live.get("status") or {}) | dict(status)
        live["status"] = {key: value for key, value in merged.items() if value is not None}
        live["metadata"]["resourceVersion"] = str(next(self._versions))
        self.status_writes.append(copy.deepcopy(live["status"]))
        return copy.deepcopy(live)

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        if resource != EVENTS:
            metadata = document["metadata"]
            if (resource.plural, metadata.get("namespace", ""), metadata["name"]) in self.objects:
                raise KubeConflict("exists")
            return copy.deepcopy(self.put(resource, document))
        if any(event["metadata"]["name"] == document["metadata"]["name"] for event in self.events):
            raise KubeConflict("exists")
        self.events.append(dict(document))
        return dict(document)

    def ping(self) -> None:
        return


def _merged(document: Any, change: Any) -> Any:
    """RFC 7386."""
    if not isinstance(change, Mapping):
        return copy.deepcopy(change)
    result = dict(document) if isinstance(document, Mapping) else {}
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


class NoCommits:
    """Of a `voltran` whose revisions nobody looks at: none contains another."""

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        raise RepositoryMissing("there is none")
        yield


def last_mile(kube: Kube, repository: Callable[[str], Any] = lambda _: NoCommits()) -> LastMile:
    """As wiring makes it, where time passes in pauses only."""
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    return LastMile(ArgoCD(kube, "argocd"), Ancestry(repository), pause=pause, clock=lambda: now[0])


class FakeRegistry:
    """Answers every image with a digest made of its name, but for those that are told otherwise."""

    def __init__(self, outcomes: Mapping[str, Resolution] | None = None) -> None:
        self.outcomes = dict(outcomes or {})
        self.asked: list[str] = []

    def __call__(self, images: Iterable[Reference], *, fresh: bool) -> dict[Reference, Resolution]:
        return {reference: self._answer(reference) for reference in images}

    def _answer(self, reference: Reference) -> Resolution:
        image = f"{reference.registry}/{reference.repository}:{reference.tag}"
        self.asked.append(image)
        return self.outcomes.get(image, Resolved(f"sha256:{len(image):064x}"))
