"""What is there held against what shall be there: tracking, the three-way merge, and each object's sync status."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandbox.argocd.api import Api, Json, Kind
from sandbox.argocd.documents import difference
from sandbox.argocd.store import Store

TRACKING: Final = "argocd.argoproj.io/tracking-id"
SYNC_OPTIONS: Final = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS: Final = "argocd.argoproj.io/compare-options"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
HOOKS: Final = ("argocd.argoproj.io/hook", "helm.sh/hook")

SYNCED: Final = "Synced"
OUT_OF_SYNC: Final = "OutOfSync"
UNKNOWN: Final = "Unknown"

Reference = tuple[str, str, str, str]
"""Group, kind, namespace (empty for a cluster-scoped kind) and name."""

_MERGE_KEYS: Final = ("name", "mountPath", "devicePath", "topologyKey", "ip", "type", "key", "uid")
_SERVER_SET: Final = ("status",)
_METADATA_SET: Final = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid", "selfLink")


@dataclass(frozen=True)
class Managed:
    """One object of an Application: as it shall be, and as it is. `kind` is None where the server knows none such."""

    reference: Reference
    version: str
    target: Json | None
    live: Json | None
    kind: Kind | None

    @property
    def name(self) -> str:
        """As ArgoCD's messages call it: `apps/Deployment:dev/shop`."""
        group, kind, namespace, name = self.reference
        return f"{group}/{kind}:{namespace}/{name}" if group else f"{kind}:{namespace}/{name}"

    @property
    def requires_pruning(self) -> bool:
        """Whether it is there and shall not be."""
        return self.target is None and self.live is not None

    @property
    def going(self) -> bool:
        """Whether it shall not be there, and its deletion is under way."""
        return self.requires_pruning and "deletionTimestamp" in (self.live or {})["metadata"]

    @property
    def in_sync(self) -> bool:
        """Whether applying it would change nothing."""
        if self.target is None or self.live is None:
            return False
        return not difference(self.live, predicted(self.live, self.target))

    def option(self, wanted: str, annotation: str = SYNC_OPTIONS) -> bool:
        """Whether an annotation of the object, or of what it shall be, lists an option such as `Prune=false`."""
        return any(
            wanted in [part.strip() for part in annotations(one).get(annotation, "").split(",")]
            for one in (self.live, self.target)
            if one is not None
        )


@dataclass(frozen=True)
class Comparison:
    """An Application held against the cluster. `failed`: the target state could not be loaded."""

    managed: tuple[Managed, ...]
    failed: bool = False

    @property
    def counted(self) -> list[Managed]:
        """The objects that decide about the Application's sync status."""
        return [
            one
            for one in self.managed
            if not (one.requires_pruning and one.option("IgnoreExtraneous", COMPARE_OPTIONS))
        ]

    def status(self, one: Managed) -> str:
        """An object's sync status."""
        if self.failed:
            return UNKNOWN
        return SYNCED if one.in_sync else OUT_OF_SYNC

    @property
    def sync(self) -> str:
        """The Application's sync status."""
        if self.failed:
            return UNKNOWN
        return SYNCED if all(one.in_sync for one in self.counted) else OUT_OF_SYNC


def compare(application: Json, targets: Iterable[Json], api: Api, store: Store, *, failed: bool = False) -> Comparison:
    """The objects of an Application by group, kind, namespace and name: what shall be there, and what is."""
    name, namespace = application["metadata"]["name"], application["spec"]["destination"].get("namespace", "")
    wanted: dict[Reference, tuple[Json, Kind | None]] = {}
    for target in targets:
        if is_hook(target):
            continue
        kind = api.kind(group_of(target), target["kind"], version_of(target))
        reference, placed = tracked(name, namespace, target, kind)
        wanted.setdefault(reference, (placed, kind))
        if kind is not None and (watched := api.kind(kind.group, kind.kind)):
            store.follow(watched)
    there: dict[Reference, tuple[Json, Kind]] = {}
    for reference, (_, kind) in wanted.items():
        live = store.get(kind, reference[2], reference[3]) if kind else None
        if kind and live and live["apiVersion"] != kind.api_version:  # it is watched in the version that is preferred
            live = api.get(kind, reference[2], reference[3])
        if kind and live:
            there[reference] = (live, kind)
    prefix = f"{name}:"
    for kind in store.followed():
        for live in store.objects(kind):
            if not tracking_of(live).startswith(prefix):
                continue
            reference = _reference(live, kind)
            if tracking_of(live) == tracking_id(name, reference, namespace):
                there.setdefault(reference, (live, kind))
    managed = [
        Managed(reference, version_of(target), target, there[reference][0] if reference in there else None, kind)
        for reference, (target, kind) in wanted.items()
    ]
    managed += [
        Managed(reference, kind.version, None, live, kind)
        for reference, (live, kind) in there.items()
        if reference not in wanted and not is_hook(live)
    ]
    return Comparison(tuple(sorted(managed, key=lambda one: one.reference)), failed)


