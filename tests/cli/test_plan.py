"""`infraforge plan` as a process, for a clone of voltran alone."""

import json
from pathlib import Path

import pytest

from cli.plan.charts import Library
from cli.plan.command import CHANGES
from cli.plan.stand_ins import UNRESOLVED
from tests.cli.conftest import Infraforge
from tests.cli.planned import (
    Document,
    Planner,
    Repository,
    application,
    applications,
    bootstrap,
    claim,
    services,
)

OK, FAILED = 0, 1
SHOP, CART = application("shop"), application("cart")
POSTGRES = {"name": "postgres", "values": {"auth": {"database": "shop"}}}
STARTED = (bootstrap(), services(POSTGRES), applications(SHOP, CART))
FOLDER = "environments/nonprod/dev"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository.made(tmp_path_factory.mktemp("clone") / "voltran", *STARTED)


@pytest.fixture
def planner(infraforge: Infraforge, repository: Repository, tmp_path: Path) -> Planner:
    return Planner(infraforge, repository, tmp_path)


def test_what_is_in_git_changes_nothing(planner: Planner) -> None:
    found = planner.json(STARTED, OK)
    assert [(one["kind"], one["files"], one["objects"], one["errors"]) for one in found["claims"]] == [
        (kind, [], [], []) for kind in ("BootstrapClaim", "PlatformClaim", "ApplicationClaim")
    ]
    assert found["against"] == {"cluster": None, "voltran": planner.repository.git("rev-parse", "HEAD")}
    assert "no cluster was asked" in found["notes"][0]
    assert planner.run(STARTED).stdout.splitlines()[-1] == "Nothing would change."


def test_a_change_is_shown_as_files_objects_and_images(planner: Planner) -> None:
    found = planner.one([applications(application("shop", "v2", values={"replicas": 3}), CART)], CHANGES)
    (file,) = found["files"]
    assert (file["path"], file["change"]) == (f"{FOLDER}/applications/shop/values.yaml", "changed")
    assert "-  tag: v1.0.0\n+  tag: v2\n" in file["diff"]
    assert found["images"] == [
        {
            "application": "shop",
            "before": "ghcr.io/infraforge/shop:v1.0.0",
            "after": "ghcr.io/infraforge/shop:v2",
        }
    ]
    (deployment,) = found["objects"]
    assert (deployment["application"], deployment["kind"], deployment["namespace"], deployment["name"]) == (
        "dev-shop",
        "Deployment",
        "dev",
        "dev-shop",
    )
    assert "-  replicas: 2\n+  replicas: 3\n" in deployment["diff"]


def test_what_would_go_is_named_and_nothing_of_its_neighbour(planner: Planner) -> None:
    found = planner.one([applications(SHOP)], CHANGES)
    assert found["prunes"] == [{"name": "cart", "path": f"{FOLDER}/applications/cart", "strange": False, "held": False}]
    assert {(one["application"], one["change"]) for one in found["objects"]} == {("dev-cart", "removed")}
    assert {one["kind"] for one in found["objects"]} > {"Deployment", "Service"}


def test_a_removal_that_needs_a_person_waits(planner: Planner) -> None:
    found = planner.one([services()], CHANGES)
    assert found["confirmation"]["annotation"].startswith("platform.infraforge.io/confirm-removal=remove-1-")
    assert "what keeps data would go" in found["confirmation"]["message"]
    assert found["prunes"] == [
        {"name": "postgres", "path": f"{FOLDER}/platform/postgres", "strange": False, "held": True}
    ]
    assert {one["held"] for one in found["files"]} == {True}
    assert {(one["held"], one["change"]) for one in found["objects"]} == {(True, "removed")}
    assert "held: removing postgres waits for a confirmation" in planner.run([services()]).stdout


