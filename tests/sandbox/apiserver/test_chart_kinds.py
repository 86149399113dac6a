"""The kinds of rendered charts: applied by the server's own rules, listed as kubectl shows them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.sandbox.apiserver.test_kubectl import Kubectl, kubectl

__all__ = ["kubectl"]

Json = dict[str, Any]
GOLDEN = Path(__file__).parents[2] / "charts" / "golden"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
PLURALS = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}


def manifests(path: Path) -> Iterator[Json]:
    """The objects of a golden rendering."""
    for document in yaml.safe_load_all(path.read_text()):
        if isinstance(document, dict) and "kind" in document:
            yield document


def address(manifest: Json, namespace: str) -> str:
    """Where the server keeps the object."""
    version, kind = manifest["apiVersion"], manifest["kind"]
    plural = PLURALS.get(kind, f"{kind.lower()}s")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    within = "" if kind == "Namespace" else f"/namespaces/{namespace}"
    return f"{root}{within}/{plural}/{manifest['metadata']['name']}"


def apply(client: httpx.Client, manifest: Json, namespace: str, manager: str = "argocd-controller") -> httpx.Response:
    """Apply on the server's side, in the test's namespace."""
    metadata = (
        manifest["metadata"] if manifest["kind"] == "Namespace" else manifest["metadata"] | {"namespace": namespace}
    )
    parameters = {"fieldManager": manager, "force": "true"}
    body = manifest | {"metadata": metadata}
    return client.patch(address(manifest, namespace), json=body, params=parameters, headers=APPLY)


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_golden_renderings_apply_once(client: httpx.Client, namespace: str, path: Path) -> None:
    """Every object of every rendering is accepted as it is, holds what it said, and the second time changes nothing."""
    applied = 0
    for manifest in manifests(path):
        first = apply(client, manifest, namespace)
        assert first.status_code in (200, 201), first.text
        second = apply(client, manifest, namespace)
        assert second.status_code == 200
        assert second.json()["metadata"]["resourceVersion"] == first.json()["metadata"]["resourceVersion"]
        if manifest["kind"] == "Namespace":
            assert client.delete(address(manifest, namespace)).status_code == 200
        assert contains(first.json(), manifest), manifest
        applied += 1
    assert applied > 0 or path.stem == "bad-values"


def contains(value: Any, part: Any) -> bool:
    """Whether `value` holds all of `part`; empty and null fields are dropped by the server, as by the real one."""
    if isinstance(part, dict):
        wanted = {key: item for key, item in part.items() if item not in (None, {}, [], "") and key != "namespace"}
        return isinstance(value, dict) and all(contains(value.get(key), item) for key, item in wanted.items())
    if isinstance(part, list):
        return isinstance(value, list) and len(value) == len(part) and all(map(contains, value, part))
    return bool(value == part)


def test_kubectl_applies_and_lists_a_rendering(kubectl: Kubectl) -> None:
    """`kubectl apply` with its own validation, again without a change, and the tables of `kubectl get`."""
    for name in ("web-service-everything.yaml", "cron-job-everything.yaml", "platform/postgres-all.yaml"):
        text = (GOLDEN / name).read_text()
        assert "created" in kubectl("apply", "-f", "-", stdin=text)
        again = kubectl("apply", "-f", "-", stdin=text).splitlines()
        # A budget's selector has the patch strategy "replace": kubectl patches it every time, the real server's too.
        assert {line for line in again if "unchanged" not in line and "disruptionbudget" not in line} == set()
    deployments = kubectl("get", "deploy", "-o", "wide").splitlines()
    assert deployments[0].split() == [
        *("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR")
    ]
    assert deployments[1].split()[1:4] == ["0/1", "0", "0"]
    everything = kubectl("get", "all,ing,netpol,pdb,pvc,cm,sa")
    for name in ("deployment.apps/", "statefulset.apps/", "cronjob.batch/", "ingress.networking.k8s.io/"):
        assert name in everything
    assert "ClusterIP" in kubectl("get", "svc")
    assert "spec" in kubectl("explain", "statefulset.spec.volumeClaimTemplates")
    assert "Selector:" in kubectl("describe", "service")


def deployment(name: str = "web", **spec: Any) -> Json:
    """A small Deployment."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": "nginx:1.27"}]}}
    usual = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": usual | spec}


