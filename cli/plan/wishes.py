"""The claims in files, held against the rules and against the claims that are there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cli.cluster import Cluster, Refused
from cli.history.standing import ORDER
from cli.json_patch import changes
from cli.manifests import Manifest
from cli.plan.report import Fault
from shared import kinds, leaks
from shared.attempt import Kind
from shared.canonical import json_bytes
from shared.claims import API_VERSION, FINALIZER, GROUP, Claim
from shared.claims.parse import read
from shared.kube.client import Document
from shared.wording import listed

Name = tuple[str, str, str]
"""Kind, namespace and name."""
MAX_NAMED: Final = 5
KINDS: Final[Mapping[str, Kind[Any]]] = {one.name: one for one in vars(kinds).values() if isinstance(one, Kind)}
_KEPT: Final = ("uid", "creationTimestamp", "deletionTimestamp", "resourceVersion", "finalizers", "managedFields")
_SCHEMA: Final = (
    "is invalid:",
    "unknown field",
    "strict decoding error",
    "field not declared in schema",
    "what JSON cannot",
)
"""What an API server says of what the model has said already."""
_UNASKED: Final = ("is forbidden: User", "does not support dry run")
"""What an API server says when nobody may, or can, ask it what it would say."""
_IMMUTABLE: Final = "self == oldSelf"


@dataclass
class Wish:
    """A claim as it would be, what is wrong with it, and the one that is there. `claim` is None where it is invalid."""

    manifest: Manifest
    kind: Kind[Any]
    namespace: str
    claim: Claim | None = None
    live: Document | None = None
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    playable: bool = True

    @property
    def name(self) -> str:
        """The claim's."""
        return self.manifest.name

    @property
    def is_news(self) -> bool:
        """Whether the claim differs from the one that is there."""
        return self.live is None or self._recorded() != self._spec

    @property
    def _spec(self) -> Any:
        return None if self.claim is None else self.claim.model_dump(include={"spec"})

    def _recorded(self) -> Any:
        found = read(self.kind.name, {k: v for k, v in (self.live or {}).items() if k != "status"})
        return found.model_dump(include={"spec"}) if isinstance(found, Claim) else None

    def document(self, number: int) -> Document:
        """The claim as the API server would hold it; `number` orders those that are new."""
        live: dict[str, Any] = (self.live or {}).get("metadata") or {}
        ours = self.manifest.document["metadata"]
        generation = int(live.get("generation", 0)) + (1 if self.is_news else 0)
        fresh = {
            "uid": f"planned-{number:04}",
            "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "resourceVersion": "0",
        }
        kept = {key: live[key] for key in _KEPT if key in live}
        metadata = fresh | kept | {"name": self.name, "namespace": self.namespace, "generation": generation}
        for key in ("annotations", "labels"):
            metadata[key] = {**(live.get(key) or {}), **(ours.get(key) or {})}
        metadata["finalizers"] = list(dict.fromkeys([*metadata.get("finalizers", ()), FINALIZER]))
        document = {"apiVersion": API_VERSION, "kind": self.kind.name, "metadata": metadata}
        return document | {
            "spec": self.manifest.document.get("spec"),
            "status": (self.live or {}).get("status") or {},
        }


def wishes(
    manifests: Iterable[Manifest], cluster: Cluster | None, standing: Mapping[Name, Document], namespace: str
) -> tuple[list[Wish], list[Fault], list[str]]:
    """The claims among `manifests` in the order in which they need each other, what is wrong beside them, and notes.

    Without a cluster the claims that are there are those `standing` in Git.
    """
    found: dict[Name, Wish] = {}
    faults, left = [], []
    for manifest in manifests:
        if manifest.api_version.partition("/")[0] != GROUP:
            left.append(f"{manifest.kind} {manifest.name}")
            continue
        kind = KINDS.get(manifest.kind) if manifest.api_version == API_VERSION else None
        if kind is None:
            known = ", ".join(KINDS)
            faults.append(Fault(manifest.origin, f"there is no such kind in {API_VERSION}; there are {known}"))
            continue
        wish = Wish(manifest, kind, manifest.namespace or namespace)
        key = (kind.name, wish.namespace, wish.name)
        if key in found:
            faults.append(Fault(manifest.origin, f"{'/'.join(key)} is in {found[key].manifest.origin} already"))
            continue
        found[key] = wish
        wish.live = standing.get(key)
        _examine(wish, cluster)
    notes = [f"no claims, and not looked at: {listed(left, MAX_NAMED)}"] if left else []
    return sorted(found.values(), key=lambda one: ORDER.index(one.kind.name)), faults, notes


