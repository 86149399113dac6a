"""ArgoCD's objects, as small as the functions read them."""

from typing import Any

from shared.environments import Environment
from shared.events import ClaimRef

ENVIRONMENT = Environment("nonprod", "dev", "acme", None, "charts-1", "platform-1")
SOURCE = {"repoURL": "http://git/acme/charts.git", "path": "web", "targetRevision": "charts-1"}
VALUES = {"repoURL": "http://git/acme/voltran.git", "ref": "values", "targetRevision": "main"}
OLD, NEW, LATER = "a" * 40, "b" * 40, "c" * 40
REF = ClaimRef("ApplicationClaim", "dev", "dev-apps")


def labels(environment: str | None = "dev") -> dict[str, str]:
    own = {"app.kubernetes.io/part-of": "infraforge", "infraforge.io/cluster-type": "nonprod"}
    return own | ({"infraforge.io/environment": environment} if environment else {})


def application(
    name: str = "dev-web", *, revision: str = NEW, owner: str | None = "dev-apps", **status: dict[str, Any]
) -> Any:
    """One that is synced and healthy, but for what `status` says otherwise, part by part."""
    sync = {"status": "Synced", "revisions": ["f" * 40, revision], "comparedTo": {"sources": [SOURCE, VALUES]}}
    well: dict[str, dict[str, Any]] = {
        "sync": sync,
        "health": {"status": "Healthy"},
        "operationState": {"phase": "Succeeded"},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "labels": labels(),
            "ownerReferences": [{"kind": "ApplicationSet", "name": owner, "controller": True}] if owner else [],
        },
        "spec": {"sources": [SOURCE, VALUES]},
        "status": {part: well.get(part, {}) | status.get(part, {}) for part in well.keys() | status.keys()},
    }


def application_set(name: str = "dev-apps", *, path: str = "{{ .path.basename }}", **status: Any) -> Any:
    """One that gives a row the chart of its name, or that of `path`."""
    metadata = {"name": name, "namespace": "argocd", "uid": f"uid-{name}", "resourceVersion": "1", "labels": labels()}
    spec = {"template": {"spec": {"sources": [SOURCE | {"path": path}, VALUES]}}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def root(name: str = "nonprod-apps", *, revision: str = NEW, **status: Any) -> Any:
    metadata = {
        "name": name,
        "namespace": "argocd",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "labels": labels(None),
    }
    sync = {"status": "Synced", "revision": revision}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": metadata,
        "status": {"sync": sync} | status,
    }
