"""Two clusters, each with its own functions and ArgoCD, deploy from one Gitea: nothing crosses over."""

import base64
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shared.argocd import API_VERSION
from tests.e2e import claims
from tests.e2e.box import FUNCTIONS, SELDOM, Box, reference
from tests.e2e.command import Infraforge
from tests.e2e.deployment import have_argocd_look, named, objects, wait_deployed
from tests.e2e.repository import Bare
from tests.e2e.waiting import until

CHARTS = Path(__file__).resolve().parents[2] / "charts"
ENVIRONMENTS = {"nonprod": "dev", "prod": "prod"}
KINDS = ",".join(
    (
        *("applications.argoproj.io", "applicationsets", "appprojects", "deployments", "statefulsets", "services"),
        *("configmaps", "networkpolicies", "serviceaccounts", "persistentvolumeclaims", "poddisruptionbudgets"),
        *("secrets", "namespaces", "bootstrapclaims", "applicationclaims", "platformclaims"),
    )
)
STILL = 4
"""Looks at a cluster that must be alike for it to be at rest."""


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Box]]:
    """By the cluster type that each serves, all claims of both Deployed."""
    first = Box(Infraforge(tmp_path_factory.mktemp("nonprod")), options=SELDOM)
    second = Box(Infraforge(tmp_path_factory.mktemp("prod")), options=SELDOM, host=first)
    found = {"nonprod": first, "prod": second}
    try:
        gitea = first.up().described["gitea"]
        tokens = tmp_path_factory.mktemp("tokens")
        for name in ("gitea", "argocd"):
            data = first.get(f"secret/infraforge-{name}", "platform-system")["data"]
            (tokens / f"{name}-token").write_bytes(base64.b64decode(data["token"]))
        second.options = (*SELDOM, "--gitea-url", gitea["url"], "--gitea-token-file", str(tokens / "gitea-token"))
        second.options += ("--argocd-token-file", str(tokens / "argocd-token"))
        second.up()
        serve(found)
        for type_, box in found.items():
            box.apply(*platform(type_))
        for box in found.values():
            wait_deployed(box)
        yield found
    finally:
        second.down()
        first.down()


def serve(boxes: dict[str, Box], **settings: str) -> None:
    """Start the functions of each anew for its own type alone, with further settings."""
    with ThreadPoolExecutor(len(boxes) * len(FUNCTIONS)) as pool:
        starting = [
            pool.submit(box.restart, name, {"INFRAFORGE_CLUSTER_TYPES": json.dumps([type_]), **settings})
            for type_, box in boxes.items()
            for name in FUNCTIONS
        ]
        for one in starting:
            one.result()


def platform(type_: str) -> list[dict[str, Any]]:
    """The same BootstrapClaim in both, and what one of them runs."""
    environment = ENVIRONMENTS[type_]
    services = {"clusterType": type_, "environment": environment, "services": [{"name": "redis"}]}
    rows = [claims.application("shop"), claims.application("blog")]
    return [
        claims.bootstrap(**{one: [name] for one, name in ENVIRONMENTS.items()}),
        claims.applications(f"{environment}-apps", environment, rows, namespace=environment, type_=type_),
        claims.claim("PlatformClaim", "platform-services", f"{environment}-platform", services),
    ]


def state(box: Box) -> dict[str, tuple[str, str]]:
    """Every object of a cluster, by uid and what it is.

    That is its resourceVersion, so that any write shows; of ArgoCD's own it is the spec, since ArgoCD writes down each
    revision that it has compared them with.
    """
    return {
        f"{one['kind']}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}": (
            one["metadata"]["uid"],
            json.dumps(one["spec"]) if one["apiVersion"] == API_VERSION else one["metadata"]["resourceVersion"],
        )
        for one in objects(box, KINDS)
    }


def at_rest(box: Box) -> dict[str, tuple[str, str]]:
    """The state of a cluster in which all that was begun is done."""
    seen = [state(box)]

    def look() -> bool:
        seen.append(state(box))
        return len(seen) > STILL and all(one == seen[-1] for one in seen[-STILL:])

    until(look, "nothing is written any more")
    return seen[-1]


