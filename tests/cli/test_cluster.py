"""Applying objects over the Kubernetes API."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.cluster import Applied, Changed, Cluster, Refused
from cli.exits import Failure
from cli.manifests import Manifest

GROUP = "platform.infraforge.io/v1alpha1"
CLAIM = {"apiVersion": GROUP, "kind": "PlatformClaim", "metadata": {"name": "dev-platform", "namespace": "dev"}}
KINDS = {
    "resources": [
        {"name": "platformclaims", "singularName": "platformclaim", "namespaced": True, "kind": "PlatformClaim"},
        {"name": "platformclaims/status", "singularName": "", "namespaced": True, "kind": "PlatformClaim"},
    ]
}
PATH = f"/apis/{GROUP}/namespaces/dev/platformclaims/dev-platform"

Answer = Callable[[httpx.Request], httpx.Response]


def cluster(patch: Answer, existing: dict[str, Any] | None = None) -> Cluster:
    """A cluster that knows PlatformClaims, holds `existing`, and answers a PATCH with `patch`."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            return patch(request)
        if request.url.path == f"/apis/{GROUP}":
            return httpx.Response(200, json=KINDS)
        if request.url.path == PATH and existing is not None:
            return httpx.Response(200, json=existing)
        return httpx.Response(404, json={"kind": "Status", "message": "not found"})

    return Cluster(httpx.Client(base_url="https://cluster.test", transport=httpx.MockTransport(answer)))


def apply(patch: Answer, existing: dict[str, Any] | None = None) -> Applied:
    return cluster(patch, existing).apply(Manifest(CLAIM, "claim.yaml"))


def at(version: str) -> dict[str, Any]:
    return CLAIM | {"metadata": {"name": "dev-platform", "namespace": "dev", "resourceVersion": version}}


def test_it_is_a_strict_server_side_apply() -> None:
    seen: list[httpx.Request] = []

    def patch(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json=at("1"))

    applied = apply(patch)
    (request,) = seen
    assert request.url.path == PATH
    assert dict(request.url.params) == {"fieldManager": "kubectl", "force": "true", "fieldValidation": "Strict"}
    assert request.headers["content-type"] == "application/apply-patch+yaml"
    assert json.loads(request.content) == CLAIM
    assert (applied.outcome, applied.reference.resource) == ("created", "platformclaim.platform.infraforge.io")


@pytest.mark.parametrize(("after", "outcome"), [("7", "unchanged"), ("8", "configured")])
def test_whether_something_changed_is_told_by_the_resource_version(after: str, outcome: str) -> None:
    assert apply(lambda _: httpx.Response(200, json=at(after)), at("7")).outcome == outcome


def test_a_refusal_is_the_servers_own_message() -> None:
    message = (
        'PlatformClaim in version "v1alpha1" cannot be handled: strict decoding error: unknown field "spec.servces"'
    )
    with pytest.raises(Refused, match="unknown field"):
        apply(lambda _: httpx.Response(400, json={"kind": "Status", "message": message}))


def test_a_kind_that_is_not_installed_is_named() -> None:
    manifest = Manifest(CLAIM | {"kind": "Claim"}, "claim.yaml")
    with pytest.raises(Refused, match=f'claim.yaml: the cluster has no kind "Claim" in {GROUP}'):
        cluster(lambda _: httpx.Response(500)).apply(manifest)
    manifest = Manifest(CLAIM | {"apiVersion": "absent/v1"}, "claim.yaml")
    with pytest.raises(Refused, match='no kind "PlatformClaim" in absent/v1'):
        cluster(lambda _: httpx.Response(500)).apply(manifest)


def test_a_proxys_error_page_is_no_traceback() -> None:
    with pytest.raises(Refused, match="HTTP 502"):
        apply(lambda _: httpx.Response(502, text="<html>"))


def test_a_cluster_that_does_not_answer_is_named() -> None:
    def patch(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    with pytest.raises(Failure, match=r"the cluster at https://cluster\.test/? does not answer: connection refused"):
        apply(patch)


def test_a_kubeconfig_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="absent cannot be used"):
        Cluster.of(tmp_path / "absent")


def test_a_list_is_read_page_by_page() -> None:
    """Thousands of claims come in pages, and one namespace's from its own path."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == f"/apis/{GROUP}":
            return httpx.Response(200, json=KINDS)
        asked.append(f"{request.url.path}?{request.url.params.get('continue')}")
        token = {} if "continue" in request.url.params else {"continue": "next"}
        return httpx.Response(200, json={"metadata": token, "items": [{"metadata": {"name": f"claim-{len(asked)}"}}]})

    listing = Cluster(httpx.Client(base_url="https://cluster.test", transport=httpx.MockTransport(answer)))
    found = list(listing.every(GROUP, "PlatformClaim", "dev"))
    path = f"/apis/{GROUP}/namespaces/dev/platformclaims"
    assert asked == [f"{path}?None", f"{path}?next"]
    assert [(one["kind"], one["metadata"]["name"]) for one in found] == [
        ("PlatformClaim", "claim-1"),
        ("PlatformClaim", "claim-2"),
    ]


def test_a_conflict_has_a_type_of_its_own() -> None:
    conflict = cluster(lambda _: httpx.Response(409, json={"message": "the object has been modified"}))
    with pytest.raises(Changed, match="modified"):
        conflict.merge(conflict.reference(Manifest(CLAIM, "claim.yaml")), {"metadata": {"resourceVersion": "1"}})


def test_a_rehearsal_asks_for_nothing_to_be_stored() -> None:
    seen: list[httpx.Request] = []

    def patch(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=at("7"))

    assert cluster(patch, at("7")).rehearse(Manifest(CLAIM, "claim.yaml")) == at("7")
    assert dict(seen[0].url.params) == {
        "fieldManager": "kubectl",
        "force": "true",
        "fieldValidation": "Strict",
        "dryRun": "All",
    }


CONTEXTS = """
apiVersion: v1
kind: Config
current-context: nonprod
clusters:
- {name: a, cluster: {server: "http://a.test"}}
- {name: b, cluster: {server: "http://b.test"}}
contexts:
- {name: nonprod, context: {cluster: a, user: me}}
- {name: prod, context: {cluster: b, user: me, namespace: shop}}
users:
- {name: me, user: {}}
"""


@pytest.mark.parametrize(
    ("context", "host", "namespace"),
    [(None, "a.test", "default"), ("nonprod", "a.test", "default"), ("prod", "b.test", "shop")],
)
def test_a_context_names_cluster_and_namespace(tmp_path: Path, context: str | None, host: str, namespace: str) -> None:
    file = tmp_path / "config"
    file.write_text(CONTEXTS)
    found = Cluster.of(file, context)
    assert (found.http.base_url.host, found.namespace) == (host, namespace)


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(CONTEXTS)
    with pytest.raises(Failure, match="absent"):
        Cluster.of(file, "absent")


def test_a_chosen_context_needs_no_current_one(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(CONTEXTS.replace("current-context: nonprod", 'current-context: ""'))
    assert Cluster.of(file, "prod").namespace == "shop"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), datetime.date(2026, 1, 1)], ids=str)
def test_what_yaml_has_and_json_has_not_is_refused(value: object) -> None:
    manifest = Manifest({**CLAIM, "spec": {"value": value}}, "claim.yaml")
    with pytest.raises(Refused, match=r"^claim.yaml: it holds what JSON cannot"):
        cluster(lambda _: httpx.Response(200, json=at("1"))).apply(manifest)