def test_a_namespace_that_goes_is_named_in_the_file_of_all(infraforge: Infraforge, tmp_path: Path) -> None:
    def infrastructure(*names: str) -> Document:
        spec = {"clusterType": "nonprod", "environment": "dev", "namespaces": [{"name": name} for name in names]}
        return claim("InfrastructureClaim", "platform-system", "ns", spec)

    repository = Repository.made(tmp_path / "voltran", bootstrap(), infrastructure("shop", "pay"))
    planner = Planner(infraforge, repository, tmp_path)
    found = planner.one([infrastructure("pay")], CHANGES)
    path = f"{FOLDER}/platform/namespaces/values.yaml"
    assert found["prunes"] == [{"name": "shop", "path": path, "strange": False, "held": True}]
    assert f"would be removed once it is confirmed: shop in {path}" in planner.run([infrastructure("pay")]).stdout
    added = planner.one([infrastructure("shop", "pay", "eu")], CHANGES)
    assert {(one["namespace"], one["change"]) for one in added["objects"]} == {("", "added"), ("eu", "added")}


def test_claims_that_need_each_other_are_planned_in_that_order(planner: Planner) -> None:
    """The environment is as new as the claim for it, and the binding as new as the service."""
    bound = application("shop", bindings=["postgres"])
    wanted = [applications(bound, environment="eu", name="eu"), claim("PlatformClaim", "dev", "eu", {})]
    wanted[1]["spec"] = {"clusterType": "nonprod", "environment": "eu", "services": [POSTGRES]}
    found = planner.json([*wanted, bootstrap("dev", "qa", "eu")], CHANGES)
    assert [one["kind"] for one in found["claims"]] == ["BootstrapClaim", "PlatformClaim", "ApplicationClaim"]
    values = next(one for one in found["claims"][2]["files"] if one["path"].endswith("shop/values.yaml"))
    assert "+bindings:\n+  postgres:\n" in values["diff"]


def test_nothing_is_written(planner: Planner) -> None:
    before = planner.repository.fingerprint()
    planner.json([applications(application("shop", "v2"), application("new"))], CHANGES)
    planner.json([services(), bootstrap("dev")], CHANGES)
    assert planner.repository.fingerprint() == before


def test_a_digest_is_named_as_what_is_asked_for_later(planner: Planner) -> None:
    found = planner.one([applications(SHOP, CART, imagePolicy="Digest")], CHANGES)
    assert {one["after"] for one in found["images"]} == {
        f"ghcr.io/infraforge/{name}:v1.0.0@sha256:(resolved when it is applied)" for name in ("shop", "cart")
    }
    assert "the registry is asked for the digest of cart, shop" in found["notes"][0]
    assert UNRESOLVED not in json.dumps(found)
    assert all('image: "ghcr.io/infraforge/' in one["diff"] for one in found["objects"])
    assert all("@sha256:(resolved when it is applied)" in one["diff"] for one in found["objects"])


def test_a_hand_edit_would_be_undone(infraforge: Infraforge, tmp_path: Path) -> None:
    repository = Repository.made(tmp_path / "voltran", *STARTED)
    path = f"{FOLDER}/applications/shop/values.yaml"
    edited = (repository.folder / path).read_bytes().replace(b"replicas: 2", b"replicas: 7")
    repository.commit({path: edited, f"{FOLDER}/applications/stray/README": b"mine"})
    found = Planner(infraforge, repository, tmp_path).one([applications(SHOP, CART)], CHANGES)
    assert [(one["path"], one["change"]) for one in found["files"]] == [
        (path, "changed"),
        (f"{FOLDER}/applications/stray/README", "removed"),
    ]
    assert "-replicas: 7\n+replicas: 2\n" in found["files"][0]["diff"]


def test_a_credential_in_git_is_not_shown(infraforge: Infraforge, tmp_path: Path) -> None:
    repository = Repository.made(tmp_path / "voltran", *STARTED)
    path = f"{FOLDER}/applications/shop/values.yaml"
    content = (repository.folder / path).read_bytes()
    repository.commit({path: content + b"env:\n  API_TOKEN: hunter2hunter2\n"})
    planner = Planner(infraforge, repository, tmp_path)
    for output in ("text", "json", "markdown"):
        done = planner.run([applications(SHOP, CART)], "-o", output, *(["--full"] if output == "text" else []))
        assert (done.returncode, "hunter2" in done.stdout + done.stderr) == (CHANGES, False)
    assert (
        planner.one([applications(SHOP, CART)], CHANGES)["files"][0]["hidden"]
        == "it holds what looks like a credential"
    )


