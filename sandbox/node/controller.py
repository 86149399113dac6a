"""The Job controller: does what `jobs` plans."""

from collections.abc import Callable
from typing import Any

from sandbox.argocd.store import Store
from sandbox.node import events, jobs
from sandbox.node.api import JOB, POD, NodeApi
from sandbox.node.events import News
from sandbox.node.images import is_ours

Json = dict[str, Any]


class JobController:
    """Sees to the Jobs of our images that `store` follows. `back_off` and `now` are as in `jobs.plan`."""

    def __init__(self, api: NodeApi, store: Store, *, now: Callable[[], float], back_off: float) -> None:
        self._api = api
        self._store = store
        self._now = now
        self._back_off = back_off
        self._written: dict[str, Json] = {}

    def ours(self) -> list[Json]:
        """The Jobs that are run here and that nobody has deleted."""
        return [job for job in self._store.objects(JOB) if _runs_here(job)]

    def owns(self, pod: Json) -> bool:
        """Whether a Pod is a Job's that is run here."""
        owner = owner_of(pod)
        return any(job["metadata"]["uid"] == owner for job in self._store.objects(JOB) if _runs_here(job, gone=True))

    def see_to(self, job: Json) -> float | None:
        """Do what is to be done now; returns when to look again (seconds since the epoch). Raises `ApiError`."""
        metadata = job["metadata"]
        pods = [pod for pod in self._store.objects(POD) if owner_of(pod) == metadata["uid"]]
        plan = jobs.plan(job, pods, now=self._now(), back_off=self._back_off)
        if plan.expired:
            self._api.delete(
                JOB, metadata["namespace"], metadata["name"], propagation="Background", uid=metadata["uid"]
            )
            return None
        for name in plan.delete:
            self._api.delete(POD, metadata["namespace"], name)
        if plan.status is not None and plan.status != self._written.get(metadata["uid"]):
            patch = {"status": plan.status}
            self._store.put(JOB, self._api.patch(JOB, metadata["namespace"], metadata["name"], patch, "status"))
            self._written[metadata["uid"]] = plan.status
            for news in events.of_job(plan.status):
                self._tell(job, news)
        for _ in range(plan.create):
            made = self._api.create(POD, pod_of(job))
            self._store.put(POD, made)
            self._tell(job, News("SuccessfulCreate", f"Created pod: {made['metadata']['name']}"))
        return plan.due

    def _tell(self, job: Json, news: News) -> None:
        events.record(self._api, job, news, "job-controller", self._now())


def owner_of(pod: Json) -> str:
    """The UID of the Job that a Pod belongs to; empty when it belongs to none."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(one["uid"]) for one in owners if one.get("controller") and one["kind"] == "Job"), "")


def pod_of(job: Json) -> Json:
    """A Pod made of a Job's template, named and labelled as the controller does."""
    metadata, template = job["metadata"], job["spec"]["template"]
    own = template.get("metadata") or {}
    names = {"controller-uid": metadata["uid"], "job-name": metadata["name"]}
    labels = (own.get("labels") or {}) | names | {f"batch.kubernetes.io/{key}": text for key, text in names.items()}
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": own.get("annotations") or {},
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    }


def _runs_here(job: Json, *, gone: bool = False) -> bool:
    """Whether a Job is ours; one that is being deleted only counts with `gone`."""
    deleted = "deletionTimestamp" in job["metadata"]
    return is_ours(job["metadata"], job["spec"]["template"]["spec"]) and (gone or not deleted)
