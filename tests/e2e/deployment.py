"""What runs in a sandbox's cluster, and what ArgoCD is made to look at."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.box import Box, condition, reference
from tests.e2e.waiting import until

ARGOCD = "argocd"
APPLICATIONS, SETS = "applications.argoproj.io", "applicationsets.argoproj.io"
REFRESHES = {
    APPLICATIONS: "argocd.argoproj.io/refresh=normal",
    SETS: "argocd.argoproj.io/application-set-refresh=true",
}
WORKLOADS = "deployments,statefulsets,persistentvolumeclaims"


@dataclass(frozen=True)
class Life:
    """Which object it is, and which spec it has: neither is the same after it was deleted or changed in between."""

    uid: str
    generation: int
    is_going: bool


def objects(box: Box, kinds: str, namespace: str | None = None) -> list[Any]:
    """All of these kinds, in one namespace or in every one."""
    where = ("-n", namespace) if namespace else ("-A",)
    return list(json.loads(box.kubectl("get", kinds, *where, "-o", "json"))["items"])


def workloads(box: Box) -> dict[str, Life]:
    """Everything that runs, and the volumes that hold its data, by reference."""
    return {
        reference(one): Life(
            one["metadata"]["uid"],
            one["metadata"].get("generation", 0) if one["kind"] != "PersistentVolumeClaim" else 0,
            "deletionTimestamp" in one["metadata"],
        )
        for one in objects(box, WORKLOADS)
    }


def named(box: Box, kind: str, namespace: str = ARGOCD) -> dict[str, Any]:
    """The objects of a kind by name."""
    return {one["metadata"]["name"]: one for one in objects(box, kind, namespace)}


def not_deployed(box: Box) -> list[str]:
    """Which claims are not Deployed, and what they say."""
    told = {reference(one): condition(one, "Deployed") for one in box.all()}
    return [f"{name}: {said}" for name, said in told.items() if said[0] != "True"]


def wait_deployed(box: Box, seconds: float = 60) -> None:
    """Wait until every claim is Ready and Deployed as it is now, and its status true."""
    last: list[str] = []

    def look() -> bool:
        last[:] = not_deployed(box) or box.untrue()
        return not last

    try:
        until(look, "every claim is Ready and Deployed", seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last}") from error


def have_argocd_look(box: Box) -> None:
    """Have it read all of Git again, and wait until it has."""
    for kind, annotation in REFRESHES.items():
        box.kubectl("annotate", kind, "--all", "-n", ARGOCD, "--overwrite", annotation)
    waiting = {annotation.partition("=")[0] for annotation in REFRESHES.values()}

    def has_looked(one: Any) -> bool:
        return has_failed(one) or not waiting & set(one["metadata"].get("annotations") or {})  # a failing set keeps it

    until(lambda: all(map(has_looked, objects(box, ",".join(REFRESHES), ARGOCD))), "ArgoCD has consumed every refresh")


def has_failed(generator: Mapping[str, Any]) -> bool:
    """Whether an ApplicationSet could not generate its Applications when it tried last."""
    conditions = generator.get("status", {}).get("conditions") or []
    return any((one["type"], one.get("status")) == ("ErrorOccurred", "True") for one in conditions)


def looked_at(application: Mapping[str, Any], commit: str) -> bool:
    """Whether ArgoCD has compared an Application with this commit of `voltran`, or could not for what is missing."""
    status = application["status"]
    revisions = [*(status["sync"].get("revisions") or []), status["sync"].get("revision")]
    return commit in revisions or "ComparisonError" in {one["type"] for one in status.get("conditions") or []}
