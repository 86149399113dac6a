"""An ArgoCD in a few lines, for the order of things: it does at each look what a real one was seen to do soon after."""

from collections.abc import Mapping
from typing import Any

from shared.deploying import ArgoCD
from shared.deploying.argocd import FINALIZER, REFRESH, REFRESH_SET
from shared.kube.client import Document, Resource
from tests.fakes import FakeKube
from tests.shared.deploying.documents import LATER


class World(FakeKube):
    """`log` is what the functions did, `orphaned` whose workload stayed behind.

    The set makes what it `generates` again until it is refreshed, unless it does not forget; a deaf one hears nothing.
    """

    def __init__(
        self, *objects: Any, generates: tuple[str, ...] = (), deaf: bool = False, forgets: bool = True
    ) -> None:
        super().__init__()
        self.log: list[str] = []
        self.orphaned: list[str] = []
        self._deaf = deaf
        self._forgets = forgets
        self._generates = set(generates)
        for one in objects:
            resource = "applicationsets" if one["kind"] == "ApplicationSet" else "applications"
            self.objects[(resource, "argocd", one["metadata"]["name"])] = one

    @property
    def argocd(self) -> ArgoCD:
        return ArgoCD(self, "argocd")

    def names(self) -> set[str]:
        return {name for _, _, name in self.objects}

    def patch(self, resource: Resource, namespace: str, name: str, change: Mapping[str, Any]) -> Document | None:
        self.log.append(f"{_what(change)} {name}")
        patched = super().patch(resource, namespace, name, change)
        live = self.objects.get((resource.plural, namespace, name))
        if live is None or self._deaf:
            return patched
        annotations = live["metadata"].get("annotations") or {}
        if annotations.pop(REFRESH_SET, None) and self._forgets:
            self._generates.clear()  # the folder is gone
        if annotations.pop(REFRESH, None):
            live["status"]["sync"]["revision"] = LATER
        operation = live.get("status", {}).get("operationState", {})
        if operation.get("phase") == "Terminating":
            operation["phase"] = "Failed"
        return patched

    def patch_metadata(self, resource: Resource, document: Document, metadata: Mapping[str, Any]) -> Document:
        name = document["metadata"]["name"]
        self.log.append(f"finalizer {name}")
        patched = super().patch_metadata(resource, document, metadata)
        if name in self._generates:  # the controller strips it again
            self.objects[(resource.plural, "argocd", name)]["metadata"]["finalizers"] = []
        return patched

    def delete(self, resource: Resource, namespace: str, name: str, *, orphans: bool = False) -> None:
        document = self.objects[(resource.plural, namespace, name)]
        self.log.append(f"delete {name}{' orphaning' if orphans else ''}")
        if resource.plural == "applications" and FINALIZER not in (document["metadata"].get("finalizers") or []):
            self.orphaned.append(name)
        if document.get("status", {}).get("operationState", {}).get("phase") == "Running":
            return  # it cannot be deleted until the operation ends
        if name not in self._generates:
            super().delete(resource, namespace, name)
        if orphans:
            for (plural, _, _), other in self.objects.items():
                if plural == "applications":
                    other["metadata"]["ownerReferences"] = []


def _what(change: Mapping[str, Any]) -> str:
    annotations = change.get("metadata", {}).get("annotations", {})
    return "refresh" if annotations else change["status"]["operationState"]["phase"]
