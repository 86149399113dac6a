"""What is refreshed, and how often."""

from typing import Any

import pytest

from shared.deploying import Outcome, Place, Snapshot, Target
from shared.deploying.argocd import REFRESH, REFRESH_SET
from shared.deploying.deployer import QUICK, SPACING, Deployer
from tests.shared.deploying.documents import ENVIRONMENT, NEW, OLD, SOURCE, application, application_set, root
from tests.shared.deploying.world import World

PLACE = Place.of(ENVIRONMENT, "apps")
TARGET = Target("web", "dev-web", SOURCE, NEW)


class Looks:
    """A deployer in a world of its own, whose clock is turned by hand."""

    def __init__(self, *objects: Any) -> None:
        self.world = World(*objects)
        self.now = 0.0
        self.deployer = Deployer(
            self.world.argocd, lambda _, revision, commit: revision == commit, clock=lambda: self.now
        )

    def look(self, target: Target = TARGET) -> Outcome:
        return self.deployer.look(PLACE, [target], ["web"])


def test_what_runs_is_left_alone() -> None:
    looks = Looks(application(), application_set(), root())
    assert looks.look().condition[1:3] == ("True", "Deployed")
    assert looks.world.log == []


def test_an_application_at_an_older_revision_is_refreshed() -> None:
    looks = Looks(application(revision=OLD), application_set(), root())
    looks.look()
    assert looks.world.log == ["refresh dev-web"]


def test_a_new_folder_refreshes_the_set_and_what_brings_it() -> None:
    """The set may name its folders one by one, so that its file has changed as well."""
    looks = Looks(application_set(), root())
    looks.look()
    assert looks.world.log == ["refresh nonprod-apps", "refresh dev-apps"]


@pytest.mark.parametrize(
    "path", ["worker", '{{ get (dict "web" "worker") .path.basename | default .path.basename }}', "{{ .path.path }}"]
)
def test_a_set_that_is_older_than_git_is_not_refreshed(path: str) -> None:
    """A real ArgoCD had it deploy the new folder with another chart at once, whose Deployment then was in the way."""
    looks = Looks(application_set(path=path), root())
    looks.look()
    assert looks.world.log == ["refresh nonprod-apps"]
    looks.world.objects[("applicationsets", "argocd", "dev-apps")] = application_set()  # the root has brought it
    looks.look()
    assert looks.world.log[1:] == ["refresh nonprod-apps", "refresh dev-apps"]


def test_a_row_that_is_held_back_asks_nothing_of_the_set() -> None:
    looks = Looks(application_set(path="worker"), root())
    looks.look(Target("web", "dev-web", {}, NEW))
    assert looks.world.log == ["refresh nonprod-apps", "refresh dev-apps"]


def test_a_new_set_refreshes_the_root() -> None:
    looks = Looks(root())
    looks.look()
    assert looks.world.log == ["refresh nonprod-apps"]


def test_a_refresh_that_is_asked_for_is_not_asked_for_again() -> None:
    old = application(revision=OLD)
    old["metadata"]["annotations"] = {REFRESH: "normal"}
    set_ = application_set("dev-apps")
    set_["metadata"]["annotations"] = {REFRESH_SET: "true"}
    asked_root = root()
    asked_root["metadata"]["annotations"] = {REFRESH: "normal"}
    for looks in (Looks(old, application_set()), Looks(set_, asked_root)):
        looks.look()
        assert looks.world.log == []


def test_a_lost_refresh_is_asked_for_again_a_few_times() -> None:
    """One in the same instant as the creation of a set can be lost; one that does not help is not repeated for ever."""
    looks = Looks(application_set(), root())
    for _ in range(10):
        looks.look()
    assert looks.world.log == ["refresh nonprod-apps", "refresh dev-apps"] * QUICK
    looks.now = SPACING
    looks.look()
    looks.look()
    assert len(looks.world.log) == 2 * (QUICK + 1)
    looks.look(Target("web", "dev-web", SOURCE, OLD))
    assert len(looks.world.log) == 2 * (QUICK + 2), "another commit is another matter"


def test_what_is_no_longer_wanted_is_told_until_it_is_gone() -> None:
    looks = Looks(application(), application("dev-old"), application("dev-platform-db", owner="dev-platform"))
    outcome = looks.look()
    assert outcome.is_removing
    assert outcome.condition[1:] == ("False", "Removing", "ArgoCD has yet to remove dev-old; it goes on by itself")
    looks.world.objects.pop(("applications", "argocd", "dev-old"))
    assert not looks.look().is_removing


def test_a_set_that_cannot_generate_is_why_nothing_goes() -> None:
    """It keeps its refresh until it can, and until then would put back what goes."""
    conditions = [{"type": "ErrorOccurred", "status": "True", "message": "no such repository"}]
    looks = Looks(application(), application("dev-old"), application_set(conditions=conditions))
    assert (
        looks.look().condition[3] == 'ArgoCD has yet to remove dev-old: ApplicationSet "dev-apps": no such repository'
    )


def test_what_is_beside_a_snapshot_is_read_once() -> None:
    """A resync judges many claims by it."""
    reads: list[int] = []

    def read() -> list[int]:
        reads.append(1)
        return [1, 2]

    at = Snapshot({}, {})
    assert [at.beside(read), at.beside(read)] == [[1, 2], [1, 2]]
    assert len(reads) == 1
