"""The statuses that Knative's controllers would write."""

from typing import Any

import pytest

from sandbox.supervisor import chart, conditions
from sandbox.supervisor.knative import Installed

URL = "http://127.0.0.1:8081"


def address(name: str) -> str:
    return f"http://{name}.test"


def live(document: Any, generation: int = 3, status: Any = None) -> dict[str, Any]:
    """A rendered object as an API server has it."""
    return {
        **document,
        "metadata": document["metadata"] | {"generation": generation},
        **({} if status is None else {"status": status}),
    }


@pytest.fixture(scope="module")
def installed() -> Installed:
    return Installed.of(chart.render({}).objects)


def ready(status: dict[str, Any]) -> tuple[str, int]:
    (condition,) = (one for one in status["conditions"] if one["type"] == "Ready")
    return condition["status"], status["observedGeneration"]


def test_each_kind_is_ready_for_the_object_as_it_is(installed: Installed) -> None:
    """What `kubectl get` shows and Helm's `--wait` looks at."""
    statuses = [
        conditions.of_service(live(installed.services[0]), URL, ready=True),
        conditions.of_broker(live(installed.brokers[0]), URL),
        *(conditions.of_trigger(live(one), address) for one in installed.triggers),
        *(conditions.of_source(live(one), URL) for one in (*installed.api_server_sources, *installed.ping_sources)),
    ]
    assert {ready(status) for status in statuses} == {("True", 3)}


def test_where_things_lead(installed: Installed) -> None:
    """Addresses are where the product's own `why`, and people, look for them."""
    service = conditions.of_service(live(installed.services[0]), URL, ready=True)
    assert (service["url"], service["address"]["url"]) == (URL, URL)
    broker = conditions.of_broker(live(installed.brokers[0]), URL)
    assert broker["address"]["url"] == f"{URL}/platform-system/infraforge"
    claims = next(one for one in installed.triggers if one["metadata"]["name"] == "infraforge-applicationclaim")
    trigger = conditions.of_trigger(live(claims), address)
    assert trigger["subscriberUri"] == "http://infraforge-application.test/"
    assert trigger["deadLetterSinkUri"] == "http://infraforge-deadletters.test/"


def test_a_service_that_does_not_serve_is_not_ready(installed: Installed) -> None:
    status = conditions.of_service(live(installed.services[0]), URL, ready=False)
    assert ready(status) == ("Unknown", 3)
    assert "latestReadyRevisionName" not in status


def test_a_status_that_says_it_already_is_left_alone(installed: Installed) -> None:
    """Moments do not count, and stay while nothing changes; a new generation does."""
    document = live(installed.services[0])
    before = conditions.of_service(document, URL, ready=True)
    for one in before["conditions"]:
        one["lastTransitionTime"] = "2020-01-01T00:00:00Z"
    again = conditions.of_service(live(document, status=before), URL, ready=True)
    assert conditions.same(before, again)
    assert again == before
    assert not conditions.same(before, conditions.of_service(live(document, 4, before), URL, ready=True))
    down = conditions.of_service(live(document, status=before), URL, ready=False)
    assert not conditions.same(before, down)
    assert {one["lastTransitionTime"] for one in down["conditions"]} != {"2020-01-01T00:00:00Z"}
