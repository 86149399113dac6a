"""The cluster stack's releases, installed by the real `helm` into the sandbox's API server, in Terraform's order.

Terraform says which release comes when, and with what values; `helm` does what the helm provider would. Charts from
registries are not at hand, and nothing runs here but the API server: hooks (the setup Job) are left out.
"""

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import tools
from tests.infrastructure.life import ROOT, Life
from tests.infrastructure.test_cluster import CHARTS, NAMESPACES, values_of
from tests.sandbox.apiserver.conftest import Running, start

SOURCES = {"namespaces": CHARTS / "namespaces", "infraforge": ROOT / "knative", "claims": CHARTS / "claims"}
"""The releases whose charts are here, as the cluster stack calls them."""

CLAIMS = (
    "/apis/platform.infraforge.io/v1alpha1/namespaces/platform-system/bootstrapclaims/platform-bootstrap",
    "/apis/platform.infraforge.io/v1alpha1/namespaces/platform-system/infrastructureclaims/dev-infrastructure",
)


@dataclass(frozen=True)
class Cluster:
    """An API server, and `helm` with the releases of a life."""

    server: Running
    helm: Path
    folder: Path
    life: Life

    def run(self, name: str, verb: str, *arguments: str) -> str:
        """What helm says of the release that the stack calls `name`."""
        release = self.life.resources("cluster")[f"helm_release.{name}"]
        command = [verb, release["name"], *arguments, "--namespace", release["namespace"]]
        home = {variable: str(self.folder) for variable in ("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME")}
        run = subprocess.run(
            [self.helm, *command, "--no-hooks", "--kubeconfig", self.server.kubeconfig],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=home,
        )
        assert run.returncode == 0, f"helm {' '.join(command)}: {run.stderr}"
        return run.stdout

    def install(self, name: str) -> None:
        """What the helm provider does with a release that is new or has changed."""
        values = self.folder / f"{name}.json"
        values.write_text(json.dumps(values_of(self.life, name)))
        self.run(name, "upgrade", "--install", str(SOURCES[name]), "--values", str(values))

    def get(self, path: str) -> dict[str, Any]:
        """An object, which has to be there."""
        with self.server.client() as client:
            answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def order(life: Life) -> list[str]:
    """The releases whose charts are here, as Terraform completed them."""
    complete = re.findall(r"^helm_release\.(\w+): Creation complete", life.said["up"], re.M)
    return [name for name in complete if name in SOURCES]


@pytest.fixture(scope="module")
def cluster(life: Life, order: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with Knative's kinds, and all of the stack that is here installed."""
    try:
        helm = tools.helm()
    except tools.MissingToolError as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("releases")
    server = start(folder / "data", "--crds", str(ROOT / "sandbox" / "knative" / "crds.yaml"))
    try:
        cluster = Cluster(server, helm, folder, life)
        for name in order:
            if name == "infraforge":
                _admin_secret(cluster)
            cluster.install(name)
        yield cluster
    finally:
        server.stop()


def _admin_secret(cluster: Cluster) -> None:
    """The Secret that the kubernetes provider writes, with the password that Secrets Manager made."""
    data = {
        name: base64.b64encode(text.encode()).decode()
        for name, text in json.loads(cluster.life.facts["passwords"][0]).items()
    }
    with cluster.server.client() as client:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gitea-admin"}, "data": data}
        client.post("/api/v1/namespaces/platform-system/secrets", json=secret).raise_for_status()


def test_the_order_works(cluster: Cluster, order: list[str]) -> None:
    """Each release finds what it needs: the namespaces, the Secret, the claims' kinds."""
    assert order == ["namespaces", "infraforge", "claims"]
    assert [cluster.get(path)["kind"] for path in CLAIMS] == ["BootstrapClaim", "InfrastructureClaim"]
    service = "/apis/serving.knative.dev/v1/namespaces/platform-system/services/infraforge-bootstrap"
    (container,) = cluster.get(service)["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith(f"{cluster.life.outputs['cloud']['image_repository']}/bootstrap:")


@pytest.mark.parametrize(("name", "level"), NAMESPACES.items())
def test_pod_security_is_enforced(cluster: Cluster, name: str, level: str) -> None:
    """By the namespace's label, from before the first pod."""
    labels = cluster.get(f"/api/v1/namespaces/{name}")["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == level


def test_another_apply_leaves_the_claims_alone(cluster: Cluster) -> None:
    """An upgrade with the same values is no change of a claim: no event, no work for a function."""
    before = [cluster.get(path)["metadata"]["resourceVersion"] for path in CLAIMS]
    cluster.install("claims")

    assert [cluster.get(path)["metadata"]["resourceVersion"] for path in CLAIMS] == before


def test_destroy_leaves_claims_and_namespaces(cluster: Cluster, order: list[str]) -> None:
    """A destroyed stack leaves what people wrote, and a new apply takes it over."""
    uids = {path: cluster.get(path)["metadata"]["uid"] for path in (*CLAIMS, "/api/v1/namespaces/gitea")}
    for name in reversed(order):
        cluster.run(name, "uninstall")

    assert {path: cluster.get(path)["metadata"]["uid"] for path in uids} == uids
    for name in order:
        cluster.install(name)
    assert {path: cluster.get(path)["metadata"]["uid"] for path in uids} == uids
