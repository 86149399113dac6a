"""The controllers inside a real server process, as kubectl and a restart see them."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.apiserver.conftest import Running, start
from tests.sandbox.apiserver.test_kubectl import installed

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'nginx:1'}]}
"""


def kubectl(running: Running, *arguments: str, stdin: str = "") -> str:
    """Run the wheel's kubectl and return what it says."""
    program = installed("wheel")
    if program is None:
        pytest.skip("no kubectl")
    command = [program, "--kubeconfig", str(running.kubeconfig), "--cache-dir", str(running.data / "cache")]
    result = subprocess.run(
        [*command, *arguments], input=stdin, capture_output=True, text=True, timeout=30, env=os.environ, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_rollout_status(tmp_path: Path) -> None:
    """`kubectl rollout status` waits until the replicas are there, and `get` shows them; a stop is clean."""
    running = start(tmp_path / "data", "--workloads-ready-after", "0.3")
    try:
        kubectl(running, "apply", "-f", "-", stdin=DEPLOYMENT)
        assert "successfully rolled out" in kubectl(running, "rollout", "status", "deploy/web", "--timeout", "20s")
        assert "2/2" in kubectl(running, "get", "deploy", "web")
    finally:
        assert running.stop() == 0


def test_without_the_setting_nothing_lives(tmp_path: Path) -> None:
    """A server that plays no controllers leaves status alone, as the recordings of ArgoCD need it."""
    running = start(tmp_path / "data")
    try:
        kubectl(running, "apply", "-f", "-", stdin=DEPLOYMENT)
        assert kubectl(running, "get", "deploy", "web", "-o", "jsonpath={.status}") in ("", "{}")
    finally:
        assert running.stop() == 0