def test_another_claims_environment_is_known_from_its_commits(planner: Planner) -> None:
    (error,) = planner.one([applications(SHOP, CART, name="second")], FAILED)["errors"]
    assert error["reason"] == "EnvironmentConflict"
    assert "belongs to ApplicationClaim dev/apps" in error["message"]


def test_what_may_never_change_is_known_from_the_commits(planner: Planner) -> None:
    (error,) = planner.one([applications(SHOP, CART, environment="qa")], FAILED)["errors"]
    assert (error["field"], error["reason"]) == ("spec.environment", "Immutable")


def test_a_pinned_digest_stays_where_the_image_does(infraforge: Infraforge, tmp_path: Path) -> None:
    pinned = applications(SHOP, CART, imagePolicy="Digest")
    repository = Repository.made(tmp_path / "voltran", bootstrap(), pinned)
    for name, digit in (("shop", "a"), ("cart", "b")):
        path = f"{FOLDER}/applications/{name}/values.yaml"
        content = (repository.folder / path).read_bytes().replace(UNRESOLVED.encode(), f"sha256:{digit * 64}".encode())
        repository.add(pinned, {path: content})
    planner = Planner(infraforge, repository, tmp_path)
    assert planner.one([pinned], OK)["images"] == []
    (image,) = planner.one([applications(application("shop", "v2"), CART, imagePolicy="Digest")], CHANGES)["images"]
    assert image["before"] == f"ghcr.io/infraforge/shop:v1.0.0@sha256:{'a' * 64}"
    assert image["after"] == "ghcr.io/infraforge/shop:v2@sha256:(resolved when it is applied)"


def test_a_teams_own_chart_comes_from_a_clone_of_charts(planner: Planner) -> None:
    given = [applications(SHOP, CART, application("ours", chart={"name": "ours", "source": "repository"}))]
    without = planner.json(given, CHANGES)
    assert any("dev-ours is not rendered: platform/charts cannot be read" in note for note in without["notes"])
    charts = Repository(planner.folder / "charts")
    charts.folder.mkdir()
    charts.git("init", "--quiet", "--initial-branch=main")
    template = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n"
    template += b"data: {n: '{{ .Values.replicas }}'}\n"
    manifest = b"apiVersion: v2\nname: ours\nversion: 1.0.0\n"
    charts.commit({"ours/Chart.yaml": manifest, "ours/templates/a.yaml": template})
    found = planner.json(given, CHANGES, charts=charts.folder)["claims"][0]
    (added,) = [one for one in found["objects"] if one["application"] == "dev-ours"]
    assert (added["kind"], added["name"], "+data: {n: '2'}" in added["diff"]) == ("ConfigMap", "dev-ours", True)


def test_a_chart_that_is_nowhere_is_an_error_where_that_can_be_known(planner: Planner) -> None:
    """Without a clone of charts nobody can tell: Gitea's tag may hold a team's own folder beside ours."""
    given = [applications(application("shop", chart={"name": "no-such-chart"}), CART)]
    assert any("dev-shop is not rendered" in note for note in planner.json(given, CHANGES)["notes"])
    charts = Repository(planner.folder / "charts")
    charts.folder.mkdir()
    charts.git("init", "--quiet", "--initial-branch=main")
    charts.commit({"ours/Chart.yaml": b"apiVersion: v2\nname: ours\nversion: 1.0.0\n"})
    charts.git("tag", Library(lambda *_: None, None).revisions["apps"])
    (error,) = planner.json(given, FAILED, charts=charts.folder)["claims"][0]["errors"]
    assert error["reason"] == "ChartMissing"
    assert 'applications[0].chart: there is no chart "no-such-chart" in charts at embedded-' in error["message"]


def test_an_empty_clone_gets_everything(infraforge: Infraforge, tmp_path: Path) -> None:
    (tmp_path / "voltran").mkdir()
    repository = Repository(tmp_path / "voltran")
    repository.git("init", "--quiet")
    found = Planner(infraforge, repository, tmp_path).json(STARTED, CHANGES)
    assert found["against"]["voltran"] is None
    assert {one["change"] for claim_ in found["claims"] for one in claim_["files"]} == {"added"}
