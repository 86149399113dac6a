"""What `infraforge plan` says of claims that are wrong, and of wrong usage."""

from pathlib import Path

import pytest

from tests.cli.conftest import Infraforge
from tests.cli.planned import (
    Document,
    Planner,
    Repository,
    application,
    applications,
    bootstrap,
    services,
    written,
)

FAILED = 1
SHOP, CART = application("shop"), application("cart")
POSTGRES = {"name": "postgres", "values": {"auth": {"database": "shop"}}}
FOLDER = "environments/nonprod/dev"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    started = (bootstrap(), services(POSTGRES), applications(SHOP, CART))
    return Repository.made(tmp_path_factory.mktemp("clone") / "voltran", *started)


@pytest.fixture
def planner(infraforge: Infraforge, repository: Repository, tmp_path: Path) -> Planner:
    return Planner(infraforge, repository, tmp_path)


WRONG: list[tuple[str, Document, list[tuple[str, str]]]] = [
    (
        "every field that is wrong",
        applications(application("Shop"), application("cart", image={"repository": "r"})),
        [
            ("spec.applications[0].name", "is not a DNS-1123 label"),
            ("spec.applications[1].image.tag", "is required"),
        ],
    ),
    (
        "an environment that nobody asked for",
        applications(SHOP, environment="moon", name="moon"),
        [("", 'has no environment "moon"; it has: dev, qa')],
    ),
    (
        "values that the chart refuses, in the claim's terms",
        applications(
            application("shop", values={"replicas": 5000, "ingress": {"enabled": "maybe"}}),
            application("cart", values={"replicas": "two"}),
        ),
        [
            ("", "applications[0].values.replicas: 5000 is above 100"),
            ("", 'applications[1].values.replicas: "two" is'),
        ],
    ),
    (
        "a credential",
        applications(SHOP, application("cart", values={"env": {"API_TOKEN": "hunter2hunter2"}})),
        [("", "spec.applications[1].values.env.API_TOKEN: looks like a credential")],
    ),
    (
        "an image that no registry knows how to name",
        applications(application("shop", image={"repository": "ghcr.io/Shop", "tag": "v1"}), CART),
        [("", "spec.applications[0].image.repository")],
    ),
    (
        "a service that the environment does not have",
        applications(application("shop", bindings=["mysql"]), CART),
        [("", 'has no service "mysql"; it has: postgres')],
    ),
]


@pytest.mark.parametrize(("given", "wanted"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_said(planner: Planner, given: Document, wanted: list[tuple[str, str]]) -> None:
    errors = planner.one([given], FAILED)["errors"]
    assert len(errors) == len(wanted), errors
    for error, (field, message) in zip(errors, wanted, strict=True):
        assert error["field"] == field
        assert message in f"{error['field']}: {error['message']}"


def test_what_helm_refuses_stays_in_git_as_it_is_and_its_neighbour_goes_on(planner: Planner) -> None:
    given = applications(application("shop", "v2", values={"replicas": 5000}), application("cart", "v2"))
    found = planner.one([given], FAILED)
    assert [one["path"] for one in found["files"]] == [f"{FOLDER}/applications/cart/values.yaml"]
    assert [one["application"] for one in found["images"]] == ["cart"]
    assert {one["application"] for one in found["objects"]} == {"dev-cart"}


def test_every_error_of_every_claim_is_said_at_once(planner: Planner) -> None:
    documents = [row[1] | {"metadata": {"name": f"c{index}", "namespace": "dev"}} for index, row in enumerate(WRONG)]
    found = planner.json(documents, FAILED)
    assert len(found["claims"]) == len(WRONG)
    conflicts = [one for one in found["claims"] if one["errors"][0]["reason"] == "EnvironmentConflict"]
    assert len(conflicts) == len(WRONG) - 2, "one is invalid, one is nowhere, and the environment is another's"


def test_files_that_cannot_be_read_do_not_hide_the_others(planner: Planner) -> None:
    text = "kind: [\n"
    broken = planner.folder / "broken"
    broken.mkdir()
    (broken / "a.yaml").write_text(text)
    found = planner.json([applications(application("shop", "v2"), CART)], FAILED, str(broken), "absent")
    assert [one["message"].split(": ")[-1].split(" did")[0] for one in found["errors"]][1] == "absent does not exist"
    assert "a.yaml, line 2: not YAML" in found["errors"][0]["message"]
    assert found["claims"][0]["images"]


USAGE = [
    (["plan"], "Missing option '--filename'"),
    (["plan", "-f", "-", "--nonsense"], "No such option"),
    (["plan", "-f", "-", "-o", "yaml"], "'yaml' is not one of"),
    (["plan", "-f", "-", "--voltran", "absent"], "'absent' does not exist"),
    (["plan", "-f", "-", "--charts", "."], "--charts and --platform-charts go with --voltran"),
    (["plan", "-f", "-", "--voltran", "/"], "there is no claim to plan in it"),
    (["plan", "-f", "-"], "no sandbox runs in"),
    (["plan", "-f", "-", "--kubeconfig", "/dev/null", "--context", "none"], "/dev/null cannot be used"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(row[0][1:]) for row in USAGE])
def test_wrong_usage_is_an_error_and_no_change(infraforge: Infraforge, arguments: list[str], message: str) -> None:
    """Elsewhere 2 is wrong usage; here it says that something would change."""
    done = infraforge(*arguments)
    assert done.returncode == FAILED
    assert message in " ".join(done.stderr.replace("│", "").split())


def test_a_folder_that_is_no_clone_is_named(infraforge: Infraforge, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    done = infraforge("plan", "-f", written(tmp_path, [applications(SHOP)]), "--voltran", str(tmp_path / "plain"))
    assert (done.returncode, "is no Git repository that may be read" in done.stderr) == (FAILED, True)
