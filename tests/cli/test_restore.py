"""`infraforge restore`, with a real API-server stand-in and a clone on disk."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cli import exits
from tests.cli.api import Api, environment
from tests.cli.conftest import Infraforge
from tests.cli.history.repository import Clone, record, shop, spec

APPS = "appsets/nonprod/apps/dev-appset.yaml"
SERVICES = environment() | {"services": [{"name": "postgres", "type": "internal"}]}
BOOTSTRAP = {
    "gitea": {"url": "http://gitea", "organization": "platform"},
    "clusters": [{"type": "nonprod", "environments": ["dev"]}],
}


@dataclass(frozen=True)
class Place:
    """An API server without claims, and a clone with three."""

    api: Api
    clone: Clone
    infraforge: Infraforge

    def restore(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.api.run(self.infraforge, "restore", "--from", str(self.clone.folder), *arguments)

    def json(self, *arguments: str, code: int = exits.OK) -> Any:
        done = self.restore("-o", "json", *arguments)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def spec(self, kind: str = "ApplicationClaim", namespace: str = "dev", name: str = "apps") -> Any:
        found = self.api.get(kind, namespace, name)
        return found and found["spec"]


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory, infraforge: Infraforge) -> Iterator[Place]:
    """The whole of it."""
    clone = Clone.made(tmp_path_factory.mktemp("git"))
    clone.commit(
        record(BOOTSTRAP, kind="BootstrapClaim", namespace="platform-system", name="platform"), {"root-apps/a": ""}
    )
    services = record(SERVICES, kind="PlatformClaim", namespace="lost", name="services")
    clone.commit(services, {"environments/nonprod/dev/platform/postgres/values.yaml": ""})
    clone.commit(record(spec(shop("v2")), 5), {APPS: "set"})
    api = Api.start(tmp_path_factory.mktemp("apiserver"))
    yield Place(api, clone, infraforge)
    api.running.stop()


def test_a_lost_cluster_is_written_again(place: Place) -> None:
    """The BootstrapClaim first, namespaces that are missing before what lives in them."""
    shown = place.restore("--dry-run")
    assert shown.returncode == exits.OK
    lines = [line.split()[:2] for line in shown.stdout.splitlines()[1:]]
    assert lines == [
        ["create", "Namespace/lost"],
        ["create", "BootstrapClaim/platform-system/platform"],
        ["create", "PlatformClaim/lost/services"],
        ["create", "ApplicationClaim/dev/apps"],
    ]
    assert (place.restore().returncode, place.spec()) == (exits.USAGE, None), "nobody can be asked"
    done = place.restore("--yes")
    assert (done.returncode, "3 claims written" in done.stdout) == (exits.OK, True), done.stderr
    assert place.spec()["applications"][0]["image"]["tag"] == "v2"
    assert place.spec("PlatformClaim", "lost", "services")["services"][0]["name"] == "postgres"
    again = place.restore("--yes")
    assert "There is nothing to write." in again.stdout
    assert {line.split()[0] for line in again.stdout.splitlines()[1:-1]} == {"same"}


def test_digests_that_git_holds_are_remembered(place: Place) -> None:
    """So that a tag that has moved on since changes nothing that runs."""
    digest = "sha256:" + "ab" * 32
    values = f"image:\n  repository: ghcr.io/infraforge/shop\n  tag: v2\n  digest: {digest}\n"
    folder = "environments/nonprod/dev/applications"
    pinned = spec(shop("v2")) | {"imagePolicy": "Digest"}
    place.clone.commit(record(pinned, 6), {f"{folder}/shop/values.yaml": values})
    assert place.restore("--yes").returncode == exits.OK
    status = place.api.get("ApplicationClaim", "dev", "apps")["status"]
    assert status == {"applications": [{"name": "shop", "image": "ghcr.io/infraforge/shop:v2", "digest": digest}]}


def test_claims_that_are_there_are_left_unless_asked_for(place: Place) -> None:
    place.api.create("ApplicationClaim", "dev", "apps", spec(shop("v9")))
    found = place.json("--yes")["claims"]
    assert [(one["kind"], one["action"], one["done"]) for one in found] == [
        ("BootstrapClaim", "create", True),
        ("PlatformClaim", "create", True),
        ("ApplicationClaim", "leave", False),
    ]
    assert place.spec()["applications"][0]["image"]["tag"] == "v9"
    (only,) = place.json("appclaim/dev/apps", "--overwrite", "--yes")["claims"]
    assert (only["action"], only["done"]) == ("overwrite", True)
    assert only["changes"] == [{"path": "applications[shop].image.tag", "before": "v9", "after": "v2"}]
    assert place.spec()["applications"][0]["image"]["tag"] == "v2"


def test_what_was_not_recorded_in_full_is_not_written(place: Place) -> None:
    place.clone.commit(record(spec(shop()), 6, omitted=("applications[0].values.password",)), {APPS: "other"})
    done = place.restore("--yes")
    assert done.returncode == exits.FAILED
    assert "ApplicationClaim/dev/apps: applications[0].values.password: not recorded" in done.stderr
    assert place.spec() is None
    assert place.spec("PlatformClaim", "lost", "services"), "the others are"


def test_one_that_is_refused_keeps_no_other_back(place: Place) -> None:
    """A record from a time with other rules; immutable fields of one that is there."""
    place.clone.commit(
        record(
            SERVICES | {"services": [{"name": "postgres", "type": "odd"}]},
            2,
            kind="PlatformClaim",
            name="services",
            namespace="lost",
        )
    )
    place.api.create("ApplicationClaim", "dev", "apps", spec(shop(), name="qa"))
    done = place.restore("--yes", "--overwrite")
    assert done.returncode == exits.FAILED
    assert "PlatformClaim/lost/services: " in done.stderr
    assert "ApplicationClaim/dev/apps: it is there and differs: " in done.stderr
    assert place.spec("BootstrapClaim", "platform-system", "platform")


def test_as_it_was_earlier(place: Place) -> None:
    earlier = place.clone.git("rev-parse", "HEAD~1")
    found = place.json("--commit", earlier, "--dry-run")
    assert [one["kind"] for one in found["claims"]] == ["BootstrapClaim", "PlatformClaim"]
    assert found["namespaces"] == ["lost"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["appclaim/dev/other"], exits.FAILED, "no ApplicationClaim/dev/other stands in voltran"),
        (["--commit", "deadbeef"], exits.FAILED, "has no deadbeef"),
    ],
    ids=str,
)
def test_what_is_not_there(place: Place, arguments: list[str], code: int, message: str) -> None:
    done = place.restore(*arguments, "--yes")
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_two_clusters_claims_of_one_name_have_to_be_chosen(place: Place) -> None:
    there = {"clusterType": "prod", "environment": "live", "applications": []}
    place.clone.commit(record(there, uid="b"), {"appsets/prod/apps/live-appset.yaml": "b"})
    done = place.restore("--yes")
    assert (done.returncode, "choose with --cluster-type" in done.stderr) == (exits.USAGE, True)
    assert place.spec() is None
    place.json("--cluster-type", "prod", "--yes")
    assert place.spec()["environment"] == "live"
