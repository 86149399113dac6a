"""`python -m sandbox.argocd` as a process: its probe, its end, and what it says when it cannot start."""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.sandbox.apiserver.conftest import ROOT, free_port, start

CRDS = ROOT / "sandbox/argocd/crds.yaml"


@pytest.mark.parametrize("kubeconfig", ["nothing here", "clusters: []"])
def test_a_kubeconfig_that_is_none_is_named(tmp_path: Path, kubeconfig: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig)
    done = _run(tmp_path, file, 1)
    assert done.returncode == 1
    assert done.stderr.startswith("ArgoCD does not start: ")
    assert "Traceback" not in done.stderr


def test_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """Ready when every watch is open, and gone at once with status 0."""
    crds = tmp_path / "crds"
    crds.mkdir()
    for number, document in enumerate(CRDS.read_text().split("\n---\n")):
        (crds / f"{number}.yaml").write_text(document)
    api = start(tmp_path / "api", "--namespaces", "argocd", "--crds", str(crds))
    port = free_port()
    process = subprocess.Popen(_command(tmp_path, api.kubeconfig, port), cwd=ROOT)
    try:
        until = time.monotonic() + 20
        while not _ready(port):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)  # a process that starts tells nobody when it is ready
        with api.client() as client:
            found = client.get("/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/default")
            assert found.json()["spec"]["sourceRepos"] == ["*"]
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        api.stop()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def _command(folder: Path, kubeconfig: Path, port: int) -> list[str]:
    where = ["--kubeconfig", str(kubeconfig), "--data-dir", str(folder / "data"), "--gitea-url", "http://gitea.test"]
    return [sys.executable, "-m", "sandbox.argocd", "--port", str(port), *where]


def _run(folder: Path, kubeconfig: Path, port: int) -> "subprocess.CompletedProcess[str]":
    command = _command(folder, kubeconfig, port)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
