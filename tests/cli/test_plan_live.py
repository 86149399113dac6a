"""`infraforge plan` against a cluster: a real stand-in of the Kubernetes API, and a clone of voltran."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.cluster import Cluster
from cli.plan.command import CHANGES, exit_code
from cli.plan.document import document
from cli.plan.planning import plan
from cli.plan.surroundings import Folders, Sites
from tests.cli.api import GROUP, Api
from tests.cli.conftest import Infraforge
from tests.cli.planned import (
    Document,
    Repository,
    application,
    applications,
    bootstrap,
    no_gitea,
    services,
    written,
)

OK, FAILED = 0, 1
SHOP, CART = application("shop"), application("cart")
POSTGRES = {"name": "postgres", "values": {"auth": {"database": "shop"}}}
STARTED = (bootstrap(), services(POSTGRES), applications(SHOP, CART))
FINALIZER = "platform.infraforge.io/cleanup"


@dataclass
class Place:
    """A cluster with claims, and the clone that they came to."""

    api: Api
    repository: Repository
    folder: Path

    def json(self, given: Any, code: int) -> Any:
        """As `-o json` prints it."""
        cluster = Cluster.of(self.api.running.kubeconfig)
        with cluster.http:
            report = plan(
                [written(self.folder, given)], cluster, Sites(no_gitea, Folders(self.repository.folder)), None
            )
        assert exit_code(report) == code, report
        return json.loads(json.dumps(document(report, code)))

    def one(self, given: Document, code: int) -> Any:
        """The plan of one claim."""
        (found,) = self.json([given], code)["claims"]
        return found

    def versions(self) -> dict[str, str]:
        """Every claim, Secret, Event and namespace there is, with its resourceVersion."""
        kinds = [f"{GROUP}/{name}claims" for name in ("bootstrap", "infrastructure", "platform", "application")]
        kinds += ["/api/v1/secrets", "/api/v1/events", "/api/v1/namespaces"]
        listed = [(kind, one["metadata"]) for kind in kinds for one in self.api.ask("GET", kind)["items"]]
        return {f"{kind} {one.get('namespace')}/{one['name']}": one["resourceVersion"] for kind, one in listed}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    served = Api.start(tmp_path_factory.mktemp("apiserver"))
    for one in STARTED:
        served.create(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"], one["spec"], FINALIZER)
    clusters = [{"type": "nonprod", "environments": ["dev", "qa"]}]
    charts = {"charts": {"revision": "embedded-1"}, "platformCharts": {"revision": "embedded-2"}}
    status = {"phase": "Bootstrapped", "clusters": clusters, "rootApps": ["nonprod-apps"], **charts}
    served.set_status("BootstrapClaim", "platform-system", "platform", status)
    yield served
    served.running.stop()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository.made(tmp_path_factory.mktemp("clone") / "voltran", *STARTED)


@pytest.fixture
def place(api: Api, repository: Repository, tmp_path: Path) -> Place:
    return Place(api, repository, tmp_path)


def test_nothing_is_written_anywhere(place: Place) -> None:
    """Not by a plan of everything: new claims, changed ones, a removal, passwords and copies of them."""
    before, fingerprint = place.versions(), place.repository.fingerprint()
    bound = application("shop", "v2", bindings=["postgres"])
    given = [bootstrap("dev", "qa", "eu"), services(POSTGRES, {"name": "redis"}), applications(bound)]
    found = place.json([*given, applications(SHOP, environment="eu", name="eu")], CHANGES)
    assert all(one["files"] and not one["errors"] for one in found["claims"])
    assert (place.versions(), place.repository.fingerprint()) == (before, fingerprint)


def test_the_environment_is_what_the_cluster_says(place: Place) -> None:
    """The charts' revision is the installation's, and not that of the command's own charts."""
    found = place.one(applications(SHOP, CART), CHANGES)
    assert found["claim"] == "unchanged"
    (file,) = found["files"]
    assert "+          targetRevision: embedded-1\n" in file["diff"]


def test_the_claim_there_is_compared(place: Place) -> None:
    assert place.one(applications(SHOP), CHANGES)["claim"] == "changed"
    assert place.one(applications(SHOP, environment="qa", name="qa"), CHANGES)["claim"] == "created"


def test_what_others_have_set_is_told(place: Place) -> None:
    """The claim was made by another manager, so a server-side apply would keep its rows."""
    (note,) = place.one(applications(SHOP), CHANGES)["notes"]
    assert note.startswith("applied server-side, it would keep what others have set in the claim (spec.applications")


def test_a_second_claim_for_an_environment_is_refused(place: Place) -> None:
    (error,) = place.one(applications(SHOP, name="second"), FAILED)["errors"]
    assert (error["reason"], "belongs to ApplicationClaim dev/apps" in error["message"]) == (
        "EnvironmentConflict",
        True,
    )


def test_what_may_never_change_is_said_once(place: Place) -> None:
    errors = place.one(applications(SHOP, environment="qa"), FAILED)["errors"]
    assert [(one["field"], one["reason"]) for one in errors] == [("spec.environment", "Immutable")]


def test_what_only_the_api_server_knows_is_asked(place: Place) -> None:
    lost = applications(SHOP, environment="qa", name="lost")
    lost["metadata"]["namespace"] = "nowhere"
    errors = place.one(lost, FAILED)["errors"]
    assert ['namespaces "nowhere" not found' in one["message"] for one in errors] == [True]


