"""What a person did in the recorded cases, as functions that make an action of a world."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.sandbox.timeline.charts import charts
from tests.sandbox.timeline.forge import PASSWORD, USER
from tests.sandbox.timeline.recording import Change, recorded
from tests.sandbox.timeline.world import ARGOCD, PUBLIC, World, secret

Json = dict[str, Any]
Action = Callable[[World], None]

STUCK: Final = "stuck"
WAITING: Final = "waiting"
_PATHS: Final = {"Application": "applications", "ApplicationSet": "applicationsets", "AppProject": "appprojects"}
_MERGE: Final = {"Content-Type": "application/merge-patch+json"}
_REFRESH: Final = "argocd.argoproj.io/refresh"
_REFRESH_SET: Final = "argocd.argoproj.io/application-set-refresh"
_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_FINALIZER: Final = "resources-finalizer.argocd.argoproj.io"
_ANYTHING: Final[Json] = {
    "sourceRepos": ["*"],
    "destinations": [{"server": "*", "namespace": "*"}],
    "clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
}


def credentials() -> Action:
    """Give ArgoCD the login for every repository of the organization."""
    data = {"url": f"{PUBLIC}/argo", "username": USER, "password": PASSWORD}
    labels = {"argocd.argoproj.io/secret-type": "repo-creds"}
    return lambda world: _post(world, f"/api/v1/namespaces/{ARGOCD}/secrets", secret("gitea", labels, data))


def project(name: str, **limits: Any) -> Action:
    """Make or change a project, which allows anything but for `limits`."""
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "spec": _ANYTHING | limits}

    def act(world: World) -> None:
        parameters = {"fieldManager": "test", "force": "true"}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        metadata = {"name": name, "namespace": ARGOCD}
        content = json.dumps(body | {"metadata": metadata})
        world.client.patch(
            _path("AppProject", name), content=content, params=parameters, headers=headers
        ).raise_for_status()

    return act


def push(applications: Mapping[str, str | None], environment: str = "dev") -> Action:
    """Push value files by application; None takes a folder away, an empty text leaves it without a value file."""

    def act(world: World) -> None:
        there = world.applications.setdefault(environment, {})
        for name, text in applications.items():
            if text is None:
                there.pop(name, None)
            else:
                there[name] = text
        world.push()

    return act


def tag_charts(name: str) -> Action:
    """Tag the charts as they are."""
    return lambda world: world.forge.tag("argo/charts", name)


def move_charts(*more: str) -> Action:
    """Push the charts with `more` beside those that were there."""
    return lambda world: world.forge.push("argo/charts", charts(*more))


def push_sets(name: str) -> Action:
    """Push the file of a set as ArgoCD was seen to apply it in this case."""

    def act(world: World) -> None:
        world.files[_set_file(name)] = json.dumps(_applied(world.case, name))
        world.push()

    return act


def remove_set_file(name: str) -> Action:
    """Push without the file of a set; the folder stays."""

    def act(world: World) -> None:
        del world.files[_set_file(name)]
        world.files["appsets/nonprod/apps/.gitkeep"] = ""
        world.push()

    return act


def break_repository() -> Action:
    """Delete the value repository in Gitea."""
    return lambda world: world.forge.drop("argo/voltran")


def create(name: str, *, case: str = "", called: str = "") -> Action:
    """Create a set as it was created in the case (or in another one), perhaps under another name."""

    def act(world: World) -> None:
        first = _first(case or world.case, "ApplicationSet", name)
        annotations = first["metadata"].get("annotations") or {}
        kept = {key: text for key, text in annotations.items() if key.startswith("argocd.") and key != _TRACKING}
        metadata = {"name": called or name, "namespace": ARGOCD} | ({"annotations": kept} if kept else {})
        body = {key: first[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata}
        _post(world, _path("ApplicationSet"), body)

    return act


def create_root(name: str) -> Action:
    """Create a root application as it was created in the case."""

    def act(world: World) -> None:
        first = _first(world.case, "Application", name)
        finalizers = first["metadata"].get("finalizers") or []
        metadata = {"name": name, "namespace": ARGOCD, "finalizers": finalizers}
        body = {key: first[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata}
        _post(world, _path("Application"), body)

    return act


def edit_set(name: str) -> Action:
    """Replace a set's spec by the one that it was first seen with in the case, with a wish to refresh if it had one."""

    def act(world: World) -> None:
        new = _first(world.case, "ApplicationSet", name)
        old = json.loads(world.client.get(_path("ApplicationSet", name)).raise_for_status().content)
        wish = {key: text for key, text in (new["metadata"].get("annotations") or {}).items() if key == _REFRESH_SET}
        annotations = (old["metadata"].get("annotations") or {}) | wish
        body = old | {"spec": new["spec"], "metadata": old["metadata"] | {"annotations": annotations}}
        _raise(world.client.put(_path("ApplicationSet", name), json=body))

    return act


