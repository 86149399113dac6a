"""Real Helm against the API server and the node: hooks and tests are waited for, and their outcome is Helm's."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.apiserver.conftest import Running, start
from tests.sandbox.node.running import NAMESPACE, World, url, world
from tests.tools import MissingToolError, helm

HOOK = """
apiVersion: batch/v1
kind: Job
metadata:
  name: setup
  labels: {app.kubernetes.io/part-of: infraforge}
  annotations: {helm.sh/hook: pre-install, helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded"}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - {name: setup, image: "ghcr.io/infraforge/bootstrap:1", command: [python, -c, "raise SystemExit(%s)"]}
"""
TEST = """
apiVersion: v1
kind: Pod
metadata:
  name: test
  labels: {app.kubernetes.io/part-of: infraforge}
  annotations: {helm.sh/hook: test, helm.sh/hook-delete-policy: before-hook-creation}
spec:
  restartPolicy: Never
  containers:
    - {name: test, image: "ghcr.io/infraforge/bootstrap:1", command: [python, -c, "raise SystemExit(%s)"]}
"""
CONTENT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: installed}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A node and an API server for all of these."""
    server: Running = start(tmp_path_factory.mktemp("apiserver"), "--namespaces", NAMESPACE)
    with server.client() as client:
        client.post(url("v1/serviceaccounts"), json={"metadata": {"name": "default"}})
    with world(server, tmp_path_factory.mktemp("node"), "--back-off", "0.1") as made:
        yield made
    server.stop()


def run(node: World, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm with state of its own."""
    try:
        program = helm()
    except MissingToolError as missing:
        pytest.skip(str(missing))
    environment = os.environ | {"HELM_CACHE_HOME": str(folder), "KUBECONFIG": str(node.server.kubeconfig)}
    command = [str(program), *arguments, "--namespace", NAMESPACE, "--timeout", "30s"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def chart(folder: Path, *, hook: int, test: int) -> str:
    """A chart whose hook and whose test end with these exit codes."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: toy, version: 1.0.0}")
    for name, text in (("hook", HOOK % hook), ("test", TEST % test), ("content", CONTENT)):
        (folder / "templates" / f"{name}.yaml").write_text(text)
    return str(folder)


@pytest.mark.parametrize("test", [0, 1])
def test_an_installation_and_its_test(test: int, node: World, tmp_path: Path) -> None:
    """`helm install --wait` goes on when the hook has succeeded and takes it away; `helm test` says how it ended."""
    installed = run(node, tmp_path, "install", "toy", chart(tmp_path / "toy", hook=0, test=test), "--wait")
    assert installed.returncode == 0, installed.stderr
    assert node.get("batch/v1/jobs", "setup") is None
    assert node.pods_of("setup") == []
    tested = run(node, tmp_path, "test", "toy")
    removed = run(node, tmp_path, "uninstall", "toy", "--wait")

    assert (tested.returncode, removed.returncode) == (test, 0), tested.stderr + removed.stderr
    assert ("Phase:          Succeeded" in tested.stdout) is (test == 0)


def test_a_hook_that_fails_stops_the_installation(node: World, tmp_path: Path) -> None:
    failed = run(node, tmp_path, "install", "broken", chart(tmp_path / "toy", hook=3, test=0), "--wait")

    assert failed.returncode == 1
    assert "BackoffLimitExceeded" in failed.stderr or "failed" in failed.stderr
    assert node.get("v1/configmaps", "installed") is None
    assert [one["status"]["phase"] for one in node.pods_of("setup")] == ["Failed"]
