"""The node: one loop that looks at every Job, Pod and Knative Service of ours whenever something has happened."""

import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sandbox.argocd.api import NOT_FOUND, ApiError, Kind
from sandbox.argocd.store import Store
from sandbox.node import events
from sandbox.node.api import JOB, POD, SECRET, SERVICE, NodeApi
from sandbox.node.child import end_leftovers
from sandbox.node.controller import JobController
from sandbox.node.errors import NotStartable
from sandbox.node.images import is_ours
from sandbox.node.mounts import Mounts, used_at
from sandbox.node.pod import Pod, pod_root, service_root
from sandbox.node.pod_status import FINISHED, timed
from sandbox.node.runner import Place, Runner

Json = dict[str, Any]

RETRY: Final = 1.0
SYNC: Final = 60.0
"""The kubelet's syncFrequency, in seconds."""
_GRACE: Final = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """`data` holds volumes, tokens and pid files, and `logs` (`data`/logs) what containers say.

    Containers' logs are `<namespace>/<pod>/<container>.log`, where the API server's `--pod-logs` looks for them.
    `back_off` is the first pause after a failure, and `sync` the time between looks at what nobody tells of (tokens
    that grow old, accounts that are made again), both in seconds.
    """

    kubeconfig: Path
    data: Path
    back_off: float = 1.0
    sync: float = SYNC
    logs: Path | None = None


