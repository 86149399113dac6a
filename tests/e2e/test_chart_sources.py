"""Charts from everywhere that a claim may name: a team's own folder in Gitea, and a registry, by version."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import claims
from tests.e2e.box import SELDOM, Box
from tests.e2e.command import Infraforge
from tests.e2e.deployment import have_argocd_look, named, wait_deployed
from tests.e2e.person import Person
from tests.e2e.waiting import until

CLAIM, NAMESPACE = "appclaim/qa-apps", "qa"
REGISTRY = "oci://ghcr.io/infraforge/charts"
CHART = "apiVersion: v2\nname: till\nversion: 1.0.0\n"
TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {team: tills, edition: first}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      containers: [{name: till, image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"}]
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A sandbox with one environment, and with ArgoCD."""
    made = Box(Infraforge(tmp_path_factory.mktemp("charts")), options=SELDOM)
    try:
        made.up()
        made.apply(claims.bootstrap(nonprod=["qa"]))
        made.wait_true()
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def team(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody who has pushed a chart of their own, beside the embedded ones."""
    made = Person(tmp_path_factory.mktemp("team") / "clone", box.described["gitea"], repository="charts")
    made.start()
    made.write("till/Chart.yaml", CHART)
    made.write("till/templates/deployment.yaml", TEMPLATE)
    made.commit("A chart for tills")
    made.push()
    return made


def row(name: str, /, tag: str = "v1.0.0", replicas: int = 1, **chart: str) -> dict[str, Any]:
    made = claims.application(name, replicas=replicas) | {"chart": chart}
    made["image"]["tag"] = tag
    return made


def own(**options: Any) -> dict[str, Any]:
    return row("shop", name="till", source="repository", **options)


def pulled(version: str, **options: Any) -> dict[str, Any]:
    return row("front", name="web-service", source="oci", repository=REGISTRY, version=version, **options)


def apply(box: Box, *rows: dict[str, Any]) -> None:
    box.apply(claims.applications("qa-apps", "qa", rows, namespace=NAMESPACE))


def deployment(box: Box, name: str) -> Any:
    return named(box, "deployments", NAMESPACE)[name]


def charts(team: Person) -> str:
    """Git's name of the team's folder, and of the commit that `main` of the charts stands on."""
    team.git("fetch", "-q", "origin")
    return team.git("rev-parse", "origin/main:till", "origin/main")


def test_a_teams_own_chart_and_one_of_a_registry(box: Box, team: Person) -> None:
    """Both are called otherwise than their applications, and lie where the project allows it."""
    apply(box, own(), pulled("0.1.0"))
    wait_deployed(box)
    assert deployment(box, "qa-shop")["metadata"]["labels"]["team"] == "tills"
    assert deployment(box, "qa-front")["metadata"]["labels"]["helm.sh/chart"] == "web-service-0.1.0"
    allowed = named(box, "appprojects")["nonprod"]["spec"]["sourceRepos"]
    assert "ghcr.io/infraforge/**" in allowed
    (source, values) = named(box, "applications.argoproj.io")["qa-front"]["spec"]["sources"]
    assert (source["repoURL"], source["chart"], source["targetRevision"]) == (
        REGISTRY.removeprefix("oci://"),
        "web-service",
        "0.1.0",
    )
    assert values["ref"] == "values"


def test_a_new_version_of_a_chart_runs(box: Box, team: Person) -> None:
    """The same Deployment, rendered by the other version; the neighbour is not touched."""
    front, shop = deployment(box, "qa-front"), deployment(box, "qa-shop")
    apply(box, own(), pulled("0.2.0"))
    until(
        lambda: deployment(box, "qa-front")["metadata"]["labels"]["helm.sh/chart"] == "web-service-0.2.0",
        "the new version",
    )
    wait_deployed(box)
    assert deployment(box, "qa-front")["metadata"]["uid"] == front["metadata"]["uid"]
    assert deployment(box, "qa-shop")["metadata"]["generation"] == shop["metadata"]["generation"]


def test_a_version_that_does_not_exist(box: Box, team: Person) -> None:
    """It is said, with those that do; what runs stays, and the neighbour goes on."""
    front = deployment(box, "qa-front")
    apply(box, own(replicas=3), pulled("0.3.0", tag="v1.0.1"))
    message = box.wait_reason(CLAIM, NAMESPACE, "ChartMissing")
    assert message.startswith("front: applications[1].chart: ghcr.io/infraforge/charts/web-service has no version")
    assert "0.3.0; the nearest that exist: 0.2.0, 0.1.0" in message
    until(lambda: deployment(box, "qa-shop")["spec"]["replicas"] == 3, "the neighbour's replicas")
    assert deployment(box, "qa-front")["metadata"]["generation"] == front["metadata"]["generation"]
    rows = {one["name"]: one for one in box.get(CLAIM, NAMESPACE)["status"]["applications"]}
    assert {name: one["state"] for name, one in rows.items()} == {"shop": "Committed", "front": "Held"}
    apply(box, own(replicas=3), pulled("0.2.0", tag="v1.0.1"))
    wait_deployed(box)


def test_a_chart_that_nobody_has_pushed(box: Box, team: Person) -> None:
    """A folder that is not in Gitea is told with those that are."""
    apply(box, own(replicas=3), pulled("0.2.0"), row("later", name="tilt", source="repository"))
    message = box.wait_reason(CLAIM, NAMESPACE, "ChartMissing")
    assert '"tilt"' in message
    assert "till" in message.replace('"tilt"', "")
    apply(box, own(replicas=3), pulled("0.2.0"))
    wait_deployed(box)


def test_a_teams_chart_is_never_touched(box: Box, team: Person, tmp_path: Path) -> None:
    """Neither by a resync nor by functions that start anew; what the team pushes reaches what runs."""
    before = charts(team)
    box.end("bootstrap")
    box.up()
    box.ping()
    assert charts(team) == before
    uid = deployment(box, "qa-shop")["metadata"]["uid"]
    team.write("till/templates/deployment.yaml", TEMPLATE.replace("edition: first", "edition: second"))
    commit = team.commit("The second edition")
    team.push()
    have_argocd_look(box)
    until(lambda: deployment(box, "qa-shop")["metadata"]["labels"]["edition"] == "second", "the second edition")
    wait_deployed(box)
    assert deployment(box, "qa-shop")["metadata"]["uid"] == uid
    box.ping()
    assert charts(team).splitlines()[1] == commit
