"""What a node does for the processes of Knative Services, which it does not run: their folders stay fresh."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.node.api import NodeApi
from sandbox.node.container import process_of
from sandbox.node.mounts import Mounts
from sandbox.node.pod import Pod, service_root
from tests.sandbox.apiserver.conftest import ROOT, Running, start
from tests.sandbox.node.running import IMAGE, MERGE, NAMESPACE, OURS, World, until, url, world

SERVICES, SECRETS, ACCOUNTS = "serving.knative.dev/v1/services", "v1/secrets", "v1/serviceaccounts"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An API server that knows Knative's kinds."""
    crds = ROOT / "sandbox/knative/crds.yaml"
    running = start(tmp_path_factory.mktemp("apiserver"), "--namespaces", NAMESPACE, "--crds", str(crds))
    yield running
    running.stop()


@pytest.fixture
def node(server: Running, tmp_path: Path) -> Iterator[World]:
    """A node that looks again and again."""
    with world(server, tmp_path, "--sync", "0.3") as made:
        yield made


def installed(node: World, name: str) -> Pod:
    """A function as the chart installs it, with a token in a Secret."""
    node.create(ACCOUNTS, name)
    node.create(SECRETS, f"{name}-gitea", stringData={"token": "old"})
    container = {
        "image": IMAGE,
        "env": [{"name": "INFRAFORGE_GITEA_TOKEN_FILE", "value": "/var/run/infraforge/gitea/token"}],
        "volumeMounts": [{"name": "gitea", "mountPath": "/var/run/infraforge/gitea", "readOnly": True}],
    }
    volume = {"name": "gitea", "secret": {"secretName": f"{name}-gitea", "defaultMode": 0o444}}
    spec = {"serviceAccountName": name, "containers": [container], "volumes": [volume]}
    return Pod.of_service(node.create(SERVICES, name, spec={"template": {"metadata": {"labels": OURS}, "spec": spec}}))


def test_a_secret_that_is_rotated_reaches_a_function(node: World) -> None:
    """The supervisor made the folders and started the process; the node writes them anew."""
    pod, api = installed(node, "rotating"), NodeApi(node.server.kubeconfig)
    mounts = Mounts(pod, service_root(node.data, pod.namespace, pod.name), api)
    mounts.refresh()
    process = process_of(pod.spec["containers"][0], pod=pod, mounts=mounts, api=api, port=8080)
    file = Path(process.environment["INFRAFORGE_GITEA_TOKEN_FILE"])
    assert file.read_text() == "old"

    change = {"stringData": {"token": "new"}}
    assert node.client.patch(f"{url(SECRETS)}/rotating-gitea", json=change, headers=MERGE).status_code == 200
    until(lambda: file.read_text() == "new")
    gone = node.client.delete(f"{url(SECRETS)}/rotating-gitea")
    assert gone.status_code == 200
    node.create(SECRETS, "rotating-gitea", stringData={"token": "newest"})
    until(lambda: file.read_text() == "newest")
    api.close()


def test_an_account_that_is_made_again_gets_a_new_token(node: World) -> None:
    """The old one opens nothing any more."""
    pod, api = installed(node, "renewed"), NodeApi(node.server.kubeconfig)
    mounts = Mounts(pod, service_root(node.data, pod.namespace, pod.name), api)
    mounts.refresh()
    assert mounts.kubeconfig is not None
    token = mounts.kubeconfig.with_name("token")
    before = token.read_text()
    node.client.delete(f"{url(ACCOUNTS)}/renewed")
    node.create(ACCOUNTS, "renewed")

    until(lambda: token.read_text() != before)
    assert who(node, before) == ""
    assert who(node, token.read_text()) == f"system:serviceaccount:{NAMESPACE}:renewed"
    api.close()


def test_a_token_is_renewed_before_it_expires(node: World, tmp_path: Path) -> None:
    """Both open the API server for as long as the old one lives."""
    pod, api = installed(node, "aging"), NodeApi(node.server.kubeconfig)
    clock = [time.time()]
    mounts = Mounts(pod, tmp_path / "aging", api, lambda: clock[0])
    mounts.refresh()
    assert mounts.kubeconfig is not None
    token = mounts.kubeconfig.with_name("token")
    first = token.read_text()
    clock[0] += 3000

    assert mounts.refresh() == ["kube-api-access"]
    names = {who(node, one) for one in (first, token.read_text())}
    assert (first != token.read_text(), names) == (True, {f"system:serviceaccount:{NAMESPACE}:aging"})
    api.close()


def test_a_service_that_is_gone_leaves_nothing(node: World) -> None:
    """Neither its credentials nor its cache; those of others stay, and one that nobody started gets none."""
    pods = [installed(node, name) for name in ("leaving", "staying", "unstarted")]
    roots = [service_root(node.data, pod.namespace, pod.name) for pod in pods]
    api = NodeApi(node.server.kubeconfig)
    for pod, root in zip(pods[:2], roots, strict=False):
        Mounts(pod, root, api).refresh()
    api.close()
    node.client.delete(f"{url(SERVICES)}/leaving")

    until(lambda: not roots[0].exists())
    assert [root.exists() for root in roots[1:]] == [True, False]


def who(node: World, token: str) -> str:
    """Whom the API server takes the bearer of a token for; empty for nobody."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    with node.server.client(token=token) as client:
        answer: httpx.Response = client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json=body)
    return str(answer.json()["status"]["userInfo"]["username"]) if answer.status_code == 201 else ""
