"""The sandbox's definitions of ArgoCD's kinds against ArgoCD's own, and against every recorded object."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.apiserver.changes import Options, Target
from sandbox.apiserver.cluster import Cluster
from sandbox.apiserver.patches import MERGE_PATCH
from sandbox.apiserver.storage import Storage
from sandbox.supervisor.cluster import argocd_definitions
from tests.sandbox.timeline.recording import recorded

Json = dict[str, Any]
SCHEMAS = Path(__file__).parents[4] / "shared" / "schemas" / "argocd"
PLURALS = {"Application": "applications", "ApplicationSet": "applicationsets"}
MINE = Options(manager="test", validation="Strict")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that serves the sandbox's definitions."""
    storage = Storage(tmp_path_factory.mktemp("definitions") / "objects.db", 100)
    made = Cluster(storage)
    made.ensure_namespace("argocd")
    for definition in argocd_definitions():
        made.ensure_crd(definition)
    yield made
    storage.close()


def definition(kind: str) -> Json:
    """The sandbox's definition of a kind."""
    return next(one for one in argocd_definitions() if one["spec"]["names"]["kind"] == kind)


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="no copy of ArgoCD's own definitions beside the repository")
@pytest.mark.parametrize("kind", ["Application", "ApplicationSet", "AppProject"])
def test_names_scope_and_subresources_are_argocds(kind: str) -> None:
    """Above all, an Application's status is no subresource: whoever writes status writes the object."""
    theirs = yaml.safe_load((SCHEMAS / f"{kind.lower()}-crd.yaml").read_text())
    ours = definition(kind)
    assert ours["metadata"]["name"] == theirs["metadata"]["name"]
    for name in ("group", "scope", "names"):
        assert ours["spec"][name] == theirs["spec"][name]
    (version,), (their_version,) = ours["spec"]["versions"], theirs["spec"]["versions"]
    for name in ("name", "served", "storage", "additionalPrinterColumns"):
        assert version.get(name) == their_version.get(name)
    assert (version.get("subresources") or {}) == (their_version.get("subresources") or {})
    assert ("status" in (version.get("subresources") or {})) is (kind == "ApplicationSet")


def test_every_recorded_object_is_stored_as_it_is(cluster: Cluster) -> None:
    """Nothing that ArgoCD wrote is pruned, changed or refused by the sandbox's definitions."""
    seen = 0
    for changes in recorded().values():
        for change in changes:
            if change.kind in PLURALS and change.event != "DELETED":
                _store(cluster, change.kind, change.object)
                seen += 1
    assert seen > 400


def _store(cluster: Cluster, kind: str, value: Json) -> None:
    resource = cluster.registry.get("argoproj.io", "v1alpha1", PLURALS[kind])
    assert resource is not None
    kept = ("name", "labels", "annotations", "finalizers", "ownerReferences")
    metadata = {key: item for key, item in value["metadata"].items() if key in kept}
    metadata |= {"ownerReferences": []} if "ownerReferences" in metadata else {}
    cluster.create(Target(resource, "argocd"), {**value, "metadata": metadata}, MINE)
    target = Target(resource, "argocd", value["metadata"]["name"])
    if resource.status:
        status = Options(manager="test", subresource="status")
        cluster.patch(target, MERGE_PATCH, {"status": value.get("status", {})}, status)
    entry = cluster.storage.get(resource.qualified, target.key)
    assert entry is not None
    for name in ("spec", "operation", "status"):
        assert entry.object.get(name) == value.get(name)
    cluster.patch(target, MERGE_PATCH, {"metadata": {"finalizers": None}}, MINE)
    cluster.delete(target, {}, MINE)
