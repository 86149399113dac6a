"""The chart in an OCI registry: pushed and installed with real Helm, against Debian's docker-registry."""

import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from tests import tools
from tests.charts.engine import documents
from tests.knative.rendering import CHART, NAMESPACE, RELEASE, render
from tests.sandbox.apiserver.conftest import ROOT, free_port, start

START_LIMIT = 20.0
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]


HOMES = ("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
"""Where helm leaves what it has seen of a cluster, as variables."""


@dataclass(frozen=True)
class Registry:
    """A registry without TLS on loopback, and the command that speaks to it."""

    port: int
    helm: Path
    folder: Path

    @property
    def address(self) -> str:
        return f"oci://127.0.0.1:{self.port}/charts"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        home = {name: str(self.folder / name) for name in HOMES}
        return subprocess.run(
            [str(self.helm), *arguments], capture_output=True, text=True, timeout=120, check=True, env=home
        )


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    command = shutil.which("docker-registry")
    if command is None:
        pytest.skip("docker-registry is not on PATH: apt install docker-registry")
    try:
        helm = tools.helm()
    except tools.MissingToolError as error:
        pytest.skip(str(error))
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    settings = folder / "config.yml"
    settings.write_text(
        yaml.safe_dump(
            {
                "version": 0.1,
                "log": {"level": "error"},
                "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    process = subprocess.Popen([command, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port, process)
        yield Registry(port, helm, folder)
    finally:
        process.terminate()
        process.wait(10)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_LIMIT
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)  # a process that starts tells nobody when it listens
    pytest.fail(f"docker-registry does not listen: exit code {process.poll()}")


@pytest.fixture(scope="module")
def pushed(registry: Registry) -> Registry:
    """The registry with the chart in it."""
    registry.run("package", str(CHART), "--destination", str(registry.folder))
    registry.run("push", str(registry.folder / f"infraforge-{VERSION}.tgz"), registry.address, "--plain-http")
    return registry


def test_the_package_holds_the_chart_and_nothing_else(pushed: Registry) -> None:
    with tarfile.open(pushed.folder / f"infraforge-{VERSION}.tgz") as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    own = {str(path.relative_to(CHART)) for path in CHART.rglob("*") if path.is_file()}

    assert packed == own


def test_the_registry_lists_it(pushed: Registry) -> None:
    """Under the chart's name and version, as any registry does."""
    answer = httpx.get(f"http://127.0.0.1:{pushed.port}/v2/charts/infraforge/tags/list", trust_env=False)

    assert answer.json() == {"name": "charts/infraforge", "tags": [VERSION]}


def test_what_comes_back_renders_the_same(pushed: Registry) -> None:
    chart = f"{pushed.address}/infraforge"
    printed = pushed.run("template", RELEASE, chart, "--version", VERSION, "--plain-http", "-n", NAMESPACE).stdout

    assert _sorted(documents(printed)) == _sorted(render())


def test_it_installs_from_the_registry(pushed: Registry, tmp_path: Path) -> None:
    crds = [flag for one in ("knative", "argocd") for flag in ("--crds", str(ROOT / "sandbox" / one / "crds.yaml"))]
    server = start(tmp_path / "server", "--namespaces", f"{NAMESPACE},argocd", *crds)
    try:
        where = ("--kubeconfig", str(server.kubeconfig), "-n", NAMESPACE)
        chart = (f"{pushed.address}/infraforge", "--version", VERSION, "--plain-http")
        printed = pushed.run("install", RELEASE, *chart, *where, "--set", "setup.enabled=false").stdout
        with server.client() as client:
            path = f"/apis/serving.knative.dev/v1/namespaces/{NAMESPACE}/services"
            names = [one["metadata"]["name"] for one in client.get(path).json()["items"]]
    finally:
        server.stop()

    assert "STATUS: deployed" in printed
    assert sorted(names) == [f"infraforge-{name}" for name in ("application", "bootstrap", "deadletters", "platform")]


def _sorted(objects: list[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(objects, key=str)