def tracked(application: str, namespace: str, target: Json, kind: Kind | None) -> tuple[Reference, Json]:
    """The reference of a target, and the target in its namespace with the tracking annotation."""
    metadata = dict(target.get("metadata") or {})
    if kind is None or kind.namespaced:
        metadata.setdefault("namespace", namespace)
    else:
        metadata.pop("namespace", None)
    reference = (group_of(target), target["kind"], metadata.get("namespace", ""), metadata["name"])
    metadata["annotations"] = (metadata.get("annotations") or {}) | {
        TRACKING: tracking_id(application, reference, namespace)
    }
    return reference, normal(target | {"metadata": metadata})


def tracking_id(application: str, reference: Reference, destination: str) -> str:
    """The annotation's value for an object; one of a cluster-scoped kind names the Application's own namespace."""
    group, kind, namespace, name = reference
    return f"{application}:{group}/{kind}:{namespace or destination}/{name}"


def tracking_of(live: Json) -> str:
    """The tracking annotation of an object."""
    return str(annotations(live).get(TRACKING, ""))


def annotations(document: Json) -> Json:
    """An object's annotations."""
    found: Json = (document.get("metadata") or {}).get("annotations") or {}
    return found


def is_hook(document: Json) -> bool:
    """Whether an object is a hook of ArgoCD's or Helm's, and no part of the Application's state."""
    return any(name in annotations(document) for name in HOOKS)


def group_of(document: Json) -> str:
    """An object's API group."""
    group, _, version = str(document["apiVersion"]).partition("/")
    return group if version else ""


def version_of(document: Json) -> str:
    """An object's API version without its group."""
    return str(document["apiVersion"]).rpartition("/")[2]


def normal(target: Json) -> Json:
    """A target without what a client does not decide; text in a Secret as the data that the server makes of it."""
    document = {key: value for key, value in target.items() if key not in _SERVER_SET}
    document["metadata"] = {key: value for key, value in document["metadata"].items() if key not in _METADATA_SET}
    if document["kind"] == "Secret" and (text := document.pop("stringData", None)):
        encoded = {key: _base64(str(value)) for key, value in text.items()}
        document["data"] = (document.get("data") or {}) | encoded
    return document


def last_applied(live: Json) -> Json:
    """What was applied before, as kubectl's annotation remembers it."""
    try:
        found = json.loads(annotations(live).get(LAST_APPLIED, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def remembered(target: Json) -> str:
    """kubectl's annotation for a target."""
    return json.dumps(target, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"


def predicted(live: Json, target: Json) -> Json:
    """The live object after `target` is applied: what others added stays, what was applied once and is gone goes."""
    result: Json = _predict(live, target, last_applied(live))
    return result


def _predict(live: Any, target: Any, before: Any) -> Any:
    if isinstance(target, dict) and isinstance(live, dict):
        before = before if isinstance(before, dict) else {}
        kept = {key: value for key, value in live.items() if key in target or key not in before}
        return kept | {key: _predict(live.get(key), value, before.get(key)) for key, value in target.items()}
    if isinstance(target, list) and isinstance(live, list):
        return _predict_list(live, target, before if isinstance(before, list) else [])
    return live if _same(live, target) else target


def _predict_list(live: list[Any], target: list[Any], before: list[Any]) -> list[Any]:
    """Maps in a list are matched by the key that tells them apart, or one by one where there are as many.

    The real rules are a table of fields (`x-kubernetes-patch-merge-key`); for what charts hold these come to the same.
    """
    if not all(isinstance(one, dict) for one in (*live, *target)) or not target:
        return live if live == target else target
    key = _merge_key(live, target)
    if key is None:
        if len(live) != len(target):
            return target
        known = before if len(before) == len(target) else [{}] * len(target)
        return [_predict(one, wanted, old) for one, wanted, old in zip(live, target, known, strict=True)]
    there = {one[key]: one for one in live}
    olds = {one[key]: one for one in before if isinstance(one, dict) and key in one}
    mine = {wanted[key]: wanted for wanted in target}
    kept = [name for name in there if name in mine or name not in olds]
    order = kept + [name for name in mine if name not in there]
    if [name for name in order if name in mine] != list(mine):
        order = list(mine) + [name for name in kept if name not in mine]
    return [
        _predict(there.get(name, {}), mine[name], olds.get(name, {})) if name in mine else there[name] for name in order
    ]


def _merge_key(live: Sequence[Json], target: Sequence[Json]) -> str | None:
    for key in _MERGE_KEYS:
        if all(
            all(isinstance(one.get(key), str) for one in side) and len({one[key] for one in side}) == len(side)
            for side in (live, target)
        ):
            return key
    return None


def _same(live: Any, target: Any) -> bool:
    """Whether two plain values mean the same; `1` and `1.0` do, `1` and `true` do not."""
    if isinstance(live, bool) != isinstance(target, bool):
        return False
    return bool(live == target)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _reference(live: Json, kind: Kind) -> Reference:
    metadata = live["metadata"]
    return (kind.group, kind.kind, metadata.get("namespace", ""), metadata["name"])
