"""Volume claims: those that a StatefulSet's templates ask for, and what binding one writes into it."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def claims_of(stateful_set: Json) -> Iterator[Json]:
    """Yield the claims of every replica, named and labelled as the statefulset controller does."""
    metadata, spec = stateful_set["metadata"], stateful_set["spec"]
    first = (spec.get("ordinals") or {}).get("start", 0)
    for ordinal in range(first, first + spec.get("replicas", 1)):
        for template in spec.get("volumeClaimTemplates") or ():
            yield _claim(stateful_set, template, f"{template['metadata']['name']}-{metadata['name']}-{ordinal}")


def bound(claim: Json) -> Json:
    """Return the patch that a claim's binding makes, or what is already so."""
    volume = claim["spec"].get("volumeName") or f"pvc-{claim['metadata']['uid']}"
    capacity = {"storage": claim["spec"]["resources"]["requests"]["storage"]}
    status = {"phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": capacity}
    return {"spec": {"volumeName": volume}, "status": status}


def _claim(stateful_set: Json, template: Json, name: str) -> Json:
    metadata, spec = stateful_set["metadata"], stateful_set["spec"]
    labels = (template["metadata"].get("labels") or {}) | (spec["selector"].get("matchLabels") or {})
    claim: Json = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": metadata["namespace"], "labels": labels},
        "spec": template["spec"],
    }
    policy = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    if policy.get("whenDeleted") == "Delete":
        owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": metadata["name"], "uid": metadata["uid"]}
        claim["metadata"]["ownerReferences"] = [owner]
    return claim
