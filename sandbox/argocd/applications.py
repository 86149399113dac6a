"""The Application controller: compares, syncs by itself where that is wished, and takes objects along when it goes."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

from sandbox.argocd import application_status, autosync, health
from sandbox.argocd.api import APPLICATION, PROJECT, Api, Json
from sandbox.argocd.comparison import Managed, Reference, compare, tracking_id, tracking_of
from sandbox.argocd.generated import RESOURCES_FINALIZER
from sandbox.argocd.manifests import Manifests, ManifestsFailed, Target
from sandbox.argocd.operations import Operations
from sandbox.argocd.projects import sources_of, violations
from sandbox.argocd.recorder import Recorder
from sandbox.argocd.sets import APPLICATION_REFRESH
from sandbox.argocd.store import Key, Store
from sandbox.argocd.writing import Writer

_SOON: Final = 1.0

log = logging.getLogger(__name__)


class Level(IntEnum):
    """How new the revisions of a comparison must be."""

    NONE = 0
    RECENT = 1
    """Those that were compared last: something in the cluster has changed."""
    LATEST = 2
    """What was heard of the repositories lately."""
    FORCED = 3
    """What the repositories say now."""


@dataclass
class Applications:
    """Reconciles Applications, one call an Application; raises `ApiError` when the API server is in the way.

    `again` asks for another call for a key, after some seconds.
    """

    api: Api
    store: Store
    manifests: Manifests
    operations: Operations
    recorder: Recorder
    writer: Writer
    poll: float
    again: Callable[[Key, float], None]
    _wanted: dict[Key, Level] = field(default_factory=dict)
    _asked: dict[Key, float] = field(default_factory=dict)
    _invalid: dict[Key, Json] = field(default_factory=dict)
    """The specs that were found invalid: nothing was compared, and nothing will be until the spec is another one."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def want(self, key: Key, level: Level) -> None:
        """Have an Application compared at its next call, at this level at least."""
        with self._lock:
            self._wanted[key] = max(level, self._wanted.get(key, Level.NONE))

    def noticed(self, key: Key) -> None:
        """An Application is new, or another one, or was wished a refresh: what is heard from now on is new enough."""
        with self._lock:
            self._asked[key] = time.monotonic()

    def reconcile(self, key: Key) -> None:
        """Look at an Application."""
        application = self.store.get(APPLICATION, *key)
        if application is None:
            with self._lock:
                for known in (self._wanted, self._asked, self._invalid):
                    known.pop(key, None)
            return
        project = self.store.get(PROJECT, key[0], application["spec"].get("project", ""))
        level = self._level(key, application)
        if level:
            application = self._refresh(application, project, level)
        if application.get("operation"):
            application, wait = self.operations.proceed(application, project)
            if wait:
                self.again(key, wait)
                return
            self.want(key, Level.LATEST)
            self.again(key, 0.0)
        elif _doomed(application):
            self._finalize(application)
        else:
            self.again(key, max(self.poll - _age(application), _SOON))

    def _level(self, key: Key, application: Json) -> Level:
        status = application.get("status") or {}
        with self._lock:
            level = self._wanted.pop(key, Level.NONE)
        if APPLICATION_REFRESH in (application["metadata"].get("annotations") or {}):
            return Level.FORCED
        if self._invalid.get(key) != application["spec"]:
            compared = (status.get("sync") or {}).get("comparedTo") or {}
            if _sources(compared) != sources_of(application["spec"]) or _invalid(status):
                return Level.FORCED
            if (compared.get("destination") or {}) != application["spec"]["destination"]:
                return max(level, Level.LATEST)
        return max(level, Level.LATEST) if _age(application) >= self.poll else level

    def _refresh(self, application: Json, project: Json | None, level: Level) -> Json:
        key = (application["metadata"]["namespace"], application["metadata"]["name"])
        self._invalid.pop(key, None)
        if problems := violations(application["spec"], project):
            self._invalid[key] = application["spec"]
            conditions = [{"type": "InvalidSpecError", "message": text} for text in problems]
            return self._tell(application, application_status.invalid(application, conditions))
        problem, target = "", Target((), (), ())
        try:
            target = self._target(key, application, level)
        except ManifestsFailed as error:
            problem = str(error)
        comparison = compare(application, target.objects, self.api, self.store, failed=bool(problem))
        status = application_status.compared(application, target, comparison)
        conditions = [{"type": "ComparisonError", "message": problem}] if problem else []
        decision = autosync.decide(application, status["sync"], comparison)
        if decision.problem:
            conditions.append({"type": "SyncError", "message": decision.problem})
        if decision.wait:
            self.want(key, Level.LATEST)
            self.again(key, decision.wait)
        if decision.operation:
            application = self._begin(application, decision.operation)
        return self._tell(application, status | {"conditions": conditions})

    def _target(self, key: Key, application: Json, level: Level) -> Target:
        with self._lock:
            asked = self._asked.pop(key, None)
        revisions: list[str] = []
        sync = (application.get("status") or {}).get("sync") or {}
        if level is Level.RECENT and _sources(sync.get("comparedTo") or {}) == sources_of(application["spec"]):
            revisions = sync.get("revisions") or ([sync["revision"]] if sync.get("revision") else [])
            revisions = revisions if sync.get("status") != "Unknown" else []
        return self.manifests.load(application, revisions=revisions, anew=level is Level.FORCED, asked=asked)

    def _begin(self, application: Json, operation: Json) -> Json:
        before = application.get("status") or {}  # of an Application that a person made, there is none at first
        status = {key: value for key, value in before.items() if key != "operationState"}
        written = self.writer.write(application, {**application, "operation": operation, "status": status})
        sync = operation["sync"]
        revision = ", ".join(sync.get("revisions") or [sync.get("revision", "")])
        self.recorder.normal(written, "OperationStarted", f"Initiated automated sync to '{revision}'")
        return written

    def _tell(self, application: Json, status: Json) -> Json:
        """Write a comparison's outcome, and then that a wished refresh is done."""
        before = application.get("status") or {}
        self._announce(application, before, status)
        status["conditions"] = application_status.timed(before.get("conditions") or [], status.get("conditions") or [])
        if not status["conditions"]:
            del status["conditions"]
        kept = {
            key: value for key, value in before.items() if key in ("operationState", "history", "controllerNamespace")
        }
        written = self.writer.write(application, {**application, "status": kept | status})
        noted = written["metadata"].get("annotations") or {}
        if APPLICATION_REFRESH in noted:
            others = {key: value for key, value in noted.items() if key != APPLICATION_REFRESH}
            metadata = {key: value for key, value in written["metadata"].items() if key != "annotations"}
            metadata |= {"annotations": others} if others else {}
            written = self.writer.write(written, {**written, "metadata": metadata})
        return written

    def _announce(self, application: Json, before: Json, status: Json) -> None:
        old, new = (before.get("sync") or {}).get("status", ""), status["sync"]["status"]
        if old != new:
            self.recorder.normal(application, "ResourceUpdated", f"Updated sync status: {old} -> {new}")
        was, is_ = (before.get("health") or {}).get("status", ""), status["health"]["status"]
        if was != is_:
            reason = f" ({status['health']['message']})" if status["health"].get("message") else ""
            self.recorder.normal(application, "ResourceUpdated", f"Updated health status: {was} -> {is_}{reason}")

    def _finalize(self, application: Json) -> None:
        """Delete what the Application manages, and let it go when nothing of that is left."""
        key = (application["metadata"]["namespace"], application["metadata"]["name"])
        for kind in _kinds(application):
            if found := self.api.kind(*kind):
                self.store.follow(found)
        managed = compare(application, (), self.api, self.store).managed
        known = {one.reference for one in managed}
        mine = [one for one in (*managed, *self._unseen(application, known)) if not one.option("Delete=false")]
        for one in mine:
            self._delete(one)
        if mine:
            self.again(key, _SOON)  # in case the event that tells of the last one's end is lost
            return
        application = self._told_missing(application)
        finalizers = [one for one in application["metadata"]["finalizers"] if not one.startswith(RESOURCES_FINALIZER)]
        self.writer.write(
            application, {**application, "metadata": {**application["metadata"], "finalizers": finalizers}}
        )

    def _unseen(self, application: Json, known: set[Reference]) -> Iterator[Managed]:
        """What was made so lately that no watch has told of it."""
        name, destination = application["metadata"]["name"], application["spec"]["destination"].get("namespace", "")
        for one in _mentioned(application):
            group, kind, namespace = one.get("group", ""), one["kind"], one.get("namespace", "")
            reference, served = (group, kind, namespace, one["name"]), self.api.kind(group, kind)
            live = self.api.get(served, namespace, one["name"]) if served and reference not in known else None
            if live and tracking_of(live) == tracking_id(name, reference, destination):
                yield Managed(reference, one["version"], None, live, served)

    def _delete(self, one: Managed) -> None:
        if one.kind is not None and one.live is not None and "deletionTimestamp" not in one.live["metadata"]:
            _, _, namespace, name = one.reference
            uid = one.live["metadata"]["uid"]
            self.api.delete(one.kind, namespace, name, propagation="Foreground", uid=uid)

    def _told_missing(self, application: Json) -> Json:
        """The Application with a status that says that its objects are gone, if it had any."""
        status = application.get("status") or {}
        resources = status.get("resources") or []
        if not resources or status["sync"]["status"] != "Synced":
            return application
        gone = [{**one, "status": "OutOfSync"} for one in resources]
        told = status | {"resources": gone, "sync": {**status["sync"], "status": "OutOfSync"}}
        return self._tell(
            application, told | {"health": application_status.health_of(status, health.Health(health.MISSING))}
        )


def _doomed(application: Json) -> bool:
    metadata = application["metadata"]
    finalizers = metadata.get("finalizers") or []
    return "deletionTimestamp" in metadata and any(one.startswith(RESOURCES_FINALIZER) for one in finalizers)


def _mentioned(application: Json) -> list[Json]:
    """What the status says that it has, or made last."""
    status = application.get("status") or {}
    made = ((status.get("operationState") or {}).get("syncResult") or {}).get("resources") or []
    return [*(status.get("resources") or []), *made]


def _kinds(application: Json) -> set[tuple[str, str]]:
    return {(one.get("group", ""), one["kind"]) for one in _mentioned(application)}


def _age(application: Json) -> float:
    """Seconds since the last comparison."""
    at = (application.get("status") or {}).get("reconciledAt")
    return time.time() - datetime.fromisoformat(at).timestamp() if at else float("inf")


def _sources(compared: Json) -> list[Json]:
    sources: list[Json] = compared.get("sources") or ([compared["source"]] if compared.get("source") else [])
    return sources


def _invalid(status: Json) -> bool:
    """Whether the last look found the spec invalid."""
    return any(one["type"] == "InvalidSpecError" for one in status.get("conditions") or [])