def edit_application(name: str, spec: Json) -> Action:
    """Merge into an Application's spec."""
    return lambda world: _patch(world, "Application", name, {"spec": spec})


def refresh(name: str, how: str = "normal") -> Action:
    """Annotate an Application to be compared now."""
    return lambda world: _patch(world, "Application", name, {"metadata": {"annotations": {_REFRESH: how}}})


def refresh_set(name: str) -> Action:
    """Annotate a set to be looked at now."""
    return lambda world: _patch(world, "ApplicationSet", name, {"metadata": {"annotations": {_REFRESH_SET: "true"}}})


def delete(kind: str, name: str, policy: str = "") -> Action:
    """Delete an Application or a set."""
    wishes = {"propagationPolicy": policy} if policy else {}
    return lambda world: _raise(world.client.request("DELETE", _path(kind, name), json=wishes))


def add_finalizer(name: str) -> Action:
    """Have an Application take its objects along."""
    return lambda world: _patch(world, "Application", name, {"metadata": {"finalizers": [_FINALIZER]}})


def drop_finalizers(*names: str) -> Action:
    """Let Applications go without their objects."""

    def act(world: World) -> None:
        for name in names:
            _patch(world, "Application", name, {"metadata": {"finalizers": None}})

    return act


def terminate(name: str) -> Action:
    """End the operation of an Application."""
    return lambda world: _patch(world, "Application", name, {"status": {"operationState": {"phase": "Terminating"}}})


def workload(name: str, state: str = "ready") -> Action:
    """Write the status of a Deployment in `dev`, as its controller would; nothing ran the pods in the recording."""

    def act(world: World) -> None:
        path = f"/apis/apps/v1/namespaces/dev/deployments/{name}"
        live = json.loads(world.client.get(path).raise_for_status().content)
        replicas = live["spec"]["replicas"]
        reason = ("True", "NewReplicaSetAvailable") if state != STUCK else ("False", "ProgressDeadlineExceeded")
        counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), replicas)
        status = {
            "observedGeneration": live["metadata"]["generation"],
            **counts,
            **({"availableReplicas": replicas - 1} if state == WAITING else {}),
            "conditions": [
                {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": ""},
                {"type": "Progressing", "status": reason[0], "reason": reason[1], "message": ""},
            ],
        }
        _raise(world.client.patch(f"{path}/status", json={"status": status}, headers=_MERGE))

    return act


def edit_workload(name: str, spec: Json) -> Action:
    """Merge into the spec of a Deployment in `dev`."""
    path = f"/apis/apps/v1/namespaces/dev/deployments/{name}"
    return lambda world: _raise(world.client.patch(path, json={"spec": spec}, headers=_MERGE))


def _first(case: str, kind: str, name: str) -> Json:
    return next(change.object for change in _of(case, kind, name))


def _of(case: str, kind: str, name: str) -> list[Change]:
    return [change for change in recorded()[case] if (change.kind, change.name) == (kind, name)]


def _applied(case: str, name: str) -> Json:
    """The manifest that ArgoCD applied: what it remembered of it on the object, without its own mark."""
    for change in _of(case, "ApplicationSet", name):
        annotations = change.object["metadata"].get("annotations") or {}
        if _TRACKING in annotations:
            manifest: Json = json.loads(annotations[_LAST_APPLIED])
            kept = {key: text for key, text in manifest["metadata"]["annotations"].items() if key != _TRACKING}
            manifest["metadata"]["annotations"] = kept
            return manifest
    raise AssertionError(f"{case}: no root application applied {name}")


def _set_file(name: str) -> str:
    return f"appsets/nonprod/apps/{name.removesuffix('-apps')}-appset.yaml"


def _path(kind: str, name: str = "") -> str:
    return f"/apis/argoproj.io/v1alpha1/namespaces/{ARGOCD}/{_PATHS[kind]}{'/' if name else ''}{name}"


def _post(world: World, path: str, body: Json) -> None:
    _raise(world.client.post(path, json=body))


def _patch(world: World, kind: str, name: str, patch: Json) -> None:
    _raise(world.client.patch(_path(kind, name), json=patch, headers=_MERGE))


def _raise(response: Any) -> None:
    assert response.is_success, response.text
