"""The platform function: one commit a change, and a clear word about what is not built yet."""

from typing import Any

import pytest

from shared.kinds import PLATFORM
from tests.functions.platform import Platform, condition, example, ready

SERVICES = "environments/nonprod/dev/platform"


@pytest.fixture
def claim() -> dict[str, Any]:
    """The seed's PlatformClaim."""
    return example("dev/dev-platform-claim.yaml")


def commits(platform: Platform) -> int:
    return int(platform.git("rev-list", "--count", "main"))


def test_second_event_changes_nothing(there: Platform, claim: dict[str, Any]) -> None:
    """Replay twice: no commit, no push, no status write, no Event."""
    live = there.apply(claim)
    assert ready(live) == ("True", "Committed", "all 2 services are in Git")
    before = commits(there), len(there.kube.status_writes), len(there.kube.events)
    there.react(live, "event-2")
    assert before == (commits(there), len(there.kube.status_writes), len(there.kube.events))


def external(claim: dict[str, Any], **values: Any) -> dict[str, Any]:
    """The claim with its second service run by somebody else."""
    claim["spec"]["services"][1] |= {"type": "external", "values": values}
    return claim


def test_an_external_service_is_known_and_not_deployed(there: Platform, claim: dict[str, Any]) -> None:
    """It is there for who is bound to it: no file, no password, no Application; its neighbour is as ever."""
    live = there.apply(external(claim, host="mq.example.com", port=5671))
    assert ready(live) == ("True", "Committed", "all 1 services are in Git")
    row = live["status"]["services"][1]
    assert row == {
        "name": "rabbitmq",
        "state": "Committed",
        "reason": "External",
        "message": "nothing of it is deployed: applications that are bound to it get what values.host, values.port say",
    }
    assert f"{SERVICES}/postgres/values.yaml" in there.tree()
    assert f"{SERVICES}/rabbitmq/values.yaml" not in there.tree()
    apps = example("dev/dev-apps-claim.yaml")
    apps["spec"]["applications"][0]["bindings"] = ["rabbitmq"]
    assert ready(there.apply(apps))[0] == "True"
    assert "host: mq.example.com" in there.file("environments/nonprod/dev/applications/ecommerce-platform/values.yaml")


def test_an_external_service_that_is_nowhere(there: Platform, claim: dict[str, Any]) -> None:
    """It says what is missing, and its neighbour is deployed."""
    live = there.apply(external(claim, host="mq.example.com"))
    message = "rabbitmq: it is external, and its values name no port: give values.host and values.port"
    assert ready(live) == ("False", "ExternalUnknown", message)
    assert condition(live, "Stalled") == ("True", "ExternalUnknown", message)
    assert f"{SERVICES}/postgres/values.yaml" in there.tree()


def test_a_service_that_moves_out_is_asked_for_first(there: Platform, claim: dict[str, Any]) -> None:
    """It keeps data: what ran here stays until a person confirms, under its one row, and then goes."""
    there.apply(claim)
    live = there.apply(external(claim, host="mq.example.com", port=5671))
    assert ready(live)[1] == "ConfirmationRequired"
    rows = [(row["name"], row["state"], row["reason"]) for row in live["status"]["services"]]
    assert rows == [("postgres", "Committed", "Committed"), ("rabbitmq", "Held", "ConfirmationRequired")]
    assert f"{SERVICES}/rabbitmq/values.yaml" in there.tree()
    there.annotate(live, confirm_removal=live["status"]["confirmation"])
    there.react(live)
    live = there.live(live)
    assert ready(live)[0] == "True"
    assert live["status"]["services"][1]["reason"] == "External"
    assert f"{SERVICES}/rabbitmq/values.yaml" not in there.tree()


def test_a_service_taken_out_leaves_and_foreign_folders_stay(there: Platform, claim: dict[str, Any]) -> None:
    """The folder `namespaces` is another claim's: it is never touched from here."""
    with there.repository(there.organization, "voltran").transaction() as git:
        git.commit({f"{SERVICES}/namespaces/values.yaml": b"namespaces: []\n"}, "An InfrastructureClaim's commit")
        git.push()
    there.apply(claim)
    live = there.apply(claim, services=claim["spec"]["services"][:1])
    assert ready(live)[1] == "ConfirmationRequired", "it keeps data"
    assert f"{SERVICES}/rabbitmq/values.yaml" in there.tree()
    there.annotate(live, confirm_removal=live["status"]["confirmation"])
    there.react(live)
    inside = [path for path in there.tree() if path.startswith(f"{SERVICES}/")]
    assert inside == [
        f"{SERVICES}/.gitkeep",
        f"{SERVICES}/namespaces/values.yaml",
        f"{SERVICES}/postgres/values.yaml",
    ]


def test_who_uses_a_service_is_named_before_it_goes(there: Platform, claim: dict[str, Any]) -> None:
    """In the request for the confirmation, and only for the service that is used."""
    live = there.apply(claim)
    apps = example("dev/dev-apps-claim.yaml")
    apps["spec"]["applications"][0]["bindings"] = ["postgres"]
    there.apply(apps)
    there.kube.remove(PLATFORM.resource, "platform-services", "dev-platform")
    there.react(live)
    assert ready(there.live(live))[2].startswith(
        "removing postgres (used by ApplicationClaim dev/dev-apps), rabbitmq waits for a confirmation, since "
    )


def test_neighbours_of_one_environment_do_not_touch_each_other(there: Platform, claim: dict[str, Any]) -> None:
    """ApplicationClaim and PlatformClaim of one environment: each leaves the other's files alone."""
    there.apply(example("dev/dev-apps-claim.yaml"))
    applications = [path for path in there.tree() if "/applications/" in path]
    there.apply(claim)
    assert applications == [path for path in there.tree() if "/applications/" in path]
