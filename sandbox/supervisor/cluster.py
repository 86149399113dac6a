"""The kinds and namespaces that an installation would have put into the cluster."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from sandbox.supervisor.errors import NotEstablished

if TYPE_CHECKING:
    from shared.kube.client import Kube

ARGOCD: Final = Path(__file__).resolve().parents[1] / "argocd" / "crds.yaml"
KNATIVE: Final = Path(__file__).resolve().parents[1] / "knative" / "crds.yaml"
_TIMEOUT: Final = 30.0
_POLL: Final = 0.1


def definitions() -> Iterator[dict[str, Any]]:
    """Our own kinds' definitions."""
    from shared.claims import crd  # noqa: PLC0415 - pydantic's models cost what the other commands need not pay

    yield from crd.manifests()


def argocd_definitions() -> Iterator[dict[str, Any]]:
    """Definitions for ArgoCD's kinds, for a cluster without ArgoCD."""
    with ARGOCD.open(encoding="utf-8") as handle:
        yield from yaml.safe_load_all(handle)


def knative_definitions() -> Iterator[dict[str, Any]]:
    """Definitions for Knative's kinds."""
    with KNATIVE.open(encoding="utf-8") as handle:
        yield from yaml.safe_load_all(handle)


def write_definitions(folder: Path, *, ours: bool = False) -> None:
    """Write those of Knative and ArgoCD into `folder`, where the sandbox's API server reads them; `ours` on demand.

    Our own come with the chart.
    """
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    for definition in (*(definitions() if ours else ()), *argocd_definitions(), *knative_definitions()):
        text = yaml.safe_dump(definition, sort_keys=False)
        (folder / f"{definition['metadata']['name']}.yaml").write_text(text, encoding="utf-8")


def install(kubeconfig: Path, namespaces: Sequence[str]) -> None:
    """Bring a real cluster to where the sandbox's own begins, and touch nothing that is somebody else's.

    Our kinds are applied; ArgoCD's and the namespaces are only created where they are missing. Raises what
    `shared.kube` raises, and `NotEstablished`.
    """
    from shared.kube.client import Resource  # noqa: PLC0415 - the Kubernetes library takes most of a second to import
    from shared.kube.connection import connect  # noqa: PLC0415 - it brings the Kubernetes library along

    kube = connect(kubeconfig)
    kinds = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions")
    for name in namespaces:
        if kube.get(Resource("v1", "namespaces"), "", name) is None:
            kube.create(Resource("v1", "namespaces"), _namespace(name))
    for definition in argocd_definitions():
        if kube.get(kinds, "", definition["metadata"]["name"]) is None:
            kube.create(kinds, definition)
    ours = list(definitions())
    for definition in ours:
        kube.apply(kinds, definition)
    for definition in ours:
        _await_established(kube, kinds, definition["metadata"]["name"])


def _await_established(kube: "Kube", kinds: Any, name: str) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        found = kube.get(kinds, "", name) or {}
        conditions = (found.get("status") or {}).get("conditions") or []
        if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            return
        time.sleep(_POLL)  # a watch for one condition, seen once in a sandbox's life, would be more than it is worth
    raise NotEstablished(f"the cluster does not serve {name} after {_TIMEOUT:.0f} s")


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