def _examine(wish: Wish, cluster: Cluster | None) -> None:
    document = {key: value for key, value in wish.manifest.document.items() if key != "status"}
    document["metadata"] = {**document["metadata"], "namespace": wish.namespace}
    outcome = read(wish.kind.name, document)
    if isinstance(outcome, Claim):
        wish.claim = outcome
    else:
        wish.faults += [Fault(path, problem) for path, problem in outcome]
    if cluster is not None:
        _compare(wish, cluster)
    else:
        _hold_immutables(wish)
    wish.playable = wish.claim is not None and not any(one.reason == "Immutable" for one in wish.faults)


def _compare(wish: Wish, cluster: Cluster) -> None:
    """Ask the cluster for the claim that is there, and what it would say to this one."""
    manifest = Manifest({**wish.manifest.document}, wish.manifest.origin)
    manifest.document["metadata"] = {**manifest.document["metadata"], "namespace": wish.namespace}
    try:
        reference = cluster.reference(manifest)
        wish.live = cluster.get(reference)
    except Refused as refusal:
        wish.faults.append(Fault("", told(refusal), "Refused"))
        return
    if wish.live is not None and "deletionTimestamp" in wish.live["metadata"]:
        wish.notes.append("it is being deleted, which applying it does not end: the plan is for the deletion")
    _hold_immutables(wish)
    try:
        rehearsed = cluster.rehearse(manifest)
    except Refused as refusal:
        said = told(refusal)
        if any(form in said for form in _UNASKED):
            wish.notes.append(f"the API server was not asked what it would say: {said}")
        elif not (wish.faults and any(form in said for form in _SCHEMA)):
            wish.faults.append(Fault("", said, "Refused"))
        return
    after = read(wish.kind.name, {key: value for key, value in rehearsed.items() if key != "status"})
    if wish.claim is not None and isinstance(after, Claim):
        paths = _differing(wish.claim, after)
        if paths:
            wish.notes.append(
                f"applied server-side, it would keep what others have set in the claim ({listed(paths, MAX_NAMED)}); "
                "this plan is for the file alone"
            )


def told(refusal: Refused) -> str:
    """What the API server said, unless it quotes what looks like a credential."""
    said = str(refusal)
    return "the API server refuses it in words that quote a credential" if leaks.find({"message": said}) else said


def _differing(ours: Claim, theirs: Claim) -> list[str]:
    one, other = (_in_order(claim.model_dump(mode="json", include={"spec"})) for claim in (ours, theirs))
    return [str(operation["path"]).lstrip("/").replace("/", ".") for operation in changes(one, other)]


def _in_order(node: Any) -> Any:
    """The same with its lists in order: an API server merges those of a claim, and puts what is new at the end."""
    if isinstance(node, Mapping):
        return {key: _in_order(value) for key, value in node.items()}
    return sorted(map(_in_order, node), key=json_bytes) if isinstance(node, list) else node


def _hold_immutables(wish: Wish) -> None:
    """What may never change once the claim exists; the rule is the schema's own."""
    before, after = (wish.live or {}).get("spec"), wish.manifest.document.get("spec")
    model = wish.kind.model.model_fields["spec"].annotation
    if not isinstance(before, Mapping) or not isinstance(after, Mapping) or model is None:
        return
    for name, described in model.model_fields.items():
        extra = described.json_schema_extra
        rules = extra.get("x-kubernetes-validations") if isinstance(extra, dict) else None
        holds = isinstance(rules, list) and any(isinstance(one, dict) and one["rule"] == _IMMUTABLE for one in rules)
        if holds and name in after and name in before and after[name] != before[name]:
            said = "is immutable, and another in the claim that is there: give the claim another name"
            wish.faults.append(Fault(f"spec.{name}", said, "Immutable"))
