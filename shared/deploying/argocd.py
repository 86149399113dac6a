"""ArgoCD's objects as the functions read and nudge them, all in ArgoCD's own namespace.

The annotations and what they do are those that a real ArgoCD 3.6 was seen to follow (tests/recordings/argocd).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeVar

from shared.argocd import API_VERSION, CLUSTER_TYPE, ENVIRONMENT, PART_OF
from shared.environments import Environment
from shared.kube.client import Document, Kube, KubeNotFound, Resource

T = TypeVar("T")

APPLICATIONS: Final = Resource(API_VERSION, "applications")
SETS: Final = Resource(API_VERSION, "applicationsets")
FINALIZER: Final = "resources-finalizer.argocd.argoproj.io"
"""Without it ArgoCD leaves behind what an Application deployed."""

REFRESH: Final = "argocd.argoproj.io/refresh"
REFRESH_SET: Final = "argocd.argoproj.io/application-set-refresh"
"""ArgoCD takes either away when it has heard."""


class View(Protocol):
    """ArgoCD's objects, by whoever reads them."""

    def applications(self, environment: Environment) -> Mapping[str, Document] | None:
        """The environment's Applications by name; None when there is no ArgoCD."""

    def application(self, name: str) -> Document | None:
        """One Application."""

    def set(self, name: str) -> Document | None:
        """One ApplicationSet."""


class Snapshot:
    """All our objects as they were at one moment."""

    def __init__(self, applications: Mapping[str, Document], sets: Mapping[str, Document]) -> None:
        self._applications = applications
        self._sets = sets
        self._beside: list[Any] | None = None
        self._by_place: dict[tuple[Any, Any], dict[str, Document]] = {}
        for name, document in applications.items():
            labels = document["metadata"].get("labels") or {}
            place = labels.get(CLUSTER_TYPE), labels.get(ENVIRONMENT)
            self._by_place.setdefault(place, {})[name] = document

    def applications(self, environment: Environment) -> Mapping[str, Document]:
        """The environment's Applications by name."""
        return self._by_place.get((environment.cluster_type, environment.name), {})

    def application(self, name: str) -> Document | None:
        """One Application."""
        return self._applications.get(name)

    def set(self, name: str) -> Document | None:
        """One ApplicationSet."""
        return self._sets.get(name)

    def beside(self, read: Callable[[], Iterable[T]]) -> list[T]:
        """What else is to be known at that moment, by whoever looks at the snapshot: read once."""
        if self._beside is None:
            self._beside = list(read())
        return self._beside


class ArgoCD:
    """Reads and changes Applications and ApplicationSets; raises what `Kube` raises. Thread-safe."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace

    def applications(self, environment: Environment) -> dict[str, Document] | None:
        """The environment's Applications by name; None when there is no ArgoCD."""
        return self._listed(APPLICATIONS, {CLUSTER_TYPE: environment.cluster_type, ENVIRONMENT: environment.name})

    def snapshot(self) -> Snapshot | None:
        """All our objects, in two lists; None when there is no ArgoCD."""
        applications, sets = self._listed(APPLICATIONS, {}), self._listed(SETS, {})
        return None if applications is None or sets is None else Snapshot(applications, sets)

    def application(self, name: str) -> Document | None:
        """One Application."""
        return self._kube.get(APPLICATIONS, self._namespace, name)

    def set(self, name: str) -> Document | None:
        """One ApplicationSet."""
        return self._kube.get(SETS, self._namespace, name)

    def refresh(self, name: str) -> None:
        """Have ArgoCD look at an Application's sources now, instead of within its poll of 180 s."""
        self._annotate(APPLICATIONS, name, REFRESH, "normal")

    def refresh_set(self, name: str) -> None:
        """Have ArgoCD generate a set's Applications now."""
        self._annotate(SETS, name, REFRESH_SET, "true")

    def take_along(self, application: Document) -> Document:
        """Have what the Application deployed go with it; `KubeConflict` when it changed meanwhile."""
        finalizers = application["metadata"].get("finalizers") or []
        if FINALIZER in finalizers:
            return application
        return self._kube.patch_metadata(APPLICATIONS, application, {"finalizers": [*finalizers, FINALIZER]})

    def end_operation(self, name: str) -> None:
        """End an operation that may retry for ever: until then the Application cannot be deleted."""
        change: dict[str, Any] = {"status": {"operationState": {"phase": "Terminating"}}}
        self._kube.patch(APPLICATIONS, self._namespace, name, change)

    def delete(self, name: str) -> None:
        """Delete an Application."""
        self._kube.delete(APPLICATIONS, self._namespace, name)

    def delete_set(self, name: str) -> None:
        """Delete a set; its Applications stay, without owner."""
        self._kube.delete(SETS, self._namespace, name, orphans=True)

    def _listed(self, resource: Resource, labels: dict[str, str]) -> dict[str, Document] | None:
        try:
            documents = list(self._kube.list(resource, self._namespace, labels=PART_OF | labels))
        except KubeNotFound:
            return None
        return {document["metadata"]["name"]: document for document in documents}

    def _annotate(self, resource: Resource, name: str, annotation: str, value: str) -> None:
        self._kube.patch(resource, self._namespace, name, {"metadata": {"annotations": {annotation: value}}})
