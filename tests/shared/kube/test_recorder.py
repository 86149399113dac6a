"""Events for `kubectl describe`: accepted by an API server, told once, and never in the way."""

import copy
import logging
import re
from typing import Any

import pytest

from shared.errors import Forbidden, KubeUnavailable
from shared.kube.recorder import Recorder
from tests.fakes import FakeKube

CLAIM: dict[str, Any] = {
    "apiVersion": "platform.infraforge.io/v1alpha1",
    "kind": "ApplicationClaim",
    "metadata": {"name": "dev-apps", "namespace": "dev", "uid": "u-1", "resourceVersion": "7"},
}
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
"""k8s.io/apimachinery: IsDNS1123Subdomain, at most 253 characters."""


def told(
    kube: FakeKube,
    claim: dict[str, Any] = CLAIM,
    *,
    normal: bool = True,
    reason: str = "Committed",
    message: str = "all is in Git",
) -> dict[str, Any]:
    """The Event that was written."""
    Recorder(kube, "ApplicationClaim").record(claim, normal=normal, reason=reason, message=message)
    return dict(kube.events[-1])


def test_an_event() -> None:
    """Every field that `kubectl describe` and `kubectl events` show; involved is exactly the claim that was read."""
    event = told(FakeKube())
    assert event["involvedObject"] == {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "ApplicationClaim",
        "name": "dev-apps",
        "namespace": "dev",
        "uid": "u-1",
        "resourceVersion": "7",
    }
    assert (event["type"], event["reason"], event["message"]) == ("Normal", "Committed", "all is in Git")
    assert event["metadata"]["namespace"] == "dev", "an API server wants the namespace of the involved object"
    assert event["source"] == {"component": "infraforge-application"}
    assert event["firstTimestamp"] == event["lastTimestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["firstTimestamp"])


def test_a_warning() -> None:
    assert told(FakeKube(), normal=False)["type"] == "Warning"


def test_the_same_story_is_told_once() -> None:
    """A redelivery of the same change makes the same name, which the API server refuses."""
    kube = FakeKube()
    told(kube)
    told(kube)
    assert len(kube.events) == 1
    told(kube, reason="Other")
    told(kube, message="other")
    told(kube, normal=False)
    later = copy.deepcopy(CLAIM)
    later["metadata"]["resourceVersion"] = "8"
    told(kube, later)
    assert len(kube.events) == 5


NAMES = [
    ("dev-apps", "as they are"),
    ("a" * 253, "as long as a name can be"),
    ("a" * 199 + "-" + "b" * 50, "cut behind a dash"),
    ("a" * 199 + "." + "b" * 50, "cut behind a dot"),
    ("a" * 198 + "-." + "b" * 50, "cut behind both"),
]


@pytest.mark.parametrize(("name", "why"), NAMES, ids=[case[1] for case in NAMES])
def test_an_events_name_is_one_that_kubernetes_takes(name: str, why: str) -> None:
    claim = copy.deepcopy(CLAIM)
    claim["metadata"]["name"] = name
    event = told(FakeKube(), claim)["metadata"]["name"]
    assert len(event) <= 253, why
    assert re.fullmatch(_SUBDOMAIN, event), why


def test_a_long_message_is_cut_within_a_character() -> None:
    """The API server refuses more than 1024 bytes."""
    message = told(FakeKube(), message="€" * 1000)["message"]
    assert message == "€" * 333


class Refusing(FakeKube):
    """An API server that takes no Events."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def create(self, *_: Any) -> Any:
        raise self._error


@pytest.mark.parametrize("error", [Forbidden("RBAC: no events"), KubeUnavailable("the API server is down")])
def test_what_cannot_be_told_is_logged(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """An Event is news, never state: the claim's own way goes on."""
    with caplog.at_level(logging.WARNING):
        Recorder(Refusing(error), "ApplicationClaim").record(CLAIM, normal=True, reason="R", message="m")
    assert caplog.messages == [f"no Event for dev-apps: {error}"]