def test_defaults_are_filled_and_owned_by_nobody_who_applies(client: httpx.Client, namespace: str) -> None:
    """Replicas default to one; who applied without them may be joined by an autoscaler without a conflict."""
    made = apply(client, deployment(), namespace).json()
    assert made["spec"]["replicas"] == 1
    assert made["metadata"]["generation"] == 1
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 4}}
    answer = client.patch(address(scaled, namespace), json=scaled, params={"fieldManager": "autoscaler"}, headers=APPLY)
    assert answer.status_code == 200
    assert answer.json()["metadata"]["generation"] == 2


def test_ports_merge_by_number_and_protocol(client: httpx.Client, namespace: str) -> None:
    """Two managers own one port each: a list map whose key has a default."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    one = service | {"spec": {"ports": [{"name": "http", "port": 80}]}}
    two = service | {"spec": {"ports": [{"name": "metrics", "port": 9090}]}}
    assert apply(client, one, namespace, "one").status_code == 201
    ports = apply(client, two, namespace, "two").json()["spec"]["ports"]
    assert [port["port"] for port in ports] == [80, 9090]
    assert [port["protocol"] for port in ports] == ["TCP", "TCP"]


CLAIM = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        pytest.param(
            deployment(),
            deployment(selector={"matchLabels": {"app": "other"}}),
            "spec.selector: Invalid value",
            id="a selector may never change",
        ),
        pytest.param(
            None,
            deployment(selector={"matchLabels": {"app": "other"}}),
            "`selector` does not match template `labels`",
            id="nor miss its own pods",
        ),
        pytest.param(
            deployment() | {"kind": "StatefulSet"},
            deployment(volumeClaimTemplates=[CLAIM]) | {"kind": "StatefulSet"},
            "updates to statefulset spec for fields other than",
            id="the claims of a StatefulSet stay as they were",
        ),
        pytest.param(
            {"kind": "RoleBinding", "roleRef": {"kind": "ClusterRole", "name": "view", "apiGroup": ""}},
            {"kind": "RoleBinding", "roleRef": {"kind": "ClusterRole", "name": "edit", "apiGroup": ""}},
            "cannot change roleRef",
            id="a binding keeps its role",
        ),
        pytest.param(None, {"kind": "Deployment", "spec": {}}, "Required value", id="what the schema requires"),
    ],
)
def test_refusals(client: httpx.Client, namespace: str, before: Json | None, after: Json, text: str) -> None:
    """What a chart's values can run into is refused in the real server's words."""
    for manifest in filter(None, (before, after)):
        group = "rbac.authorization.k8s.io/v1" if manifest["kind"] == "RoleBinding" else "apps/v1"
        full = {"apiVersion": group, "metadata": {"name": "web"}} | manifest
        answer = apply(client, full, namespace)
        if manifest is after:
            assert answer.status_code == 422
            assert text in answer.json()["message"]
        else:
            assert answer.status_code == 201, answer.text


def test_a_namespace_takes_everything_of_a_chart_along(client: httpx.Client) -> None:
    """Deleting it deletes every object of a rendering, of whatever kind, and then the namespace itself."""
    name = client.post("/api/v1/namespaces", json={"metadata": {"generateName": "t-"}}).json()["metadata"]["name"]
    rendering = [one for one in manifests(GOLDEN / "platform" / "postgres-all.yaml") if one["kind"] != "Namespace"]
    for manifest in rendering:
        assert apply(client, manifest, name).status_code == 201
    assert len({manifest["kind"] for manifest in rendering}) > 5
    assert client.delete(f"/api/v1/namespaces/{name}").status_code == 200
    assert client.get(f"/api/v1/namespaces/{name}").status_code == 404
    for manifest in rendering:
        assert client.get(address(manifest, name)).status_code == 404, manifest["kind"]
