"""Garbage collection by owner: what becomes of the objects that name an owner which is being deleted, or is gone.

Source: k8s.io/kubernetes, pkg/controller/garbagecollector.
"""

from collections import deque
from typing import Any, Final

from sandbox.apiserver.changes import Options, Target
from sandbox.apiserver.objects import Objects
from sandbox.apiserver.resources import Registry, Resource
from sandbox.apiserver.storage import Event, Key, Storage

Json = dict[str, Any]
Place = tuple[str, Key]
"""`plural.group` and the key of an object."""

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
FINALIZERS: Final = {"Foreground": FOREGROUND, "Orphan": ORPHAN}
"""The finalizer that each policy gives a deleted object; the collector takes it off again."""


class Collector:
    """Knows every object's dependents; `run` does what the writes since the last run call for."""

    def __init__(self, storage: Storage, registry: Registry, objects: Objects) -> None:
        self._storage = storage
        self._registry = registry
        self._objects = objects
        self._dependents: dict[str, set[Place]] = {}
        self._followed: set[str] = set()
        self._doubtful: deque[Place] = deque()
        self._ending: deque[Place] = deque()

    def follow(self, resource: str) -> None:
        """Learn of a resource's objects, and of all their changes from now on."""
        if resource in self._followed:
            return
        self._followed.add(resource)
        for key, entry in self._storage.entries(resource):
            self._learn((resource, key), entry.object)
        self._storage.subscribe(resource, lambda event: self._heard(resource, event))

    @property
    def wanted(self) -> bool:
        """Whether a run would find something to look at."""
        return bool(self._doubtful or self._ending)

    def run(self) -> None:
        """Delete, orphan and release until nothing is left to do."""
        while self._doubtful or self._ending:
            if self._doubtful:
                self._judge(self._doubtful.popleft())
            else:
                self._end(self._ending.popleft())

    def _heard(self, resource: str, event: Event) -> None:
        place = (resource, event.key)
        if event.before is not None:
            for owner in _owners(event.before.object):
                self._dependents.get(owner["uid"], set()).discard(place)
        if event.type != "DELETED":
            self._learn(place, event.entry.object)
            return
        metadata = event.entry.object["metadata"]
        self._doubtful.extend(sorted(self._dependents.pop(metadata["uid"], set())))
        for owner in _owners(event.entry.object):
            found = self._owner(owner, event.key[0])
            if found is not None and FOREGROUND in (found[1]["metadata"].get("finalizers") or ()):
                self._ending.append(found[0])

    def _learn(self, place: Place, value: Json) -> None:
        metadata = value["metadata"]
        for owner in _owners(value):
            self._dependents.setdefault(owner["uid"], set()).add(place)
        if _owners(value):
            self._doubtful.append(place)
        if "deletionTimestamp" in metadata and {FOREGROUND, ORPHAN} & set(metadata.get("finalizers") or ()):
            self._ending.append(place)

    def _judge(self, place: Place) -> None:
        """Delete an object all of whose owners are gone; take the ones that are gone off any other."""
        value = self._live(place)
        if value is None or "deletionTimestamp" in value["metadata"]:
            return
        owners = _owners(value)
        left = [owner for owner in owners if self._exists(owner, place[1][0])]
        if len(left) == len(owners):
            return
        if left:
            self._objects.release(self._target(place), _owned_by(value, left))
        else:
            self._objects.delete(self._target(place), {}, Options(manager=""))

    def _end(self, place: Place) -> None:
        """Go on with the deletion of an owner: its dependents first, or without them."""
        value = self._live(place)
        if value is None or "deletionTimestamp" not in value["metadata"]:
            return
        finalizers = value["metadata"].get("finalizers") or []
        dependents = sorted(self._dependents.get(value["metadata"]["uid"], set()))
        if ORPHAN in finalizers:
            for dependent in dependents:
                self._orphan(dependent, value["metadata"]["uid"])
            self._release(place, ORPHAN)
        elif FOREGROUND in finalizers:
            blocking = [one for one in dependents if self._blocks(one, value["metadata"]["uid"])]
            for dependent in blocking:
                self._delete_before_owner(dependent)
            if not any(self._live(one) for one in blocking):
                self._release(place, FOREGROUND)

    def _orphan(self, place: Place, uid: str) -> None:
        value = self._live(place)
        if value is not None:
            left = [owner for owner in _owners(value) if owner["uid"] != uid]
            self._objects.release(self._target(place), _owned_by(value, left))

    def _delete_before_owner(self, place: Place) -> None:
        value = self._live(place)
        if value is not None and "deletionTimestamp" not in value["metadata"]:
            policy = FOREGROUND if self._dependents.get(value["metadata"]["uid"]) else ""
            self._objects.delete(self._target(place), {}, Options(manager=""), finalizer=policy)

    def _blocks(self, place: Place, uid: str) -> bool:
        owners = _owners(self._live(place) or {"metadata": {}})
        return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)

    def _release(self, place: Place, finalizer: str) -> None:
        value = self._live(place)
        if value is not None:
            left = [name for name in value["metadata"].get("finalizers") or () if name != finalizer]
            metadata = {key: item for key, item in value["metadata"].items() if key != "finalizers"}
            metadata |= {"finalizers": left} if left else {}
            self._objects.release(self._target(place), {**value, "metadata": metadata})

    def _live(self, place: Place) -> Json | None:
        entry = self._storage.get(*place)
        return entry.object if entry else None

    def _target(self, place: Place) -> Target:
        resource = next(resource for resource in self._registry if resource.qualified == place[0])
        return Target(resource, *place[1])

    def _exists(self, owner: Json, namespace: str) -> bool:
        # Of a kind that nobody serves nothing is known: such an owner holds its dependents.
        return self._resource(owner) is None or self._owner(owner, namespace) is not None

    def _owner(self, owner: Json, namespace: str) -> tuple[Place, Json] | None:
        resource = self._resource(owner)
        if resource is None:
            return None
        place = (resource.qualified, (namespace if resource.namespaced else "", owner["name"]))
        value = self._live(place)
        return (place, value) if value is not None and value["metadata"]["uid"] == owner["uid"] else None

    def _resource(self, owner: Json) -> Resource | None:
        group = owner["apiVersion"].rpartition("/")[0]
        return next((r for r in self._registry if (r.group, r.kind) == (group, owner["kind"]) and r.stored), None)


def _owners(value: Json) -> list[Json]:
    named = ("apiVersion", "kind", "name", "uid")
    owners = value["metadata"].get("ownerReferences") or ()
    return [owner for owner in owners if all(owner.get(key) for key in named)]


def _owned_by(value: Json, owners: list[Json]) -> Json:
    metadata = {key: item for key, item in value["metadata"].items() if key != "ownerReferences"}
    return {**value, "metadata": metadata | ({"ownerReferences": owners} if owners else {})}
