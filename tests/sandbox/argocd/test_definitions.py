"""The stand-in on ArgoCD's own definitions, as a real cluster has them: nothing that it writes is refused or lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox.argocd.api import APPLICATION, APPLICATION_SET
from tests.sandbox.argocd.running import (
    DEPLOYMENT,
    Servers,
    World,
    application,
    application_set,
    folder_spec,
    git,
    until,
    world,
)
from tests.sandbox.argocd.running import NAMESPACE as ARGOCD
from tests.sandbox.timeline.charts import charts
from tests.sandbox.timeline.forge import Server

SCHEMAS = Path(__file__).parents[4] / "shared" / "schemas" / "argocd"
pytestmark = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="no copy of ArgoCD's definitions beside the repository")


@pytest.fixture(scope="module")
def real(servers: Servers, forges: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all: those definitions take a while to be read."""
    forge, folder = forges.forge("definitions"), tmp_path_factory.mktemp("definitions") / "world"
    definitions = [yaml.safe_load(file.read_text()) for file in sorted(SCHEMAS.glob("*-crd.yaml"))]
    with world(servers, folder, forge, definitions=definitions) as made:
        yield made


def test_a_set_and_its_applications(real: World) -> None:
    """One that deploys, one that does not render, one that tries again and again; then a new image."""
    real.forge.push("argo/charts", charts())
    good = "image: {repository: ghcr.io/x/y, tag: '1'}\n"
    values = {"user-service": good, "order-service": "image: [broken\n", "none": good}
    real.forge.push("argo/voltran", {f"apps/{name}/values.yaml": text for name, text in values.items()})
    real.api.create(APPLICATION_SET, application_set("apps", folder_spec()))
    until(lambda: real.status("user-service")[::2] == ("Synced", "Succeeded"))
    until(lambda: all(real.status(name)[0] == "Unknown" for name in ("order-service", "none")))
    until(lambda: real.argocd.idle)
    status = real.application("user-service")["status"]
    assert {"controllerNamespace", "history", "operationState", "reconciledAt", "resourceHealthSource"} <= set(status)
    assert status["operationState"]["syncResult"]["resources"][1]["images"] == ["ghcr.io/x/y:1"]
    live = real.api.get(APPLICATION_SET, ARGOCD, "apps") or {}
    assert [one["type"] for one in live["status"]["conditions"]] == [
        "ErrorOccurred",
        "ParametersGenerated",
        "ResourcesUpToDate",
    ]
    assert live["status"]["health"]["status"] == "Healthy"
    assert live["status"]["resourcesCount"] == 3
    real.forge.push("argo/voltran", {"apps/user-service/values.yaml": good.replace("'1'", "'2'")})
    real.refresh("user-service")
    until(lambda: _image(real) == "ghcr.io/x/y:2")


def test_an_operation_that_is_tried_again(real: World) -> None:
    """Its count and its message are kept, and it can be ended."""
    real.forge.push("argo/charts", charts())
    where = {"server": "https://kubernetes.default.svc", "namespace": "nonesuch"}
    real.api.create(APPLICATION, application("lost", git("order-service", "argo/charts"), destination=where))
    until(lambda: "retryCount" in str(real.application("lost").get("status")))
    state = real.application("lost")["status"]["operationState"]
    assert (state["phase"], state["retryCount"]) == ("Running", 1)
    assert 'namespaces "nonesuch" not found. Retrying attempt #1 at ' in state["message"]
    real.api.patch(APPLICATION, ARGOCD, "lost", {"status": {"operationState": {"phase": "Terminating"}}})
    until(lambda: real.status("lost")[2] == "Failed")
    until(lambda: "conditions" in real.application("lost")["status"])
    (condition,) = real.application("lost")["status"]["conditions"]
    assert condition["message"].endswith("Operation terminated (retried 1 times).")


def _image(here: World) -> str:
    found = here.api.get(DEPLOYMENT, "dev", "user-service") or {}
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])
