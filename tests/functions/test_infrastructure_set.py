"""The set that an InfrastructureClaim shares with the services of its environment."""

import pytest
import yaml

from shared.kinds import INFRASTRUCTURE
from tests.functions.infrastructure import CLAIM, FOLDER, SERVICES, SET, SHOP, confirm, namespaces
from tests.functions.platform import Platform, ready


@pytest.mark.parametrize("first", ["InfrastructureClaim", "PlatformClaim"])
def test_whoever_comes_second_makes_the_same_set(there: Platform, first: str) -> None:
    """Byte for byte, and the first then finds nothing to do."""
    order = [CLAIM, SERVICES] if first == "InfrastructureClaim" else [SERVICES, CLAIM]
    for claim in order:
        assert ready(there.apply(claim))[0] == "True"
    made, head, written = there.file(SET), there.head(), len(there.kube.status_writes)
    for claim in order:
        there.react(claim)
    assert (there.file(SET), there.head(), len(there.kube.status_writes)) == (made, head, written)
    spec = yaml.safe_load(made)["spec"]
    assert spec["generators"][0]["git"]["directories"] == [{"path": "environments/nonprod/dev/platform/*"}]
    template = spec["template"]["spec"]
    assert template["project"] == (
        '{{ get (dict "namespaces" "infraforge-namespaces-nonprod") .path.basename | default "nonprod" }}'
    )
    assert template["destination"]["namespace"] == (
        '{{ get (dict "namespaces" "default") .path.basename | default "platform-services" }}'
    )


def test_alone_it_deploys_nothing_but_namespaces(there: Platform) -> None:
    """Folders of services whose claim was lost are nobody's to move: their Applications stay as they are."""
    there.apply(SERVICES)
    there.kube.objects.pop(("platformclaims", "platform-services", "dev-platform"))
    there.apply(CLAIM)
    spec = yaml.safe_load(there.file(SET))["spec"]
    assert spec["generators"][0]["git"]["directories"] == [{"path": FOLDER}]
    assert spec["template"]["spec"]["destination"]["namespace"] == "default"
    assert f"{FOLDER.removesuffix('namespaces')}postgres/values.yaml" in there.tree()


def test_a_neighbour_that_is_only_being_deleted_is_deployed_as_before(there: Platform) -> None:
    """Its removal waits for a person; what deploys a database must not move it in the meantime."""
    there.apply(SERVICES)
    there.apply(CLAIM)
    made = there.file(SET)
    there.delete(SERVICES)
    assert ready(there.live(SERVICES))[1] == "ConfirmationRequired"
    there.apply(CLAIM, namespaces=[*CLAIM["spec"]["namespaces"], SHOP])
    assert there.file(SET) == made


def test_the_set_follows_whoever_is_left(there: Platform) -> None:
    there.apply(SERVICES)
    alone = there.file(SET)
    there.apply(CLAIM)
    there.delete(CLAIM)
    confirm(there, there.live(CLAIM))
    assert not there.exists(CLAIM)
    assert there.file(SET) == alone
    there.delete(SERVICES)
    confirm(there, there.live(SERVICES))
    assert not there.exists(SERVICES)
    assert SET not in there.tree()


def test_the_last_of_them_takes_the_set_along(there: Platform) -> None:
    there.apply(CLAIM)
    there.delete(CLAIM)
    confirm(there, there.live(CLAIM))
    assert not there.exists(CLAIM)
    assert [path for path in there.tree() if "namespaces" in path or path == SET] == []
    assert ("Removed", f"its files went with commit {there.head()}") in there.told(CLAIM)


def test_a_neighbour_that_cannot_be_read_keeps_its_part_of_the_set(there: Platform) -> None:
    """Its spec was let in once and no longer is: nobody guesses what it meant, and nothing of it is moved."""
    there.apply(SERVICES)
    there.apply(CLAIM)
    made = there.file(SET)
    broken = there.live(SERVICES)
    there.kube.put(INFRASTRUCTURE.resource.__class__("platform.infraforge.io/v1alpha1", "platformclaims"),
                   broken | {"spec": broken["spec"] | {"services": "all"}})  # fmt: skip
    live = there.apply(CLAIM, namespaces=[*CLAIM["spec"]["namespaces"], {"name": "a-first"}])
    assert ready(live)[0] == "True"
    assert namespaces(there) == ["a-first", "dev"]
    assert there.file(SET) == made
    there.delete(CLAIM)
    confirm(there, there.live(CLAIM))
    assert there.file(SET) == made


def test_a_hand_edit_of_the_shared_set_is_undone_and_told(there: Platform) -> None:
    """By the first of the two that looks, once; a change that the neighbour made is no hand edit."""
    there.apply(CLAIM)
    there.apply(SERVICES)
    there.react(CLAIM)
    assert not there.live(CLAIM)["status"]["history"], "the set is another one since the services came"
    with there.repository(there.organization, "voltran").transaction() as git:
        git.commit({SET: b"kind: ApplicationSet\n"}, "A hand edit")
        git.push()
    there.react(CLAIM)
    assert [one["reason"] for one in there.live(CLAIM)["status"]["history"]] == ["Drifted"]
    there.react(SERVICES)
    assert not there.live(SERVICES)["status"]["history"]
