"""A credential in a claim never reaches Git, a status, or an Event; its neighbours are not kept back by it."""

import json
from typing import Any

import pytest

from shared.events import PING, Event
from tests.functions.platform import Platform, condition, example, ready

SECRET = "hunter2-of-the-canary"
APPS = "environments/nonprod/dev/applications"
SERVICES = "environments/nonprod/dev/platform"


def everything_said(platform: Platform) -> str:
    """Every file and every message in Git, every status and every Event that was ever written."""
    history = platform.git("log", "-p", "--text", "--format=%B", "main")
    return history + json.dumps([platform.kube.status_writes, platform.kube.events])


def leaking(apps: dict[str, Any]) -> dict[str, Any]:
    """The claim, with a password among the values of its second application from now on."""
    apps["spec"]["applications"][1]["values"]["password"] = SECRET
    return apps


def leave(there: Platform, apps: dict[str, Any]) -> None:
    """The claim is deleted, its removal confirmed, and it is gone."""
    there.delete(apps)
    there.annotate(apps, confirm_removal=there.live(apps)["status"]["confirmation"])
    there.react(apps)
    assert not there.exists(apps)


LEAKS: list[tuple[dict[str, Any], str, str]] = [
    ({"values": {"database": {"password": SECRET}}}, "applications[1].values.database.password", "by its key"),
    (
        {"values": {"env": [{"name": "A", "value": "a"}, {"name": "API_TOKEN", "value": SECRET}]}},
        "applications[1].values.env[1].value",
        "a variable in a list",
    ),
    (
        {"values": {"url": f"postgres://user:{SECRET}@db:5432/shop"}},
        "applications[1].values.url",
        "within an address",
    ),
]


@pytest.mark.parametrize(("change", "path", "why"), LEAKS, ids=[case[2] for case in LEAKS])
def test_a_credential_in_values(
    there: Platform, apps: dict[str, Any], change: dict[str, Any], path: str, why: str
) -> None:
    """The row is held and names the key's path; the neighbour is committed, with a spec that is fit to be read."""
    apps["spec"]["applications"][1] |= change
    live = there.apply(apps)
    rows = {row["name"]: row for row in live["status"]["applications"]}
    assert (rows["user-service"]["state"], rows["user-service"]["reason"]) == ("Held", "CredentialInValues"), why
    assert rows["user-service"]["message"].startswith(f"spec.{path}: looks like a credential, ")
    assert rows["ecommerce-platform"]["state"] == "Committed"
    assert ready(live)[:2] == ("False", "CredentialInValues")
    assert condition(live, "Stalled")[0] == "True"
    assert f"{APPS}/ecommerce-platform/values.yaml" in there.tree()
    assert f"{APPS}/user-service/values.yaml" not in there.tree()
    assert "Claim-Generation: 1" in there.message(), "the claim's commit, with what may be shown of its spec"
    assert f"Claim-Omits: {path}\n" in there.message(), "and what may not is named"
    assert SECRET not in everything_said(there)


def test_a_credential_in_a_services_values(there: Platform) -> None:
    claim = example("dev/dev-platform-claim.yaml")
    claim["spec"]["services"][1]["values"] = {"auth": {"password": SECRET}}
    live = there.apply(claim)
    assert ready(live)[1] == "CredentialInValues"
    assert "spec.services[1].values.auth.password" in ready(live)[2]
    assert f"{SERVICES}/postgres/values.yaml" in there.tree()
    assert SECRET not in everything_said(there)


def test_a_password_in_an_images_name(there: Platform, apps: dict[str, Any]) -> None:
    """What is no image's name may be anything: it is neither shown nor written, and no registry hears of it."""
    apps["spec"]["applications"][1]["image"]["repository"] = f"user:{SECRET}@ghcr.io/shop"
    live = there.apply(apps)
    assert ready(live)[1] == "InvalidImage"
    assert f"{APPS}/ecommerce-platform/values.yaml" in there.tree()
    assert SECRET not in everything_said(there)
    assert SECRET not in str(there.registry.asked)


def test_a_credential_that_comes_later_leaves_what_was_there(there: Platform, apps: dict[str, Any]) -> None:
    there.apply(apps)
    before = there.file(f"{APPS}/user-service/values.yaml")
    live = there.apply(leaking(apps))
    assert ready(live)[1] == "CredentialInValues"
    assert there.file(f"{APPS}/user-service/values.yaml") == before
    del apps["spec"]["applications"][1]["values"]["password"]
    assert ready(there.apply(apps))[0] == "True", "mended"
    assert SECRET not in everything_said(there)


def test_a_held_row_leaves_with_the_claim(there: Platform, apps: dict[str, Any]) -> None:
    """Taken out, and the claim deleted: nothing of it is said on the way out either."""
    there.apply(leaking(apps))
    live = there.apply(apps, applications=apps["spec"]["applications"][:1])
    assert ready(live)[0] == "True"
    assert [row["name"] for row in live["status"]["applications"]] == ["ecommerce-platform"]
    there.apply(apps)
    leave(there, apps)
    assert SECRET not in everything_said(there)


def test_a_held_row_that_was_in_git_is_removed(there: Platform, apps: dict[str, Any]) -> None:
    """Its good files of before go with it when it is taken out of the claim."""
    there.apply(apps)
    there.apply(leaking(apps))
    live = there.apply(apps, applications=apps["spec"]["applications"][:1])
    assert ready(live)[0] == "True"
    assert f"{APPS}/user-service/values.yaml" not in there.tree()
    assert SECRET not in everything_said(there)


def test_a_password_among_the_rows_of_a_deleted_claims_image(there: Platform, apps: dict[str, Any]) -> None:
    """The removing commit carries the spec as well."""
    apps["spec"]["applications"][1]["image"]["repository"] = f"user:{SECRET}@ghcr.io/shop"
    there.apply(apps)
    leave(there, apps)
    assert SECRET not in everything_said(there)


def test_a_held_row_is_looked_at_by_every_resync_and_said_once(there: Platform, apps: dict[str, Any]) -> None:
    there.apply(leaking(apps))
    writes, head = len(there.kube.status_writes), there.head()
    process = there.reconciler("ApplicationClaim")
    for _ in range(3):
        process.react(Event("e", PING))
    assert (len(there.kube.status_writes), there.head()) == (writes, head)
