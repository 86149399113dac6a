"""Pods: stored with the real server's defaults, shown as kubectl shows them, and never run here."""

from typing import Any

import httpx
import pytest

from tests.sandbox.apiserver.conftest import Running

MERGE = {"Content-Type": "application/merge-patch+json"}
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
SPEC: dict[str, Any] = {"containers": [{"name": "main", "image": "registry.test/tool"}], "restartPolicy": "Never"}


@pytest.fixture
def pod(client: httpx.Client, namespace: str) -> str:
    """A pod's path."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    client.post(path, json={"metadata": {"name": "one"}, "spec": SPEC}).raise_for_status()
    return f"{path}/one"


def test_defaults(client: httpx.Client, pod: str) -> None:
    """What an author leaves out is filled in as on a cluster."""
    found = client.get(pod).json()

    assert found["spec"]["serviceAccountName"] == "default"
    assert found["spec"]["restartPolicy"] == "Never"
    assert found["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert found["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert found["metadata"]["generation"] == 1


CASES: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("nobody took it", {}, "0/1", "Pending", "0"),
    (
        "it runs",
        {"phase": "Running", "containerStatuses": [{"ready": True, "restartCount": 2, "state": {"running": {}}}]},
        "1/1",
        "Running",
        "2",
    ),
    (
        "it waits",
        {"containerStatuses": [{"ready": False, "state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
        "0/1",
        "ImagePullBackOff",
        "0",
    ),
    (
        "it ended well",
        {
            "phase": "Succeeded",
            "containerStatuses": [{"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
        },
        "0/1",
        "Completed",
        "0",
    ),
    (
        "it ended ill",
        {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]},
        "0/1",
        "ExitCode:3",
        "0",
    ),
]


@pytest.mark.parametrize(
    ("status", "ready", "shown", "restarts"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_columns(client: httpx.Client, pod: str, status: dict[str, Any], ready: str, shown: str, restarts: str) -> None:
    """The status that a node writes is what `kubectl get pods` tells."""
    complete = {"image": "x", "imageID": "", "name": "main", "ready": False, "restartCount": 0}
    containers = [complete | one for one in status.get("containerStatuses", ())]
    body = {"status": status | {"containerStatuses": containers}}
    client.patch(f"{pod}/status", json=body, headers=MERGE).raise_for_status()

    cells = client.get(pod, headers=TABLE).json()["rows"][0]["cells"]

    assert cells[:4] == ["one", ready, shown, restarts]


def test_a_pod_stays_what_it_is(client: httpx.Client, pod: str) -> None:
    """Its image may change, its command may not."""
    image = {"spec": {"containers": [{"name": "main", "image": "registry.test/tool:2"}]}}
    command = {"spec": {"containers": [{"name": "main", "image": "registry.test/tool", "command": ["sh"]}]}}
    strategic = {"Content-Type": "application/strategic-merge-patch+json"}

    assert client.patch(pod, json=image, headers=strategic).status_code == 200
    refused = client.patch(pod, json=command, headers=strategic)
    assert refused.status_code == 422
    assert "pod updates may not change fields other than `spec.containers[*].image`" in refused.json()["message"]


def test_a_pod_without_containers(client: httpx.Client, namespace: str) -> None:
    """It is refused, and so is a mount without its volume."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    mounting = {"containers": [{"name": "a", "image": "b", "volumeMounts": [{"name": "c", "mountPath": "/c"}]}]}

    none = client.post(path, json={"metadata": {"name": "none"}, "spec": {"containers": []}})
    lost = client.post(path, json={"metadata": {"name": "lost"}, "spec": mounting})

    assert (none.status_code, none.json()["details"]["causes"][0]["field"]) == (422, "spec.containers")
    assert 'spec.containers[0].volumeMounts[0].name: Not found: "c"' in lost.json()["message"]


def test_a_pod_needs_its_account(client: httpx.Client, namespace: str) -> None:
    """An account that is named has to be there first, in the words of the real server's admission."""
    path = f"/api/v1/namespaces/{namespace}"
    body = {"metadata": {"name": "one"}, "spec": SPEC | {"serviceAccountName": "worker"}}

    refused = client.post(f"{path}/pods", json=body)
    client.post(f"{path}/serviceaccounts", json={"metadata": {"name": "worker"}}).raise_for_status()

    text = f'error looking up service account {namespace}/worker: serviceaccount "worker" not found'
    assert (refused.status_code, refused.json()["message"]) == (403, f'pods "one" is forbidden: {text}')
    assert client.post(f"{path}/pods", json=body).status_code == 201


def test_logs(client: httpx.Client, server: Running, pod: str, namespace: str) -> None:
    """What the node wrote is the log; before that the container is about to start."""
    before = client.get(f"{pod}/log")
    folder = server.data / "pod-logs" / namespace / "one"
    folder.mkdir(parents=True)
    (folder / "main.log").write_text("first\nsecond\n")

    assert before.json()["message"] == 'container "main" in pod "one" is waiting to start: ContainerCreating'
    assert client.get(f"{pod}/log").text == "first\nsecond\n"
    assert client.get(f"{pod}/log?tailLines=1").text == "second\n"
    other = client.get(f"{pod}/log?container=other")
    assert (other.status_code, other.json()["message"]) == (400, "container other is not valid for pod one")


def test_selected_by_phase(client: httpx.Client, pod: str) -> None:
    """As a node selects the pods that it has to look at."""
    assert pod
    path = pod.rpartition("/")[0]

    assert len(client.get(f"{path}?fieldSelector=status.phase%3DPending").json()["items"]) == 1
    assert client.get(f"{path}?fieldSelector=status.phase%3DRunning").json()["items"] == []
