"""`infraforge rollback`, with a real API-server stand-in and a clone on disk."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from tests.cli.api import Api
from tests.cli.conftest import Infraforge
from tests.cli.history.repository import CLAIM, Clone, record, shop, spec

OLD, NEW = spec(shop("v1")), spec(shop("v2"), shop("v1") | {"name": "cart"})


@dataclass(frozen=True)
class Place:
    """A claim, and its commits."""

    api: Api
    clone: Clone
    infraforge: Infraforge

    def rollback(self, to: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        where = ("--voltran", str(self.clone.folder), "--to", to)
        return self.api.run(self.infraforge, "rollback", "appclaim/dev/apps", *where, *arguments)

    @property
    def claim(self) -> Any:
        return self.api.get("ApplicationClaim", "dev", "apps")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    served = Api.start(tmp_path_factory.mktemp("apiserver"))
    yield served
    served.running.stop()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """An empty repository."""
    return Clone.made(tmp_path)


@pytest.fixture
def place(api: Api, clone: Clone, infraforge: Infraforge) -> Iterator[Place]:
    """A claim that says NEW."""
    api.create("ApplicationClaim", "dev", "apps", NEW)
    yield Place(api, clone, infraforge)
    api.delete("ApplicationClaim", "dev", "apps")


def test_it_shows_and_goes_back_exactly(place: Place) -> None:
    before = place.claim
    old = place.clone.commit(record(OLD))
    place.clone.commit(record(before["spec"], 2))
    place.api.set_status("ApplicationClaim", "dev", "apps", {"observedGeneration": 1})
    for shown in (place.rollback(old[:8], "--dry-run"), place.rollback(old[:8])):
        assert "  applications[shop].image.tag: v2 → v1" in shown.stdout
        assert "  applications[cart]: removed (was " in shown.stdout
        assert place.claim["spec"] == before["spec"]
    assert (shown.returncode, "add --yes" in shown.stderr) == (exits.USAGE, True), "nobody can be asked"
    done = place.rollback(old, "--yes")
    assert (done.returncode, "Applied as generation 2" in done.stdout) == (exits.OK, True), done.stderr
    after = place.claim
    assert [(one["name"], one["image"]["tag"]) for one in after["spec"]["applications"]] == [("shop", "v1")]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"] == {"observedGeneration": 1}
    managers = {one["manager"] for one in after["metadata"]["managedFields"] if "f:spec" in one["fieldsV1"]}
    assert "infraforge-cli" in managers, "as history will say"
    again = place.rollback(old, "--yes")
    assert (again.returncode, "nothing to change" in again.stdout) == (exits.OK, True)
    assert place.claim["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]


def test_for_programs(place: Place) -> None:
    old = place.clone.commit(record(OLD, 7))
    shown = place.rollback(old, "-o", "json")
    assert (shown.returncode, json.loads(shown.stdout)["applied"]) == (exits.USAGE, False)
    done = place.rollback(old, "-o", "json", "--yes")
    found = json.loads(done.stdout)
    assert (found["commit"], found["generation"], found["exists"], found["applied"]) == (old, 7, True, True)
    assert {"path": "applications[shop].image.tag", "before": "v2", "after": "v1"} in found["changes"]


def test_a_claim_that_is_gone_is_created_again(place: Place) -> None:
    old = place.clone.commit(record(OLD))
    place.api.delete("ApplicationClaim", "dev", "apps")
    done = place.rollback(old, "--yes")
    assert (done.returncode, "created again" in done.stdout) == (exits.OK, True), done.stderr
    assert place.claim["spec"]["applications"][0]["image"]["tag"] == "v1"


REFUSED = [
    (record(OLD, name="others"), "is a commit of ApplicationClaim/dev/others, and not of ApplicationClaim/dev/apps"),
    (record(OLD, omitted=("applications[0].values.password",)), "applications[0].values.password was not recorded"),
    (record(spec(shop(), name="qa")), "its environment was qa, and is dev, and can never change"),
    (record(spec(shop() | {"name": "NOT A NAME"})), "spec.applications[0].name"),
    ("A person's", "is no commit of InfraForge's, and records no claim"),
    (
        f"A\n\nClaim: {CLAIM}\nClaim-UID: u\nClaim-Generation: 1\nEvent-Id: e\n",
        "cannot be read: the commit has a claim's trailers and no spec",
    ),
]


@pytest.mark.parametrize(("made", "message"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_cannot_be_gone_back_to(place: Place, made: Any, message: str) -> None:
    before = place.claim
    sha = place.clone.commit(made)
    done = place.rollback(sha, "--yes")
    assert (done.returncode, message in done.stderr) == (exits.FAILED, True), done.stderr
    assert place.claim == before


@pytest.mark.parametrize("to", ["deadbeef", "main", "HEAD~1", "--upload-pack=x"])
def test_what_names_no_commit(place: Place, to: str) -> None:
    place.clone.commit(record(OLD))
    done = place.rollback(to, "--yes")
    assert (done.returncode, f"voltran has no commit {to}" in done.stderr) == (exits.FAILED, True), done.stderr


def test_a_claim_that_is_being_deleted_is_left_alone(place: Place) -> None:
    old = place.clone.commit(record(OLD))
    merge = "application/merge-patch+json"
    path = place.api.path("ApplicationClaim", "dev", "apps")
    place.api.ask("PATCH", path, {"metadata": {"finalizers": ["example.com/x"]}}, merge)
    place.api.delete("ApplicationClaim", "dev", "apps")
    done = place.rollback(old, "--yes")
    place.api.ask("PATCH", path, {"metadata": {"finalizers": None}}, merge)
    assert (done.returncode, "is being deleted: wait until it is gone" in done.stderr) == (exits.FAILED, True)
