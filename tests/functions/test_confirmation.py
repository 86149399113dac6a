"""What would take too much away waits for a person; what that person confirms is exactly that."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.events import PING, Event
from shared.kube.client import VOLUME_CLAIMS
from shared.removal import Limits
from tests.functions.platform import KINDS, Platform, condition, example, ready
from tests.functions.removals import APPS, EXAMPLES, SET, confirm

SERVICES = "environments/nonprod/dev/platform"


SERVICE_SET = "appsets/nonprod/platform/dev-platform-appset.yaml"


def only(*names: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda rows: [row for row in rows if row["name"] in names]


def many(count: int) -> list[dict[str, Any]]:
    template = example(EXAMPLES["ApplicationClaim"])["spec"]["applications"][0]
    return [template | {"name": f"a{number}"} for number in range(count)]


DEFAULT = Limits()
RULES = [
    (3, 0, DEFAULT, "nothing would be left of the environment", "an emptied list"),
    (14, 2, DEFAULT, "more than 10 would go at once", "many"),
    (5, 2, DEFAULT, "more than 50% of the environment would go at once", "most of them"),
]


@pytest.mark.parametrize(("count", "left", "limits", "objection", "why"), RULES, ids=[case[4] for case in RULES])
def test_what_is_held(
    there: Platform, apps: dict[str, Any], count: int, left: int, limits: Limits, objection: str, why: str
) -> None:
    """What stays in the claim is written meanwhile, and the right annotation lets the rest go."""
    there.settings["limits"] = limits
    rows = many(count)
    there.apply(apps, applications=rows)
    wanted = [row | {"values": {"replicas": 9}} for row in rows[:left]]
    live = there.apply(apps, applications=wanted)
    gone = sorted(row["name"] for row in rows[left:])
    confirmation = live["status"]["confirmation"]
    assert ready(live) == (
        "False",
        "ConfirmationRequired",
        f"removing {', '.join(gone)} waits for a confirmation, since {objection}; to go on: kubectl annotate "
        "--overwrite applicationclaim/dev-apps -n dev "
        f"platform.infraforge.io/confirm-removal={confirmation}",
    ), why
    assert confirmation.startswith(f"remove-{count - left}-")
    assert condition(live, "Reconciling")[0] == "True"
    states = {row["name"]: row["state"] for row in live["status"]["applications"]}
    assert states == {row["name"]: "Committed" for row in wanted} | dict.fromkeys(gone, "Held")
    for row in rows:
        text = there.file(f"{APPS}/{row['name']}/values.yaml")
        assert ("replicas: 9" in text) == (row in rows[:left]), "nothing else is held back"
    head = there.head()
    there.reconciler("ApplicationClaim").react(Event("e", PING))
    assert (there.head(), there.live(live)) == (head, live), "it waits, however often it is looked at"
    confirm(there, live)
    assert ready(there.live(live))[0] == "True"
    assert "confirmation" not in there.live(live)["status"]
    assert there.changes().keys() - {SET} == {f"{APPS}/{name}/values.yaml" for name in gone}


def test_what_was_never_written_is_nothing_that_would_be_left(there: Platform, apps: dict[str, Any]) -> None:
    """The only application makes room for one that is held back: without both nothing would run."""
    (row,) = many(1)
    there.apply(apps, applications=[row])
    new = row | {"name": "new", "values": {"password": "hunter2-of-the-canary"}}
    live = there.apply(apps, applications=[new])
    assert {row["name"]: row["state"] for row in live["status"]["applications"]} == {"new": "Held", "a0": "Held"}
    assert live["status"]["confirmation"].startswith("remove-1-")
    assert f"{APPS}/a0/values.yaml" in there.tree()


def test_what_keeps_data_is_held_with_its_volumes(there: Platform, services: dict[str, Any]) -> None:
    """One service of two is not many; but its data would be gone."""
    for name, release in (("data-b", "dev-platform-rabbitmq"), ("data-a", "dev-platform-rabbitmq"), ("x", "other")):
        labels = {"app.kubernetes.io/instance": release}
        metadata = {"name": name, "namespace": services["metadata"]["namespace"], "labels": labels}
        there.kube.put(VOLUME_CLAIMS, {"metadata": metadata})
    there.apply(services)
    kept = only("postgres")(services["spec"]["services"])
    live = there.apply(services, services=kept)
    assert ready(live)[1] == "ConfirmationRequired"
    assert ready(live)[2].startswith(
        "removing rabbitmq (volume claims data-a, data-b) waits for a confirmation, since what keeps data would go; "
    )
    assert f"{SERVICES}/rabbitmq/values.yaml" in there.tree()
    confirm(there, live)
    assert ready(there.live(live)) == ("True", "Committed", "all 1 services are in Git")
    assert there.changes().keys() - {SERVICE_SET} == {f"{SERVICES}/rabbitmq/values.yaml"}


def test_a_rename_of_what_keeps_data_is_a_removal(there: Platform, services: dict[str, Any]) -> None:
    """The new one is written at once; the old one stays until somebody says so."""
    there.apply(services)
    services["spec"]["services"][0] |= {"name": "database", "chart": {"name": "postgres"}}
    live = there.apply(services)
    assert ready(live)[1] == "ConfirmationRequired"
    assert {f"{SERVICES}/database/values.yaml", f"{SERVICES}/postgres/values.yaml"} <= set(there.tree())
    confirm(there, live)
    assert f"{SERVICES}/postgres/values.yaml" not in there.tree()


def test_the_annotation_of_another_removal_does_not_count(there: Platform, services: dict[str, Any]) -> None:
    """Left there from the last time, or copied from another claim's message."""
    there.apply(services)
    first = there.apply(services, services=services["spec"]["services"][:1])
    there.annotate(services, confirm_removal=first["status"]["confirmation"])
    there.claim(there.live(services), services=services["spec"]["services"][1:])
    there.react(services)
    live = there.live(services)
    assert ready(live)[1] == "ConfirmationRequired"
    assert live["status"]["confirmation"] != first["status"]["confirmation"]
    assert f"{SERVICES}/postgres/values.yaml" in there.tree()