def part(box: Box, type_: str) -> dict[str, str]:
    """The files of a cluster type in `voltran`."""
    return {path: what for path, what in box.voltran.tree().items() if path.split("/")[1] == type_}


def test_each_deploys_its_own_type(boxes: dict[str, Box]) -> None:
    """No set, Application, project or workload of the other one's is in either API server."""
    for type_, box in boxes.items():
        environment = ENVIRONMENTS[type_]
        other = next(name for one, name in ENVIRONMENTS.items() if one != type_)
        assert named(box, "applicationsets").keys() == {f"{environment}-apps", f"{environment}-platform"}
        assert named(box, "applications.argoproj.io").keys() == {
            *(f"{type_}-apps", f"{type_}-platform"),
            *(f"{environment}-shop", f"{environment}-blog", f"{environment}-platform-redis"),
        }
        projects = {f"infraforge-namespaces-{type_}", "infraforge-root", type_}
        assert {one for one in named(box, "appprojects") if one != "default"} == projects
        deployments = {reference(one) for one in objects(box, "deployments,statefulsets,persistentvolumeclaims")}
        assert {f"Deployment/{environment}/{environment}-shop"} < deployments
        assert not [one for one in state(box) if f"/{other}-" in one]


@pytest.fixture
def changed_charts(tmp_path: Path) -> Path:
    """The embedded charts, of which one is another."""
    folder = tmp_path / "charts"
    shutil.copytree(CHARTS, folder)
    file = folder / "user-service" / "values.yaml"
    text = file.read_text(encoding="utf-8")
    assert "\nrollingUpdate:\n" in text
    file.write_text(text.replace("maxSurge: 25%", "maxSurge: 50%"), encoding="utf-8")
    return folder


def surges(box: Box, namespace: str) -> set[str]:
    """What the Deployments say of their rolling updates."""
    found = named(box, "deployments", namespace).values()
    return {one["spec"]["strategy"]["rollingUpdate"]["maxSurge"] for one in found}


def revisions(box: Box) -> set[str]:
    """The revisions of the embedded charts that the Applications of a cluster use."""
    sources = [one["spec"].get("sources") for one in named(box, "applications.argoproj.io").values()]
    return {one[0]["targetRevision"] for one in sources if one and one[0]["repoURL"].endswith("/charts.git")}


def test_an_upgrade_of_one_changes_nothing_of_the_other(boxes: dict[str, Box], changed_charts: Path) -> None:
    """New functions with a new chart in nonprod: its workloads get it, and prod is the same to the last byte."""
    nonprod, prod = boxes["nonprod"], boxes["prod"]
    have_argocd_look(prod)
    wait_deployed(prod)
    files, old = part(prod, "prod"), revisions(prod)
    charts = Bare(nonprod.voltran.path.with_name("charts.git"), nonprod.voltran.gitea_log)
    before, main = at_rest(prod), charts.head()
    serve({"nonprod": nonprod}, INFRAFORGE_CHARTS_DIR=str(changed_charts))
    nonprod.ping()
    until(lambda: surges(nonprod, "dev") == {"50%"}, "nonprod's workloads are of the new chart")
    wait_deployed(nonprod)
    newest = charts.head()
    assert newest != main, "the new chart is on the main of the charts"
    assert revisions(nonprod).isdisjoint(old)

    assert state(prod) == before, "not a write in prod's cluster"
    serve({"prod": prod})
    prod.ping()
    assert state(prod) == before, "nor by its functions, which start anew with the older charts"
    assert charts.head() == newest, "and do not put them back"
    have_argocd_look(prod)
    assert at_rest(prod) == before, "nor by an ArgoCD that has seen what nonprod pushed"
    assert files
    assert part(prod, "prod") == files
    assert revisions(prod) == old
    assert surges(prod, "prod") == {"25%"}
