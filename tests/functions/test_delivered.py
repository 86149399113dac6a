"""The condition `Delivered` of a claim: another function's, and gone with the next look that comes to something."""

from typing import Any

import pytest

from functions.deadletters import letter as letters
from functions.deadletters.arrival import parse
from functions.deadletters.notice import Notice
from shared.claims.status import Condition
from shared.conditions import find
from shared.errors import TransientError
from shared.events import PING, ClaimRef, Event
from tests.functions.letterbox import SYSTEM, binary, given_up
from tests.functions.platform import Platform

REF = ClaimRef("ApplicationClaim", "dev", "dev-apps")


def tell(platform: Platform) -> None:
    """The deadletters function tells the claim of an event that was given up."""
    letter = letters.document(parse(binary(**given_up()), b"{}"), SYSTEM, "2026-11-23T12:00:00Z")
    Notice(platform.kube).give(REF, letter, is_new=True)


def conditions(platform: Platform, claim: dict[str, Any]) -> list[Condition]:
    return [Condition.model_validate(one) for one in platform.live(claim)["status"]["conditions"]]


def ready(platform: Platform, claim: dict[str, Any]) -> tuple[str, str]:
    found = find(conditions(platform, claim), "Ready")
    assert found is not None
    return found.status, found.reason


def test_the_next_look_takes_it_away(there: Platform, apps: dict[str, Any]) -> None:
    """Our write comes back as an event, and the function that looks then has dealt with the claim."""
    claim = there.apply(apps)
    before = conditions(there, claim)
    tell(there)
    assert find(conditions(there, claim), "Delivered") is not None
    assert ready(there, claim) == ("True", "Committed"), "readiness is another matter"
    there.react(there.live(claim))
    assert conditions(there, claim) == before


def test_a_resync_takes_it_away_where_the_echo_was_lost(there: Platform, apps: dict[str, Any]) -> None:
    """Of a process that knew the claim as settled, too: it was another state of it."""
    claim = there.apply(apps)
    function = there.reconciler("ApplicationClaim")
    function.react(Event("ping-1", PING))
    tell(there)
    function.react(Event("ping-2", PING))
    assert find(conditions(there, claim), "Delivered") is None


def test_a_claim_that_is_refused_for_good_was_dealt_with(there: Platform, apps: dict[str, Any]) -> None:
    claim = there.apply(apps, environment="nowhere")
    assert ready(there, claim)[0] == "False"
    tell(there)
    there.react(there.live(claim))
    assert find(conditions(there, claim), "Delivered") is None


def test_a_look_that_fails_leaves_it_so_that_there_is_an_end(there: Platform, apps: dict[str, Any]) -> None:
    """Looks fail, their events are given up, the claim is told: after the first round nothing is written any more."""
    claim = there.apply(apps)
    there.repositories.clear()
    server = there.server
    there.server = type(server)("http://127.0.0.1:9", server.token, server.readonly, server.admin)
    writes = []
    for _ in range(4):
        _fail(there, claim)
        tell(there)
        writes.append(len(there.kube.status_writes))
    assert writes[1] == writes[2] == writes[3]
    assert find(conditions(there, claim), "Delivered") is not None
    assert ready(there, claim) == ("False", "GiteaUnavailable")
    there.repositories.clear()
    there.server = server
    there.react(there.live(claim))
    assert find(conditions(there, claim), "Delivered") is None
    assert ready(there, claim) == ("True", "Committed")


def _fail(platform: Platform, claim: dict[str, Any]) -> None:
    """One event, as often as the Broker tries it."""
    for _ in range(2):
        with pytest.raises(TransientError):
            platform.react(platform.live(claim))
