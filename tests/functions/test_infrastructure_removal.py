"""Namespaces that are to go, which a person is asked about first, and writes that end in the middle."""

import pytest
import yaml

from shared.kinds import INFRASTRUCTURE
from shared.kube.client import VOLUME_CLAIMS
from tests.functions.infrastructure import APPS, CLAIM, SERVICES, SET, SHOP, VALUES, confirm, named, namespaces, rows
from tests.functions.platform import Platform, example, ready


def test_a_namespace_taken_out_waits_for_a_person_who_hears_what_is_in_it(there: Platform) -> None:
    """However small the removal: with a namespace would go everything in it."""
    there.apply(CLAIM, namespaces=[SHOP, *CLAIM["spec"]["namespaces"]])
    there.apply(APPS)
    there.kube.put(VOLUME_CLAIMS, {"kind": "PersistentVolumeClaim", "metadata": {"name": "data-0", "namespace": "dev"}})
    head = there.head()
    live = there.apply(CLAIM, namespaces=[SHOP])
    status, reason, message = ready(live)
    assert (status, reason) == ("False", "ConfirmationRequired")
    assert message.startswith(
        "removing dev (home of ApplicationClaim dev-apps; volume claims data-0) waits for a confirmation, "
        "since what is in a namespace would be nobody's: it stays, with its volumes, until a person deletes the "
        "namespace; to go on: kubectl annotate --overwrite infrastructureclaim/dev-infrastructure "
        "-n platform-system platform.infraforge.io/confirm-removal=remove-1-"
    )
    assert rows(live) == {"shop": ("Committed", "Committed"), "dev": ("Held", "ConfirmationRequired")}
    assert namespaces(there) == ["dev", "shop"]
    assert there.head() == head
    live = there.live(confirm(there, live))
    assert ready(live)[0] == "True"
    assert rows(live) == {"shop": ("Committed", "Committed")}
    assert namespaces(there) == ["shop"]


def test_what_lives_on_another_cluster_is_not_looked_for_on_this_one(there: Platform) -> None:
    """A namespace here may be called the same; what is in it has nothing to do with the removal."""
    clusters = example("bootstrap-claim.yaml")["spec"]["clusters"]
    clusters[1]["destination"] = {"name": "production"}
    there.apply(example("bootstrap-claim.yaml"), clusters=clusters)
    there.apply(APPS)
    there.kube.put(VOLUME_CLAIMS, {"kind": "PersistentVolumeClaim", "metadata": {"name": "data-0", "namespace": "dev"}})
    far = named("prod", clusterType="prod", environment="prod", namespaces=[SHOP, {"name": "dev"}])
    there.apply(far)
    live = there.apply(far, namespaces=[SHOP])
    assert ready(live)[2].startswith("removing dev waits for a confirmation")


def test_what_is_held_keeps_what_git_says_of_it(there: Platform) -> None:
    """The neighbours of a namespace that waits go on, and its own entry is not touched."""
    there.apply(CLAIM)
    before = yaml.safe_load(there.file(VALUES))["namespaces"][0]
    there.apply(CLAIM, namespaces=[SHOP | {"labels": {"team": "new"}}])
    kept, shop = yaml.safe_load(there.file(VALUES))["namespaces"]
    assert kept == before
    assert shop == {"name": "shop", "labels": {"team": "new"}}


def test_a_claim_in_deletion_waits_too(there: Platform) -> None:
    there.apply(CLAIM)
    there.delete(CLAIM)
    live = there.live(CLAIM)
    assert ready(live)[1] == "ConfirmationRequired"
    assert VALUES in there.tree()
    there.annotate(live, confirm_removal="remove-1-ffffffff")
    there.react(live)
    assert there.exists(CLAIM), "another removal was confirmed"


class Killed(BaseException):
    """What no code of ours catches."""


def killed_at(step: str, platform: Platform) -> None:
    """The function is killed when it begins this step for the claim; the next one starts on its disk."""

    def trace(name: str) -> None:
        if name == step:
            raise Killed

    platform.settings["trace"] = trace
    with pytest.raises(Killed):
        platform.react(CLAIM)
    del platform.settings["trace"]


@pytest.mark.parametrize("step", INFRASTRUCTURE.steps_of_work)
def test_killed_while_it_writes(there: Platform, step: str) -> None:
    """Another look makes good what is missing, and nothing is done twice."""
    there.claim(CLAIM)
    killed_at(step, there)
    there.react(CLAIM)
    live = there.live(CLAIM)
    assert ready(live)[0] == "True"
    assert live["status"]["commit"]["sha"] == there.head()
    assert namespaces(there) == ["dev"]
    ours = there.git("log", "--format=%B", "main").count("Claim: InfrastructureClaim/")
    assert ours == 1


@pytest.mark.parametrize("step", INFRASTRUCTURE.steps_of_removal)
def test_killed_while_it_leaves(there: Platform, step: str) -> None:
    """What a person has confirmed goes on; the neighbour's part of the set stays."""
    there.apply(SERVICES)
    made = there.file(SET)
    there.apply(CLAIM)
    there.delete(CLAIM)
    there.annotate(CLAIM, confirm_removal=there.live(CLAIM)["status"]["confirmation"])
    killed_at(step, there)
    if there.exists(CLAIM):
        there.react(CLAIM)
    assert not there.exists(CLAIM)
    assert VALUES not in there.tree()
    assert there.file(SET) == made


def test_the_platform_is_not_taken_from_under_its_namespaces(there: Platform) -> None:
    """The bootstrap function's other kind counts as the others do."""
    there.apply(CLAIM)
    there.delete(example("bootstrap-claim.yaml"))
    status, reason, message = ready(there.live(example("bootstrap-claim.yaml")))
    assert (status, reason) == ("False", "InUse")
    assert "InfrastructureClaim platform-system/dev-infrastructure" in message