def test_a_removal_names_the_volume_claims_there_are(place: Place) -> None:
    labels = {"app.kubernetes.io/instance": "dev-platform-postgres"}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    volume = {"metadata": {"name": "data-0", "labels": labels}, "spec": spec}
    place.api.ask("POST", "/api/v1/namespaces/dev/persistentvolumeclaims", volume)
    found = place.one(services({"name": "redis"}), CHANGES)
    assert "postgres (volume claims data-0) waits for a confirmation" in found["confirmation"]["message"]
    uid = place.api.get("PlatformClaim", "dev", "services")["metadata"]["uid"]
    assert uid, "what confirms it is of this very claim"
    assert found["confirmation"]["annotation"].startswith("platform.infraforge.io/confirm-removal=remove-1-")


def test_a_claim_that_is_being_deleted_is_planned_as_that(place: Place) -> None:
    place.api.create("ApplicationClaim", "dev", "going", applications(SHOP, environment="qa")["spec"], FINALIZER)
    place.api.delete("ApplicationClaim", "dev", "going")
    found = place.one(applications(SHOP, environment="qa", name="going"), OK)
    assert "it is being deleted" in found["notes"][0]
    assert found["files"] == [], "it has nothing in Git"


def limited(api: Api, allowed: str) -> Cluster:
    """The cluster as somebody sees it who may only read and change what is in one namespace."""

    def forward(request: httpx.Request) -> httpx.Response:
        path = f"{request.url.path}/"
        if path != f"{GROUP}/" and f"/namespaces/{allowed}/" not in path:
            return httpx.Response(403, json={"message": f'{path} is forbidden: User "ann" cannot list it'})
        kind = {"Content-Type": request.headers.get("content-type", "application/json")}
        with api.running.client() as client:
            where = {"params": request.url.params, "content": request.content, "headers": kind}
            return client.request(request.method, request.url.path, **where)

    return Cluster(httpx.Client(base_url="https://cluster.test", transport=httpx.MockTransport(forward)), allowed)


def test_who_may_read_one_namespace_can_plan_in_it(place: Place) -> None:
    """Environments, services and rivals are those that Git records; what may not be read is named."""
    cluster = limited(place.api, "dev")
    sites = Sites(no_gitea, Folders(place.repository.folder))
    bound = [applications(application("shop", bindings=["postgres"]), CART), applications(SHOP, name="second")]
    report = plan([written(place.folder, bound)], cluster, sites, None)
    own, second = report.claims
    assert [str(one) for one in own.errors] == []
    assert any("+bindings:" in one.diff for one in own.files)
    assert [one.reason for one in second.errors] == ["EnvironmentConflict"]
    assert any("what you may not read is taken from the commits" in note for note in report.notes)


def test_a_context_is_chosen(place: Place, infraforge: Infraforge) -> None:
    kubeconfig = json.loads(place.api.kubectl("config", "view", "--raw", "-o", "json").stdout)
    used = kubeconfig["contexts"][0]["context"]
    contexts = [{"name": "here", "context": {**used, "namespace": "dev"}}]
    file = place.folder / "config"
    file.write_text(json.dumps(kubeconfig | {"contexts": contexts, "current-context": ""}))
    without_namespace = applications(SHOP, CART)
    del without_namespace["metadata"]["namespace"]
    given = ("-f", written(place.folder, [without_namespace]), "--voltran", str(place.repository.folder))
    done = infraforge("plan", *given, "--kubeconfig", str(file), "--context", "here", "-o", "json")
    assert done.returncode == CHANGES, done.stderr
    found = json.loads(done.stdout)
    assert (found["claims"][0]["namespace"], found["claims"][0]["claim"]) == ("dev", "unchanged")
    assert found["against"]["cluster"].startswith("https://127.0.0.1:")
    assert infraforge("plan", *given, "--kubeconfig", str(file), "--context", "there").returncode == FAILED


def test_a_cluster_without_the_kinds_is_named(place: Place, infraforge: Infraforge) -> None:
    """As every other fault: 1, and never 2."""
    config = place.folder / "nowhere"
    cluster = {"name": "a", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "a", "context": {"cluster": "a", "user": ""}}
    config.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context]}))
    given = ("-f", written(place.folder, [applications(SHOP)]), "--voltran", str(place.repository.folder))
    done = infraforge("plan", *given, "--kubeconfig", str(config), "--context", "a")
    assert (done.returncode, "does not answer" in done.stderr) == (FAILED, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Gitea needs a token that may read voltran and the charts: put it into INFRAFORGE_GITEA_TOKEN"),
        (("--gitea-url", "http://127.0.0.1:9"), "Gitea needs a token"),
        (("--gitea-url", "http://me:pw@127.0.0.1:9"), "without credentials"),
        (("--gitea-url", "http://127.0.0.1:9", "--gitea-token-file", __file__), "voltran cannot be cloned"),
    ],
    ids=["nothing", "no token", "a password in it", "nobody there"],
)
def test_where_voltran_is_has_to_be_known(
    place: Place, infraforge: Infraforge, arguments: tuple[str, ...], message: str
) -> None:
    given = ("-f", written(place.folder, [applications(SHOP)]), "--kubeconfig", str(place.api.running.kubeconfig))
    done = infraforge("plan", *given, *arguments)
    assert (done.returncode, message in " ".join(done.stderr.replace("│", "").split())) == (FAILED, True), done.stderr
