"""The controllers' loop: it hears every change to a workload, and writes what follows, now or when it is due."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from sandbox.apiserver.changes import Options, Target
from sandbox.apiserver.cluster import Cluster
from sandbox.apiserver.errors import ApiError
from sandbox.apiserver.patches import MERGE_PATCH
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.storage import Event, Key
from sandbox.apiserver.timestamps import timestamp
from sandbox.node.images import is_ours
from sandbox.workloads import surroundings, volumes
from sandbox.workloads.rollout import (
    Progress,
    Rollout,
    daemon_set_status,
    deployment_status,
    job_status,
    progress,
    stateful_set_status,
    template_hash,
)
from sandbox.workloads.settings import Settings

Json = dict[str, Any]
Place = tuple[str, Key]
_SLICE: Final = 20
"""Objects that are served between two looks at what clients want of the server: some 30 ms."""
MANAGER: Final = "kube-controller-manager"
_ROLLED: Final = ("deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch")
_BUDGETED: Final = ("deployments.apps", "statefulsets.apps")
_AUTOSCALER: Final = "horizontalpodautoscalers.autoscaling"
_BUDGET: Final = "poddisruptionbudgets.policy"
_CLAIM: Final = "persistentvolumeclaims"
_JOB: Final = "jobs.batch"
_ADDRESSED: Final = ("ingresses.networking.k8s.io", "services")
WATCHED: Final = (*_ROLLED, _CLAIM, *_ADDRESSED, _AUTOSCALER, _BUDGET)

log = logging.getLogger(__name__)


class Controllers:
    """Plays the controllers of one cluster from `run`'s start to its cancellation; `now` is a clock in seconds."""

    def __init__(self, cluster: Cluster, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._settings = settings
        self._now = now
        self._rollouts: dict[str, Rollout] = {}
        self._due: dict[Place, float] = {}
        # By resource and namespace, because a cluster has many namespaces and every change asks for one of them.
        self._keys: dict[Place, set[Key]] = {}
        self._changed = asyncio.Event()
        self._resources: dict[str, Resource] = {r.qualified: r for r in cluster.registry if r.qualified in WATCHED}
        for resource in WATCHED:
            for key, _ in cluster.storage.entries(resource):
                self._due[resource, key] = now()
                self._index(resource, key).add(key)
            cluster.storage.subscribe(resource, partial(self._heard, resource))

    async def run(self) -> None:
        """Work for ever."""
        while True:
            self._changed.clear()
            wait = self.work(_SLICE)
            if wait == 0:
                await asyncio.sleep(0)  # requests come first
                continue
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def work(self, most: int | None = None) -> float | None:
        """Do what is due now, `most` objects of it at the most.

        Returns the seconds until more is due (0: there is more now), or None when only a change will bring it.
        """
        while True:
            now = self._now()
            due = [place for place, when in self._due.items() if when <= now]
            if not due:
                return min((when - now for when in self._due.values()), default=None)
            for place in due[:most]:
                del self._due[place]
                self._serve(place)
            if most is not None:
                return 0

    def _heard(self, resource: str, event: Event) -> None:
        if event.type == "DELETED":
            self._rollouts.pop(event.entry.object["metadata"]["uid"], None)
            self._index(resource, event.key).discard(event.key)
        else:
            self._due[resource, event.key] = self._now()
            self._index(resource, event.key).add(event.key)
        if resource in _ROLLED:
            self._wake_observers(event.key[0], event.entry.object)
        self._changed.set()

    def _wake_observers(self, namespace: str, workload: Json) -> None:
        """Have the budgets and autoscalers of a workload look at it."""
        for budget in self._objects(_BUDGET, namespace):
            if surroundings.selects(budget, workload):
                self._due[_BUDGET, (namespace, budget["metadata"]["name"])] = self._now()
        for autoscaler in self._objects(_AUTOSCALER, namespace):
            if autoscaler["spec"]["scaleTargetRef"]["name"] == workload["metadata"]["name"]:
                self._due[_AUTOSCALER, (namespace, autoscaler["metadata"]["name"])] = self._now()

    def _objects(self, resource: str, namespace: str) -> list[Json]:
        keys = sorted(self._index(resource, (namespace, "")))
        return [entry.object for key in keys if (entry := self._cluster.storage.get(resource, key)) is not None]

    def _index(self, resource: str, key: Key) -> set[Key]:
        return self._keys.setdefault((resource, (key[0], "")), set())

    def _serve(self, place: Place) -> None:
        entry = self._cluster.storage.get(*place)
        if entry is None or "deletionTimestamp" in entry.object["metadata"]:
            return
        try:
            self._reconcile(place, entry.object)
        except ApiError as error:
            log.warning("%s %s: %s", place[0], "/".join(place[1]), error)

    def _reconcile(self, place: Place, value: Json) -> None:
        resource, (namespace, _) = place
        if resource == _JOB and is_ours(value["metadata"], value["spec"]["template"]["spec"]):
            return  # sandbox.node runs it
        if resource in _ROLLED:
            self._roll(place, value)
        elif resource == _CLAIM:
            patch = volumes.bound(value)
            self._patch(place, {"spec": patch["spec"]})
            self._write_status(place, patch["status"])
        elif resource == _AUTOSCALER:
            self._autoscale(place, value)
        elif resource == _BUDGET:
            workloads = [one for kind in _BUDGETED for one in self._objects(kind, namespace)]
            self._write_status(place, surroundings.budget_status(value, workloads))
        elif resource != "services" or value["spec"].get("type") == "LoadBalancer":
            self._write_status(place, surroundings.address_status())

    def _roll(self, place: Place, value: Json) -> None:
        rollout, now = self._rollout(place[0], value), self._now()
        state = progress(value, rollout, self._settings, now)
        if place[0] == "statefulsets.apps":
            self._make_claims(place, value)
        self._write_status(place, _status(place[0], value, state))
        if state.done or state.expired:
            return
        wait = self._settings.ready_after if state.missing is None else self._deadline(value)
        self._due[place] = max(rollout.began + wait, now)

    def _deadline(self, value: Json) -> float:
        own = value["spec"].get("progressDeadlineSeconds", self._settings.progress_deadline)
        return float(min(own, self._settings.progress_deadline))

    def _rollout(self, resource: str, value: Json) -> Rollout:
        """Return the workload's rollout, a new one when its template or its replicas changed."""
        uid, status = value["metadata"]["uid"], value.get("status") or {}
        template = template_hash(value["spec"]["template"])
        replicas = 1 if resource == "daemonsets.apps" else value["spec"].get("replicas", 1)
        known = self._rollouts.get(uid)
        if known is None or (known.template, known.replicas) != (template, replicas):
            available = status.get("availableReplicas") or status.get("numberAvailable") or 0
            # Of a workload that was there before we were, what its status says is taken to be of this template.
            settled = known is None and status.get("observedGeneration") == value["metadata"].get("generation")
            began = float("-inf") if settled and available >= replicas else self._now()
            fresh = not settled if known is None else known.template != template
            known = self._rollouts[uid] = Rollout(template, replicas, began, available, fresh)
        return known

    def _make_claims(self, place: Place, value: Json) -> None:
        target = Target(self._resources[_CLAIM], place[1][0])
        for claim in volumes.claims_of(value):
            if self._cluster.storage.get(_CLAIM, (place[1][0], claim["metadata"]["name"])) is None:
                self._cluster.create(target, claim, Options(manager=MANAGER))

    def _autoscale(self, place: Place, value: Json) -> None:
        reference = value["spec"]["scaleTargetRef"]
        resource = {"Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps"}.get(reference["kind"])
        found = self._cluster.storage.get(resource, (place[1][0], reference["name"])) if resource else None
        if resource is None or found is None:
            return
        replicas = surroundings.autoscaled(value, found.object["spec"].get("replicas", 1))
        self._patch((resource, (place[1][0], reference["name"])), {"spec": {"replicas": replicas}})
        self._write_status(place, surroundings.autoscaler_status(replicas))

    def _patch(self, place: Place, patch: Json, subresource: str = "") -> None:
        target = Target(self._resources[place[0]], *place[1])
        self._cluster.patch(target, MERGE_PATCH, patch, Options(manager=MANAGER, subresource=subresource))

    def _write_status(self, place: Place, status: Json) -> None:
        entry = self._cluster.storage.get(*place)
        if entry is not None:
            before = (entry.object.get("status") or {}).get("conditions") or []
            timed = [_timed(condition, before) for condition in status.get("conditions") or ()]
            self._patch(place, {"status": status | ({"conditions": timed} if timed else {})}, "status")


def _status(resource: str, value: Json, state: Progress) -> Json:
    if resource == "deployments.apps":
        return deployment_status(value, state)
    if resource == "statefulsets.apps":
        return stateful_set_status(value, state)
    if resource == "daemonsets.apps":
        return daemon_set_status(value, state)
    return job_status(value, state, value["metadata"]["creationTimestamp"], timestamp())


def _timed(condition: Json, before: list[Json]) -> Json:
    """Return a condition with its times: those of the same one before, now for what changed."""
    same = next((one for one in before if one["type"] == condition["type"]), None)
    if same is not None and all(same.get(key) == text for key, text in condition.items()):
        return same
    turned = timestamp() if same is None or same["status"] != condition["status"] else same["lastTransitionTime"]
    timed = condition | {"lastTransitionTime": turned}
    return timed | {"lastUpdateTime": timestamp()} if condition["type"] in ("Available", "Progressing") else timed
