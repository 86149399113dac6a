"""Clients that nobody here wrote: the official Python client and lightkube."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import kubernetes
import lightkube
import pytest
import yaml
from kubernetes.dynamic import DynamicClient
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret
from lightkube.types import PatchType

from tests.sandbox.apiserver.conftest import RECORDINGS, Running

GROUP, VERSION, PLURAL = "platform.infraforge.io", "v1alpha1", "applicationclaims"


def claim(namespace: str, name: str = "dev-apps") -> dict[str, Any]:
    """Return the recorded claim under another name."""
    value: dict[str, Any] = yaml.safe_load((RECORDINGS / "claim.yaml").read_text())
    value["metadata"] = {"name": name, "namespace": namespace}
    return value


@pytest.fixture
def official(server: Running) -> Iterator[kubernetes.client.ApiClient]:
    """The official client, configured by the server's kubeconfig."""
    with kubernetes.config.new_client_from_config(str(server.kubeconfig)) as opened:
        yield opened


def test_official_core(official: kubernetes.client.ApiClient, namespace: str) -> None:
    """Typed objects of the core group: created, read, patched, listed, deleted."""
    core = kubernetes.client.CoreV1Api(official)
    body = kubernetes.client.V1Secret(
        metadata=kubernetes.client.V1ObjectMeta(name="login", labels={"a": "b"}), string_data={"user": "bob"}
    )
    assert core.create_namespaced_secret(namespace, body).data == {"user": "Ym9i"}
    core.patch_namespaced_secret("login", namespace, {"stringData": {"more": "x"}})
    assert sorted(core.read_namespaced_secret("login", namespace).data) == ["more", "user"]
    assert [s.metadata.name for s in core.list_namespaced_secret(namespace, label_selector="a=b").items] == ["login"]
    core.delete_namespaced_secret("login", namespace)
    with pytest.raises(kubernetes.client.ApiException) as caught:
        core.read_namespaced_secret("login", namespace)
    assert caught.value.status == 404


def test_official_custom_objects(official: kubernetes.client.ApiClient, namespace: str) -> None:
    """Custom objects: create, status, a conflict, delete."""
    custom = kubernetes.client.CustomObjectsApi(official)
    made = custom.create_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, claim(namespace))
    custom.patch_namespaced_custom_object_status(
        GROUP, VERSION, namespace, PLURAL, "dev-apps", {"status": {"observedGeneration": 1}}
    )
    with pytest.raises(kubernetes.client.ApiException) as caught:
        custom.replace_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, "dev-apps", made)
    assert caught.value.status == 409
    found = custom.get_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, "dev-apps")
    assert (found["metadata"]["generation"], found["status"]) == (1, {"observedGeneration": 1})
    custom.delete_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, "dev-apps")


def test_official_watch(official: kubernetes.client.ApiClient, namespace: str) -> None:
    """The client's watch goes on from a list and sees every change once."""
    custom = kubernetes.client.CustomObjectsApi(official)
    version = custom.list_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL)["metadata"]["resourceVersion"]
    custom.create_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, claim(namespace))
    custom.patch_namespaced_custom_object(
        GROUP, VERSION, namespace, PLURAL, "dev-apps", {"metadata": {"labels": {"a": "b"}}}
    )
    custom.delete_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, "dev-apps")
    watch = kubernetes.watch.Watch()
    seen = []
    stream = watch.stream(
        custom.list_namespaced_custom_object,
        GROUP,
        VERSION,
        namespace,
        PLURAL,
        resource_version=version,
        timeout_seconds=5,
    )
    for event in stream:
        seen.append(event["type"])
        if event["type"] == "DELETED":
            watch.stop()
    assert seen == ["ADDED", "MODIFIED", "DELETED"]


def test_official_dynamic_apply(official: kubernetes.client.ApiClient, namespace: str) -> None:
    """The dynamic client finds the kind by discovery and applies on the server's side."""
    resource = DynamicClient(official).resources.get(api_version=f"{GROUP}/{VERSION}", kind="ApplicationClaim")
    applied = resource.server_side_apply(claim(namespace), field_manager="tester", namespace=namespace)
    assert applied.metadata.managedFields[0].operation == "Apply"
    assert resource.get(name="dev-apps", namespace=namespace).spec.environment == "dev"


@pytest.fixture
def light(server: Running) -> Iterator[lightkube.Client]:
    """The lightkube client, configured by the server's kubeconfig."""
    config = lightkube.KubeConfig.from_file(str(server.kubeconfig))
    with lightkube.Client(config=config, field_manager="light") as opened:
        yield opened


def test_lightkube(light: lightkube.Client, namespace: str) -> None:
    """lightkube: typed objects, server-side apply and a generic resource with its status."""
    made = light.create(ConfigMap(metadata=ObjectMeta(name="settings", namespace=namespace), data={"a": "b"}))
    assert made.metadata is not None
    assert made.metadata.uid
    applied = light.apply(
        Secret(
            apiVersion="v1", kind="Secret", metadata=ObjectMeta(name="s", namespace=namespace), stringData={"k": "v"}
        )
    )
    assert applied.data == {"k": "dg=="}
    kind: type[GenericNamespacedResource] = create_namespaced_resource(GROUP, VERSION, "ApplicationClaim", PLURAL)
    light.create(kind.from_dict(claim(namespace)))
    light.patch(
        kind.Status, "dev-apps", {"status": {"observedGeneration": 1}}, namespace=namespace, patch_type=PatchType.MERGE
    )
    found = light.get(kind, "dev-apps", namespace=namespace)
    assert found["status"] == {"observedGeneration": 1}
    assert [item["metadata"]["name"] for item in light.list(kind, namespace=namespace)] == ["dev-apps"]
    light.delete(kind, "dev-apps", namespace=namespace)


def test_lightkube_watch(light: lightkube.Client, namespace: str, client: httpx.Client) -> None:
    """lightkube's watch delivers what is there and what comes."""
    client.post(f"/api/v1/namespaces/{namespace}/configmaps", json={"metadata": {"name": "one"}})
    with closing(light.watch(ConfigMap, namespace=namespace, server_timeout=5)) as stream:
        operation, found = next(stream)
    assert found.metadata is not None
    assert (operation, found.metadata.name) == ("ADDED", "one")