def test_an_application_that_comes_back_ends_the_question(there: Platform, services: dict[str, Any]) -> None:
    there.apply(services)
    before = there.files()
    there.apply(services, services=services["spec"]["services"][:1])
    live = there.apply(services)
    assert ready(live)[0] == "True"
    assert "confirmation" not in live["status"]
    assert [row["state"] for row in live["status"]["services"]] == ["Committed", "Committed"]
    assert there.files() == before


def test_a_question_that_is_no_longer_asked_leaves_the_status_of_a_deleted_claim(
    there: Platform, services: dict[str, Any]
) -> None:
    """Deleting asks for everything; what was asked before is answered by no one any more."""
    there.apply(services)
    first = there.apply(services, services=services["spec"]["services"][:1])["status"]["confirmation"]
    there.delete(services)
    second = there.live(services)["status"]["confirmation"]
    assert first != second
    assert "postgres, rabbitmq" in ready(there.live(services))[2]
    there.annotate(services, confirm_removal=first)
    there.react(services)
    assert there.exists(services)
    confirm(there, services)
    assert not there.exists(services)
    assert [path for path in there.tree() if path.startswith(SERVICES)] == [f"{SERVICES}/.gitkeep"]


def test_what_a_lost_status_never_named_is_asked_for_as_well(there: Platform, services: dict[str, Any]) -> None:
    """A service came with generation 2, whose status was lost, and is out of generation 3: it may hold data by now."""
    there.apply(services, services=services["spec"]["services"][:1])
    first = there.live(services)
    there.apply(services)
    there.kube.objects["platformclaims", first["metadata"]["namespace"], "dev-platform"]["status"] = first["status"]
    live = there.apply(services, services=services["spec"]["services"][:1])
    assert live["metadata"]["generation"] == 3
    assert f"{SERVICES}/rabbitmq/values.yaml" in there.tree()
    assert ready(live)[1] == "ConfirmationRequired"


@pytest.mark.parametrize("kind", ["ApplicationClaim", "PlatformClaim"])
def test_a_claim_that_is_made_anew_and_would_remove_asks_at_every_look(there: Platform, kind: str) -> None:
    """Nothing of what is there is taken for a stranger's, at the second look neither."""
    there.settings["limits"] = DEFAULT
    claim = example(EXAMPLES[kind])
    rows = "applications" if kind == "ApplicationClaim" else "services"
    metadata = there.apply(claim)["metadata"]
    before = there.files()
    there.kube.objects.pop((KINDS[kind].resource.plural, metadata["namespace"], metadata["name"]))
    live = there.apply(claim, **{rows: []})
    for _ in range(3):
        there.reconciler(kind).react(Event("e", PING))
    assert ready(there.live(live))[:2] == ("False", "ConfirmationRequired")
    assert before.items() - there.files().items() <= {(path, text) for path, text in before.items() if "appset" in path}
    assert [row["state"] for row in there.live(live)["status"][rows]] == ["Held", "Held"]
