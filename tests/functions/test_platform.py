"""The platform function: one commit a change, and a clear word about what is not built yet."""

from typing import Any

import pytest

from tests.functions.conftest import Platform, condition, example, ready

SERVICES = "environments/nonprod/dev/platform"


@pytest.fixture
def claim() -> dict[str, Any]:
    """The seed's PlatformClaim."""
    return example("dev/dev-platform-claim.yaml")


@pytest.fixture
def there(platform: Platform) -> Platform:
    """A platform that is bootstrapped."""
    platform.bootstrap()
    return platform


def commits(platform: Platform) -> int:
    return int(platform.git("rev-list", "--count", "main"))


def test_second_event_changes_nothing(there: Platform, claim: dict[str, Any]) -> None:
    """Replay twice: no commit, no push, no status write, no Event."""
    live = there.apply(claim)
    assert ready(live) == ("True", "Committed", "all 2 services are in Git")
    before = commits(there), len(there.kube.status_writes), len(there.kube.events)
    there.react(live, "event-2")
    assert before == (commits(there), len(there.kube.status_writes), len(there.kube.events))


def test_external_services_are_held_and_say_so(there: Platform, claim: dict[str, Any]) -> None:
    """The schema takes `external`; the function answers with a reason, and deploys the neighbours."""
    claim["spec"]["services"][1]["type"] = "external"
    live = there.apply(claim)
    message = (
        "rabbitmq: type external is not built yet; use type internal, "
        "or take the service out of the claim and bind to it by values"
    )
    assert ready(live) == ("False", "ExternalNotSupported", message)
    assert condition(live, "Stalled") == ("True", "ExternalNotSupported", message)
    assert f"{SERVICES}/postgres/values.yaml" in there.tree()
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


def test_neighbours_of_one_environment_do_not_touch_each_other(there: Platform, claim: dict[str, Any]) -> None:
    """ApplicationClaim and PlatformClaim of one environment: each leaves the other's files alone."""
    there.apply(example("dev/dev-apps-claim.yaml"))
    applications = [path for path in there.tree() if "/applications/" in path]
    there.apply(claim)
    assert applications == [path for path in there.tree() if "/applications/" in path]