class Node:
    """Works within its context. Entering it raises `ApiError` when the API server does not answer or knows no Pods."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._api = NodeApi(settings.kubeconfig)
        self._data = settings.data
        self._logs = settings.logs or settings.data / "logs"
        self._back_off = settings.back_off
        self._sync = settings.sync
        self._now = now
        self._store = Store(self._api, self._on_change)
        self._jobs = JobController(self._api, self._store, now=now, back_off=settings.back_off)
        self._runners: dict[str, Runner] = {}
        self._written: dict[str, Json] = {}
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._secrets: deque[tuple[str, str]] = deque()
        self._synced = 0.0
        self._knows_services = False
        self._thread = threading.Thread(target=self._run, name="node", daemon=True)

    def __enter__(self) -> Self:
        if left := end_leftovers(self._data / "run"):
            log.warning("ended %d processes that a former node left", left)
        for kind in (POD, JOB, SECRET):
            self._store.follow(kind)
        self._sweep()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._changed.set()
        self._thread.join()
        self._store.stop()
        stopping = [threading.Thread(target=runner.stop, args=(_GRACE,)) for runner in self._runners.values()]
        for one in stopping:
            one.start()
        for one in stopping:
            one.join()
        self._api.close()

    @property
    def problems(self) -> list[str]:
        """What keeps the node from working: watches that are not open."""
        return self._store.shut() + ([] if self._thread.is_alive() else ["its own loop"])

    def _on_change(self, kind: Kind, old: Json | None, new: Json | None) -> None:
        if kind == SECRET:
            metadata = (new or old or {})["metadata"]
            self._secrets.append((metadata["namespace"], metadata["name"]))
        self._changed.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            due = self._look()
            wait = self._sync if due is None else max(0.0, due - self._now())
            self._changed.wait(min(wait, self._sync))

    def _look(self) -> float | None:
        """See to everything; returns when to do so again though nothing happened."""
        dues = [self._see_to(job, self._jobs.see_to) for job in self._jobs.ours()]
        pods = {pod["metadata"]["uid"]: pod for pod in self._store.objects(POD)}
        for uid, runner in list(self._runners.items()):
            if uid not in pods:
                runner.stopping = True
                dues.append(runner.step())
                self._forget(uid)
        ours = [pod for uid, pod in pods.items() if uid in self._runners or self._runs_here(pod)]
        dues += [self._see_to(pod, self._see_to_pod) for pod in ours]
        dues.append(self._refresh())
        return min((one for one in dues if one is not None), default=None)

    def _see_to(self, about: Json, work: Callable[[Json], float | None]) -> float | None:
        try:
            return work(about)
        except (ApiError, OSError) as error:
            if isinstance(error, ApiError) and error.code == NOT_FOUND:
                return None  # it went meanwhile, as the watch will tell
            metadata = about["metadata"]
            log.warning("%s/%s: %s", metadata.get("namespace"), metadata["name"], error)
            return self._now() + RETRY

    def _runs_here(self, pod: Json) -> bool:
        return is_ours(pod["metadata"], pod["spec"]) or self._jobs.owns(pod)

    def _see_to_pod(self, pod: Json) -> float | None:
        metadata, phase = pod["metadata"], (pod.get("status") or {}).get("phase")
        uid, deleted = metadata["uid"], "deletionTimestamp" in metadata
        runner = self._runners.get(uid)
        if runner is None:
            if deleted:
                self._api.remove(pod)
                return None
            if phase in FINISHED:
                return None
            runner = self._runners[uid] = self._runner(pod)
        runner.stopping = runner.stopping or deleted
        due = runner.step()
        self._write(pod, runner)
        if runner.alive:
            return due
        if deleted:
            self._api.remove(pod)
        if runner.finished:
            runner.forget()
        return due

    def _runner(self, pod: Json) -> Runner:
        metadata = pod["metadata"]
        logs = self._logs / metadata["namespace"] / metadata["name"]
        place = Place(pod_root(self._data, metadata["uid"]), logs, self._data / "run")
        return Runner(pod, place, self._api, wake=self._changed.set, now=self._now, back_off=self._back_off)

    def _write(self, pod: Json, runner: Runner) -> None:
        """Write the Pod's status if it says something new."""
        metadata = pod["metadata"]
        before = self._written.get(metadata["uid"]) or pod.get("status") or {}
        status = timed(runner.status, before)
        if status == self._written.get(metadata["uid"]):
            return
        answer = self._api.patch(POD, metadata["namespace"], metadata["name"], {"status": status}, "status")
        self._store.put(POD, answer)
        self._written[metadata["uid"]] = status
        for news in events.of_pod(status):
            events.record(self._api, pod, news, "kubelet", self._now())
        # A Job may have waited for this.
        self._changed.set()

    def _forget(self, uid: str) -> None:
        """Drop a Pod that is gone, when its processes are."""
        if not self._runners[uid].alive:
            self._runners.pop(uid).forget()
            self._written.pop(uid, None)

    def _refresh(self) -> float:
        """Bring the volumes up to date whose Secrets have changed, and all of them now and then."""
        secrets = {self._secrets.popleft() for _ in range(len(self._secrets))}
        now = self._now()
        whole = now >= self._synced + self._sync
        if whole:
            self._synced = now
            self._follow_services()
            if self._knows_services:
                self._sweep_services()
        for pod, refresh in self._mounted():
            if whole or any((pod.namespace, name) in secrets for name in pod.secrets):
                self._refreshed(pod, refresh)
        return self._synced + self._sync

    def _mounted(self) -> Iterator[tuple[Pod, Callable[[], object]]]:
        """Every pod of ours, and what brings its volumes up to date."""
        for runner in self._runners.values():
            yield runner.pod, runner.refresh
        for service in self._store.objects(SERVICE):
            if is_ours(service["metadata"], service["spec"]["template"]["spec"]):
                pod = Pod.of_service(service)
                root = service_root(self._data, pod.namespace, pod.name)
                if root.exists():  # else nobody has started its process yet
                    yield pod, Mounts(pod, root, self._api, self._now).refresh

    def _sweep_services(self) -> None:
        """Remove the folders of Services that are gone, some time after their processes."""
        services = (service["metadata"] for service in self._store.objects(SERVICE))
        known = {service_root(self._data, one["namespace"], one["name"]) for one in services}
        for root in (self._data / "services").glob("*/*"):
            if root not in known and self._now() - used_at(root) > 2 * self._sync:
                shutil.rmtree(root, ignore_errors=True)

    def _refreshed(self, pod: Pod, refresh: Callable[[], object]) -> None:
        try:
            if changed := refresh():
                log.info("%s/%s: new content in %s", pod.namespace, pod.name, changed)
        except (ApiError, NotStartable, OSError) as error:
            # What was mounted stays, as with the kubelet.
            log.warning("%s/%s: %s", pod.namespace, pod.name, error)

    def _follow_services(self) -> None:
        """Watch Knative's Services as soon as they are a kind."""
        try:
            if not self._knows_services and self._api.kind(SERVICE.group, SERVICE.kind) is not None:
                self._store.follow(SERVICE)
                self._knows_services = True
        except ApiError as error:
            log.warning("Knative's Services: %s", error)

    def _sweep(self) -> None:
        """Remove the folders and logs of Pods that are no more."""
        pods = self._store.objects(POD)
        known = {self._data / "pods" / pod["metadata"]["uid"] for pod in pods}
        known |= {self._logs / pod["metadata"]["namespace"] / pod["metadata"]["name"] for pod in pods}
        for folder in (*(self._data / "pods").glob("*"), *self._logs.glob("*/*")):
            if folder not in known:
                shutil.rmtree(folder, ignore_errors=True)
