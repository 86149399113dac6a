"""What the random runs have found, each as the few steps that it takes."""

from typing import Any

import pytest

from shared.claims.meta import FINALIZER
from shared.errors import KubeConflict
from shared.events import ClaimRef
from shared.oci import TagMissing
from tests.stateful.audit import Audit
from tests.stateful.oracle import Oracle
from tests.stateful.world import FUNCTIONS, GITEA_URL, ORGANIZATION, SYSTEM, Crash, Plan, Process, World

APPS = "environments/nonprod/dev/applications"
PLATFORM = ClaimRef("BootstrapClaim", SYSTEM, "platform")
CLAIM = ClaimRef("ApplicationClaim", "team-a", "one")


@pytest.fixture
def world() -> World:
    """A platform with one environment."""
    world = World()
    Audit(world)
    bootstrap(world, {"type": "nonprod", "environments": ["dev"]})
    world.ping("BootstrapClaim", 0)
    return world


def bootstrap(world: World, *clusters: dict[str, Any]) -> None:
    """Create the BootstrapClaim, or change it, to have these clusters."""
    spec = {"gitea": {"url": GITEA_URL, "organization": ORGANIZATION}, "clusters": list(clusters)}
    if world.cluster.claim(PLATFORM):
        world.cluster.edit_claim(PLATFORM, spec)
    else:
        world.cluster.create_claim(PLATFORM.kind, PLATFORM.namespace, PLATFORM.name, spec)


def claim(world: World, *names: str) -> None:
    """Create the claim, or change it, to have these applications; and have the function look at it."""
    spec = {
        "clusterType": "nonprod",
        "environment": "dev",
        "applications": [
            {
                "name": one,
                "chart": {"name": "user-service"},
                "image": {"repository": f"ghcr.io/acme/{one}", "tag": "v1"},
            }
            for one in names
        ],
    }
    if world.cluster.claim(CLAIM):
        world.cluster.edit_claim(CLAIM, spec)
    else:
        world.cluster.create_claim(CLAIM.kind, CLAIM.namespace, CLAIM.name, spec)
    world.ping(CLAIM.kind, 0)


def release(world: World) -> None:
    """`infraforge release` of a claim that is being deleted: what it has in Git stays."""
    world.cluster.delete_claim(CLAIM)
    live = world.cluster.objects["applicationclaims", CLAIM.namespace, CLAIM.name]
    assert live["metadata"]["finalizers"] == [FINALIZER]
    del world.cluster.objects["applicationclaims", CLAIM.namespace, CLAIM.name]


def resync(world: World, times: int = 2) -> None:
    for _ in range(times):
        for function in FUNCTIONS:
            world.ping(function, 0)


def files(world: World) -> set[str]:
    assert world.voltran is not None
    return {path for path in world.voltran.files() if not path.endswith(".gitkeep")}


def truth(world: World) -> list[str]:
    """What is wrong now, and what was forbidden on the way."""
    return [*world.violations, *Oracle(world).complaints()]


def rows(world: World) -> dict[str, Any]:
    found = world.cluster.claim(CLAIM)
    assert found is not None
    return {row["name"]: (row["state"], row["reason"]) for row in found["status"]["applications"]}


def test_a_claim_that_is_created_anew_without_its_applications_asks_before_they_go(world: World) -> None:
    """Not only at its first look, whose status it then took for all that it had ever had."""
    claim(world, "a", "b")
    release(world)
    claim(world)
    resync(world)
    assert rows(world) == {"a": ("Held", "ConfirmationRequired"), "b": ("Held", "ConfirmationRequired")}
    assert {f"{APPS}/a/values.yaml", f"{APPS}/b/values.yaml"} <= files(world)
    assert truth(world) == []


@pytest.mark.parametrize(
    "folder",
    ["environments/nonprod/dev", "environments/nonprod", "environments", f"{APPS}/a", APPS, "root-apps/nonprod"],
)
def test_a_file_in_the_place_of_a_folder(world: World, folder: str) -> None:
    """The folder comes back with everything in it, whoever looks first."""
    claim(world, "a")
    before = world.voltran.files() if world.voltran else {}
    world.stranger(lambda git: git.commit({folder: b"a file\n"}, "A file"))
    resync(world, 3)
    assert world.voltran is not None
    assert before == world.voltran.files()
    assert truth(world) == []


def test_nothing_goes_unasked_for_what_is_held_back(world: World) -> None:
    """An application that takes the place of the only one, and may not be written, leaves nothing behind."""
    world.registry.outcomes["ghcr.io/acme/b:v1"] = TagMissing("no such tag")
    claim(world, "a")
    claim(world, "b")
    resync(world)
    assert rows(world) == {"a": ("Held", "ConfirmationRequired"), "b": ("Held", "TagNotFound")}
    assert f"{APPS}/a/values.yaml" in files(world)
    assert truth(world) == []


def test_a_type_is_dropped_whose_environments_a_stranger_removed(world: World) -> None:
    """Its other folders are nobody's any more and the claim's until now: they go once."""
    bootstrap(world, {"type": "nonprod", "environments": ["dev"]}, {"type": "prod", "environments": ["live"]})
    world.ping("BootstrapClaim", 0)
    world.stranger(lambda git: git.commit({"environments/prod": None}, "Remove"))
    bootstrap(world, {"type": "nonprod", "environments": ["dev"]})
    resync(world)
    assert not [path for path in (world.voltran.files() if world.voltran else ()) if "/prod/" in path]
    assert truth(world) == []


def test_a_conflict_after_the_restoring_of_a_lost_repository(world: World) -> None:
    """The second look finds nothing to write, and must not take the commits of the lost one from its status."""

    def conflict(_: Process) -> None:
        raise KubeConflict("the object has been modified")

    world.server.repositories.clear()
    world.plans.append(Plan("kube patch_status", 0, conflict))
    resync(world, 1)
    assert not world.plans
    assert truth(world) == []


def test_a_process_is_killed_after_it_has_laid_out_another_environment(world: World) -> None:
    """The next one names the commit that did it."""

    def kill(process: Process) -> None:
        process.dead = True
        raise Crash

    bootstrap(world, {"type": "nonprod", "environments": ["dev", "stage"]})
    world.plans.append(Plan("step Deploy", 0, kill))
    resync(world)
    assert not world.plans
    assert truth(world) == []


def test_a_claim_of_the_same_second_with_a_smaller_uid(world: World) -> None:
    """It owns the environment from then on, and who was settled there is told."""
    spec = {"clusterType": "nonprod", "environment": "dev", "applications": []}
    claim(world)
    other = world.cluster.create_claim("ApplicationClaim", "team-b", "one", spec)
    first = world.cluster.objects["applicationclaims", CLAIM.namespace, CLAIM.name]["metadata"]
    live = world.cluster.objects["applicationclaims", "team-b", "one"]["metadata"]
    live |= {"uid": "a", "creationTimestamp": first["creationTimestamp"]}
    assert first["uid"] > "a" < other["metadata"]["uid"]
    resync(world)
    assert truth(world) == []
    found = world.cluster.claim(CLAIM)
    assert found is not None
    assert [one["reason"] for one in found["status"]["conditions"] if one["type"] == "Ready"] == ["EnvironmentConflict"]
