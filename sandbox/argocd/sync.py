"""One attempt to make the cluster what an Application wants: namespace, prunes, then objects in ArgoCD's order.

Waves are applied in their order and none is waited for; hooks are left out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sandbox.argocd.api import CONFLICT, NAMESPACE, Api, ApiError, Json, Kind
from sandbox.argocd.comparison import LAST_APPLIED, Managed, annotations, last_applied, predicted, remembered, tracked
from sandbox.argocd.documents import difference, merged
from sandbox.argocd.projects import kind_permitted
from sandbox.argocd.store import Store

SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
ERROR: Final = "Error"
RUNNING: Final = "Running"
TERMINATING: Final = "Terminating"

_DONE: Final = "successfully synced (all tasks run)"
_REFUSED: Final = "one or more objects failed to apply"
_INVALID: Final = "one or more synchronization tasks are not valid"
_WAVE: Final = "argocd.argoproj.io/sync-wave"
_ORDER: Final = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
_WITHOUT_HISTORY: Final = (
    ". Warning: resource {plural}/{name} is missing the kubectl.kubernetes.io/last-applied-configuration annotation "
    "which is required by  apply.  apply should only be used on resources created declaratively by either  create "
    "--save-config or  apply. The missing annotation will be patched automatically."
)

Tell = Callable[[str, list[Json]], None]
"""Called with the message and the results so far of an attempt that is still under way."""


@dataclass(frozen=True)
class Attempt:
    """How an attempt ended: phase, message and a result for each object."""

    phase: str
    message: str
    results: list[Json]


@dataclass(frozen=True)
class Wish:
    """What is to be done: the objects, and what the operation says of them."""

    application: str
    managed: Sequence[Managed]
    project: Json
    namespace: str
    prune: bool
    create_namespace: bool


class Syncer:
    """Carries wishes out. Raises `ApiError` when the API server does not answer."""

    def __init__(self, api: Api, store: Store) -> None:
        self._api = api
        self._store = store

    def run(self, wish: Wish, tell: Tell) -> Attempt:
        """Make one attempt; it ends with the first step of which an object is refused."""
        results: list[Json] = []
        if invalid := [
            _result(one, "Sync", "SyncFailed", text) for one in wish.managed if (text := _invalid(one, wish))
        ]:
            return Attempt(FAILED, _INVALID, invalid)
        if wish.create_namespace and self._lacks_namespace(wish):
            results.append(self._create_namespace(wish))
            if results[-1]["status"] == "SyncFailed":
                return _refusal(results)
            tell(f"waiting for healthy state of /Namespace/{wish.namespace}", results)
        for step in _steps(wish.managed):
            results += [self._carry_out(one, wish) for one in step]
            if any(one["status"] == "SyncFailed" for one in results):
                return _refusal(results)
        return Attempt(SUCCEEDED, _DONE, results)

    def _lacks_namespace(self, wish: Wish) -> bool:
        mentioned = any(one.reference[1] == "Namespace" and one.reference[3] == wish.namespace for one in wish.managed)
        return not mentioned and self._api.get(NAMESPACE, "", wish.namespace) is None

    def _create_namespace(self, wish: Wish) -> Json:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": wish.namespace}}
        reference, body = tracked(wish.application, "", body, NAMESPACE)
        one = Managed(reference, "v1", {**body, "metadata": {"name": wish.namespace}}, None, NAMESPACE)
        if text := _invalid(one, wish):
            return _result(one, "PreSync", "SyncFailed", text)
        return self._apply(one, "PreSync")

    def _carry_out(self, one: Managed, wish: Wish) -> Json:
        if one.target is not None:
            return self._apply(one, "Sync")
        if not wish.prune or one.option("Prune=false"):
            return _result(one, "Sync", "PruneSkipped", "ignored (no prune)", phase=SUCCEEDED)
        _, _, namespace, name = one.reference
        try:
            if one.kind is not None and one.live is not None:
                uid = one.live["metadata"]["uid"]
                left = self._api.delete(one.kind, namespace, name, propagation="Foreground", uid=uid)
                if left is None:
                    self._store.drop(one.kind, namespace, name, uid)
                else:
                    self._store.put(one.kind, left)
        except ApiError as error:
            return _failure(one, "Sync", error)
        return _result(one, "Sync", "Pruned", "pruned", phase=SUCCEEDED)

    def _apply(self, one: Managed, step: str) -> Json:
        """What `kubectl apply` does: create, or merge what differs, and remember what was applied."""
        kind, target = one.kind, one.target
        if kind is None or target is None:
            raise ValueError(f"{one.name} is not to be applied")
        _, _, namespace, name = one.reference
        said = f"{kind.kind.lower()}{'.' + kind.group if kind.group else ''}/{name}"
        target = merged(target, {"metadata": {"annotations": {LAST_APPLIED: remembered(target)}}})
        try:
            if one.live is None:
                written = self._create(kind, target)
                if written is not None:
                    self._store.put(kind, written)
                    return _result(one, step, "Synced", f"{said} created")
            live = self._api.get(kind, namespace, name) or {}
            patch = difference(live, predicted(live, target))
            if not patch:
                return _result(one, step, "Synced", f"{said} unchanged")
            self._store.put(kind, self._api.patch(kind, namespace, name, patch))
        except ApiError as error:
            return _failure(one, step, error)
        known = last_applied(live) or LAST_APPLIED in annotations(live)
        warning = "" if known else _WITHOUT_HISTORY.format(plural=kind.plural, name=name)
        return _result(one, step, "Synced", f"{said} configured{warning}")

    def _create(self, kind: Kind, target: Json) -> Json | None:
        """The new object; None when somebody else has made it meanwhile."""
        try:
            return self._api.create(kind, target)
        except ApiError as error:
            if error.code == CONFLICT:
                return None
            raise


def _steps(managed: Iterable[Managed]) -> list[list[Managed]]:
    """What is pruned, and then the objects of each wave, each kind at its place."""
    everything = list(managed)
    prunes = [one for one in everything if one.target is None]
    waves: dict[int, list[Managed]] = {}
    for one in everything:
        if one.target is not None:
            waves.setdefault(_wave(one.target), []).append(one)
    steps = [sorted(waves[number], key=_rank) for number in sorted(waves)]
    return [step for step in (prunes, *steps) if step]


def _wave(target: Json) -> int:
    try:
        return int(annotations(target).get(_WAVE, "0"))
    except ValueError:
        return 0


def _rank(one: Managed) -> tuple[int, str, str]:
    _, kind, namespace, name = one.reference
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), namespace, name)


def _invalid(one: Managed, wish: Wish) -> str:
    """Why an object must not be applied at all; empty when it may."""
    group, kind, namespace, name = one.reference
    if one.target is None:
        return ""
    if one.kind is None:
        where = f"{group}/{kind}" if group else f"/{kind}"
        return (
            f"The Kubernetes API could not find {where} for requested resource {namespace}/{name}. Make sure the "
            f'"{kind}" CRD is installed on the destination cluster.'
        )
    if not kind_permitted(wish.project, group, kind, namespaced=one.kind.namespaced):
        return f"resource {group}:{kind} is not permitted in project {wish.project['metadata']['name']}"
    return ""


def _refusal(results: list[Json]) -> Attempt:
    reasons = dict.fromkeys(one["message"] for one in results if one["status"] == "SyncFailed")
    return Attempt(FAILED, f"{_REFUSED}, reason: {','.join(reasons)}", results)


def _failure(one: Managed, step: str, error: ApiError) -> Json:
    if not error.code:
        raise error
    return _result(one, step, "SyncFailed", str(error))


def _result(one: Managed, step: str, status: str, message: str, *, phase: str = "") -> Json:
    group, kind, namespace, name = one.reference
    images = _images(one.target or {})
    return {
        "group": group,
        "version": one.version,
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "status": status,
        "message": message,
        "hookPhase": phase or (FAILED if status == "SyncFailed" else RUNNING),
        "syncPhase": step,
        **({"images": images} if images else {}),
    }


def _images(target: Json) -> list[str]:
    """The images of a workload's containers."""
    spec = target.get("spec")
    if not isinstance(spec, dict):
        return []
    if target["kind"] == "CronJob":
        spec = ((spec.get("jobTemplate") or {}).get("spec")) or {}
    pod = (spec.get("template") or {}).get("spec") or {}
    return [str(one["image"]) for one in pod.get("containers") or [] if "image" in one]
