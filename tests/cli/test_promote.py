"""`infraforge promote`, with two real API-server stand-ins."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cli import exits
from tests.cli.api import Api, application, environment
from tests.cli.conftest import Infraforge


def app(name: str, tag: str, repository: str = "ghcr.io/infraforge") -> dict[str, Any]:
    return application(name) | {"image": {"repository": f"{repository}/{name}", "tag": tag}}


DEV = environment("dev") | {"applications": [app("cart", "v2"), app("shop", "v2"), app("docs", "v1")]}
PROD = {
    "clusterType": "prod",
    "environment": "prod",
    "applications": [app("shop", "v1"), app("cart", "v1", "quay.io/x")],
}


@dataclass(frozen=True)
class Place:
    """Claims of dev and prod in one cluster, and one of prod in another."""

    here: Api
    there: Api
    infraforge: Infraforge

    def promote(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.here.run(self.infraforge, "promote", *arguments)

    def tags(self, api: Api) -> dict[str, str]:
        spec = api.get("ApplicationClaim", "dev", "prod-apps")["spec"]
        return {one["name"]: one["image"]["tag"] for one in spec["applications"]}

    @property
    def elsewhere(self) -> tuple[str, str]:
        return ("--to-kubeconfig", str(self.there.running.kubeconfig))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Api]]:
    here, there = (Api.start(tmp_path_factory.mktemp("apiserver")) for _ in range(2))
    yield here, there
    here.running.stop()
    there.running.stop()


@pytest.fixture
def place(servers: tuple[Api, Api], infraforge: Infraforge) -> Iterator[Place]:
    """As it is before anything was promoted."""
    made = Place(*servers, infraforge)
    made.here.create("ApplicationClaim", "dev", "dev-apps", DEV)
    for api in servers:
        api.create("ApplicationClaim", "dev", "prod-apps", PROD)
    yield made
    made.here.delete("ApplicationClaim", "dev", "dev-apps")
    for api in servers:
        api.delete("ApplicationClaim", "dev", "prod-apps")


def test_it_shows_and_promotes_tags(place: Place) -> None:
    for arguments in (["--dry-run"], []):
        shown = place.promote("dev", "prod", *arguments)
        assert [line.split() for line in shown.stdout.splitlines()[1:4]] == [
            ["cart", "quay.io/x/cart:v1", "≠", "ghcr.io/infraforge/cart:v2", "dev", "is", "not", "looked", "at", "yet"],
            ["shop", "v1", "→", "v2", "dev", "is", "not", "looked", "at", "yet"],
            ["docs", "-", "not", "in", "prod,", "left", "out", "dev", "is", "not", "looked", "at", "yet"],
        ]
        assert place.tags(place.here) == {"shop": "v1", "cart": "v1"}
    assert (shown.returncode, "add --yes" in shown.stderr) == (exits.USAGE, True)
    done = place.promote("dev", "prod", "--yes")
    assert (done.returncode, "promote that with --repositories" in done.stderr) == (exits.FAILED, True)
    assert place.tags(place.here) == {"shop": "v2", "cart": "v1"}, "the others are promoted"
    assert place.tags(place.there) == {"shop": "v1", "cart": "v1"}
    again = place.promote("dev", "prod", "shop", "--yes")
    assert (again.returncode, "There is nothing to promote to prod." in again.stdout) == (exits.OK, True)


def test_across_clusters(place: Place) -> None:
    done = place.promote("nonprod/dev", "prod/prod", "shop", *place.elsewhere, "--yes", "-o", "json")
    assert done.returncode == exits.OK, done.stderr
    found = json.loads(done.stdout)
    assert (found["name"], found["applied"]) == ("prod-apps", True)
    assert [(one["application"], one["outcome"]) for one in found["applications"]] == [("shop", "promoted")]
    assert place.tags(place.there) == {"shop": "v2", "cart": "v1"}
    assert place.tags(place.here) == {"shop": "v1", "cart": "v1"}


def test_other_repositories_where_asked_for(place: Place) -> None:
    done = place.promote("dev", "prod", "cart", "--repositories", "--yes")
    assert done.returncode == exits.OK, done.stderr
    rows = place.here.get("ApplicationClaim", "dev", "prod-apps")["spec"]["applications"]
    assert rows[1]["image"]["repository"] == "ghcr.io/infraforge/cart"


def test_a_claim_without_the_environment_is_no_owner(place: Place) -> None:
    """Of two claims of one environment, the one that is refused it is not written to."""
    place.there.create("ApplicationClaim", "dev", "second", PROD)
    several = place.promote("dev", "prod", *place.elsewhere, "shop", "--yes")
    conflict = {"type": "Ready", "status": "False", "reason": "EnvironmentConflict", "message": "prod-apps owns it"}
    place.there.set_status("ApplicationClaim", "dev", "second", {"observedGeneration": 1, "conditions": [conflict]})
    done = place.promote("dev", "prod", *place.elsewhere, "shop", "--yes")
    place.there.delete("ApplicationClaim", "dev", "second")
    assert (several.returncode, "several claims are of prod" in several.stderr) == (exits.USAGE, True)
    assert (done.returncode, place.tags(place.there)["shop"]) == (exits.OK, "v2"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["dev", "nonprod/dev"], exits.USAGE, "dev and nonprod/dev are one environment"),
        (["dev", "stage"], exits.FAILED, "no ApplicationClaim stands for stage: there are nonprod/dev, prod/prod"),
        (["prod/dev", "prod"], exits.FAILED, "no ApplicationClaim stands for prod/dev"),
        (["a/b/c", "prod"], exits.USAGE, "names no environment"),
        (["dev/", "prod"], exits.USAGE, "names no environment"),
        (["dev", "prod", "docs"], exits.FAILED, 'prod has no application "docs": it has shop, cart'),
        (["dev", "prod", "--to-kubeconfig", "/nowhere"], exits.FAILED, "/nowhere cannot be used"),
    ],
    ids=str,
)
def test_what_cannot_be_promoted(place: Place, arguments: list[str], code: int, message: str) -> None:
    done = place.promote(*arguments, "--yes")
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert place.tags(place.here) == {"shop": "v1", "cart": "v1"}
