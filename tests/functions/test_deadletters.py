"""What is kept of events that were given up: recorded ones, hostile ones, too large ones, too many."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.deadletters import letter as letters
from functions.deadletters.arrival import GIVEN_UP, Arrival, error_of, parse
from functions.deadletters.store import LETTERS
from shared.claims.deadletter import MAX_ATTRIBUTE
from shared.errors import Forbidden, InvalidEvent, KubeConflict, KubeUnavailable, TransientError
from shared.events import Event
from shared.events import parse as parse_hint
from shared.kinds import APPLICATION
from shared.kube.client import KubeRefused
from tests.functions.letterbox import SYSTEM, binary, given_up
from tests.functions.office import Office
from tests.functions.platform import example
from tests.shared.claims.admission import faults


def recorded(name: str) -> list[tuple[str, Any]]:
    """The dead letters in a recording, each with its case."""
    lines = (Path(__file__).parents[1] / "recordings" / "knative" / name).read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    return [(case["case"], one) for case in cases for one in case.get("arrivals", ()) if one["role"] == "dead-letter"]


RECORDED = recorded("deliveries.jsonl")
CLUSTER = recorded("cluster.jsonl")
UNTOLD = {"hangs", "answer-200-text-ok"}
CANARY = "hunter2-of-a-claim"


@pytest.mark.parametrize(("case", "arrival"), RECORDED, ids=[case for case, _ in RECORDED])
def test_what_knative_was_seen_to_give_up(office: Office, case: str, arrival: Any) -> None:
    """Real dead letters: each becomes an object that the API server takes, and says who did not take the event."""
    event = parse(arrival["headers"], arrival["body"].encode())
    office.handler.react(event)
    (letter,) = office.kept()
    assert faults(letter) == []
    spec, name = letter["spec"], arrival["headers"]["Ce-Id"].removeprefix("e-")
    assert (spec["trigger"], spec["code"]) == (f"t/{name}", arrival["headers"]["Ce-Knativeerrorcode"])
    if case.startswith("answer-200-"):
        assert spec["error"] == "", "Knative says nothing of a reply that is none"
    if case == "refused":
        assert "connection refused" in spec["error"]
    if case == "error-body-300-bytes":
        assert spec["error"] == "x" * 300
    assert letters.event_of(letter) == _original(arrival)


@pytest.mark.parametrize(("case", "arrival"), CLUSTER, ids=[case for case, _ in CLUSTER])
def test_what_a_whole_knative_was_seen_to_give_up(office: Office, case: str, arrival: Any) -> None:
    """After a time-out it does not say that the event was given up at all; it is kept as every other."""
    office.handler.react(parse(arrival["headers"], arrival["body"].encode()))
    (letter,) = office.kept()
    assert faults(letter) == []
    spec, told = letter["spec"], case not in UNTOLD
    assert spec["destination"] == ("http://infraforge-application.platform-system.svc.cluster.local" if told else "")
    assert spec["code"] == arrival["headers"].get("Ce-Knativeerrorcode", "")
    assert (spec["code"] != "", spec["error"] != letters.NOT_TOLD) == (told, told), case
    assert letters.event_of(letter) == _original(arrival)


def _original(arrival: Any) -> tuple[dict[str, str], bytes]:
    """The event without what its Broker added, as it is sent again."""
    original = {
        key.lower(): value
        for key, value in arrival["headers"].items()
        if key.lower().startswith("ce-") and not key.lower().startswith("ce-knative")
    }
    return original | {"content-type": "application/json"}, arrival["body"].encode()


def test_there_are_recordings() -> None:
    assert (len(RECORDED) > 25, {case for case, _ in CLUSTER} > UNTOLD) == (True, True)


ANSWERS: list[tuple[str, tuple[str, str], str]] = [
    ("", ("", ""), "nothing is said"),
    ("%%%", ("", ""), "no base64"),
    (base64.b64encode(b"plain words").decode(), ("", "plain words"), "the answer itself, as with Kafka"),
    (base64.b64encode(b'{"errdestination":"http://x"}').decode(), ("http://x", ""), "no body"),
    (
        base64.b64encode(b'{"errdestination":"http://x","errresponsebody":"YWJjZ').decode(),
        ("http://x", "abc"),
        "cut off",
    ),
    ("YQ", ("", "a"), "without its end"),
    ("YWJjZ", ("", "abc"), "cut in the middle of a byte"),
    (base64.b64encode(b'{"message": "no"}').decode(), ("", '{"message": "no"}'), "another's JSON"),
]


@pytest.mark.parametrize(("encoded", "expected", "reason"), ANSWERS, ids=[case[2] for case in ANSWERS])
def test_what_was_answered(encoded: str, expected: tuple[str, str], reason: str) -> None:
    assert error_of({"knativeerrordata": encoded}) == expected, reason


TRIGGERS = [
    ("http://f/triggers/a/b/uid", "a/b", "as MTChannelBasedBroker's filter has it"),
    ("http://f/triggers/a/b", "a/b", "without the uid"),
    ("http://f/triggers/a/b/uid/more", None, "another path"),
    ("http://function.ns.svc", None, "a subscriber's own address, as with Kafka"),
    ("http://[", None, "no address"),
    ("", None, "nothing"),
    ("http://f/triggers/A b/../c", None, "no names"),
]


@pytest.mark.parametrize(("destination", "expected", "reason"), TRIGGERS, ids=[case[2] for case in TRIGGERS])
def test_which_trigger(destination: str, expected: str | None, reason: str) -> None:
    assert letters.trigger_of(destination) == expected, reason


NO_EVENTS: list[tuple[dict[str, str], bytes, str]] = [
    ({}, b"garbage", "nothing at all"),
    (binary() | {"ce-id": ""}, b"", "no id"),
    (binary(type=""), b"", "no type"),
    (binary(source=""), b"", "no source"),
    (binary(specversion=""), b"", "no version"),
    (binary() | {"ce-odd-name": "x"}, b"", "a name that no attribute has"),
    (binary(long="x" * (MAX_ATTRIBUTE + 1)), b"", "an attribute beyond all bounds"),
    (binary(**{f"a{number}": "x" for number in range(65)}), b"", "too many"),
    ({"content-type": "application/cloudevents+json"}, b"[]", "a list"),
    ({"content-type": "application/cloudevents+json"}, b"{", "no JSON"),
    ({"content-type": "application/cloudevents+json"}, b"\xff", "no UTF-8"),
    ({"content-type": "application/cloudevents+json"}, b"[" * 100_000, "deep nesting"),
    ({"content-type": "application/cloudevents-batch+json"}, b"[{}]", "a batch"),
    ({"content-type": "application/cloudevents+json"},
     b'{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"?"}', "no base64"),
    ({"content-type": "application/cloudevents+json"},
     b'{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":7}', "a number for base64"),
    ({"content-type": "application/cloudevents+json"},
     b'{"specversion":"1.0","id":{"a":1},"source":"s","type":"t"}', "an object for an attribute"),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "body", "reason"), NO_EVENTS, ids=[case[2] for case in NO_EVENTS])
def test_what_is_no_event(headers: dict[str, str], body: bytes, reason: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(headers, body)
    assert len(str(caught.value)) < 300, reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
STRUCTURED = {"content-type": "application/cloudevents+json"}


@given(
    st.fixed_dictionaries(
        {name: st.just("1.0") | JSON for name in ("specversion", "id", "source", "type")},
        optional=dict.fromkeys(("data", "data_base64", "datacontenttype", "subject", "kind", "name", *GIVEN_UP), JSON),
    )
)
def test_whatever_a_structured_event_holds(event: dict[str, Any]) -> None:
    """It is no event, or it is kept as the API server takes it; nothing else comes of it."""
    try:
        arrival = parse(STRUCTURED, json.dumps(event).encode())
    except InvalidEvent:
        return
    letter = letters.document(arrival, SYSTEM, "2026-11-23T12:00:00Z")
    assert faults(letter) == []
    assert arrival.title.isprintable()


@given(st.binary(max_size=200))
def test_whatever_is_said_to_be_an_event(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        parse(STRUCTURED, body)


@given(st.binary(max_size=60_000))
def test_data_comes_back_byte_for_byte(data: bytes) -> None:
    arrival = Arrival("1", "t", attributes={"id": "1", "source": "s", "type": "t", "specversion": "1.0"}, data=data)
    letter = letters.document(arrival, SYSTEM, "2026-11-23T12:00:00Z")
    assert faults(letter) == []
    assert letters.event_of(letter)[1] == data


@given(st.dictionaries(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), st.text(max_size=300), max_size=30), st.text())
def test_every_letter_is_one_that_the_api_server_takes(attributes: dict[str, str], error: str) -> None:
    """Whatever the attributes hold; and what is sent again are headers."""
    given_up_with = {"knativeerrordata": base64.b64encode(error.encode()).decode(), "knativeerrordest": error}
    whole = attributes | {"id": "1", "source": "s", "type": "t", "specversion": "1.0"} | given_up_with
    letter = letters.document(Arrival("1", "t", attributes=whole), SYSTEM, "2026-11-23T12:00:00Z")
    assert faults(letter) == []
    assert letter["spec"]["error"].isprintable()
    headers, _ = letters.event_of(letter)
    assert all(value.isascii() and value.isprintable() for value in headers.values())


def test_what_is_too_large_still_says_what_functions_take_from_it() -> None:
    """The identity, the state, the environment and ArgoCD's labels: the same hint as the whole."""
    labels = {"infraforge.io/cluster-type": "nonprod", "infraforge.io/environment": "dev"}
    metadata = {"name": "dev-apps", "namespace": "dev", "uid": "u", "resourceVersion": "7", "labels": labels}
    noise = {"clusterType": "nonprod", "environment": "dev", "values": "x" * 100}
    whole = json.dumps({"apiVersion": "v", "kind": "K", "metadata": metadata, "spec": noise, "status": {}}).encode()
    for change in ("update", "delete"):
        for kind in ("ApplicationClaim", "ApplicationSet"):
            headers = binary(type=f"dev.knative.apiserver.resource.{change}", kind=kind)
            letter = letters.document(parse(headers, whole), SYSTEM, "2026-11-23T12:00:00Z", reduced=True)
            assert letter["spec"]["event"]["reduced"] is True
            assert "xxx" not in json.dumps(letter)
            assert parse_hint(*letters.event_of(letter)) == parse_hint(headers, whole)


NO_IDENTITIES = [b"", b"x" * 100, b"[1]", b'{"a": 1}', b'{"metadata": 7}', b"[" * 100_000]


@pytest.mark.parametrize("data", NO_IDENTITIES, ids=repr)
def test_what_is_too_large_and_no_object_is_kept_without_its_data(data: bytes) -> None:
    letter = letters.document(parse(binary(), data), SYSTEM, "2026-11-23T12:00:00Z", reduced=True)
    assert letter["spec"]["event"].keys() == {"attributes", "reduced"}
    assert letters.event_of(letter)[1] == b""


STORING: list[tuple[list[Exception], bool, str]] = [
    ([KubeUnavailable("down")], False, "the API server is down"),
    ([Forbidden("RBAC")], False, "RBAC can be mended"),
    ([KubeRefused("no")], True, "it is kept without its data then"),
    ([KubeRefused(f"invalid: {CANARY}")] * 2, False, "not even that"),
    ([KubeConflict("x")], True, "it comes and goes"),
    ([KubeConflict("x")] * 9, False, "it comes and goes for ever"),
]


@pytest.mark.parametrize(("faults_", "is_kept", "reason"), STORING, ids=[case[2] for case in STORING])
def test_what_is_not_stored_is_not_accepted(
    office: Office, caplog: pytest.LogCaptureFixture, faults_: list[Exception], is_kept: bool, reason: str
) -> None:
    """503, so that the Broker keeps it; and a message of the API server's may quote the event."""
    office.kube.faults["create"] = list(faults_)
    body = json.dumps({"metadata": {"name": "dev-apps"}, "spec": {"password": CANARY}}).encode()
    if is_kept:
        office.give_up(body=body)
        assert len(office.kept()) == 1, reason
    else:
        with pytest.raises(TransientError) as caught:
            office.give_up(body=body)
        assert CANARY not in str(caught.value)
        assert office.kept() == []
    assert CANARY not in caplog.text


def test_nothing_of_an_event_is_told(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """Its data is in the letter, and nowhere else; attributes that are no names are not logged either."""
    office.kube.put(APPLICATION.resource, example("dev/dev-apps-claim.yaml"))
    caplog.set_level("INFO")
    body = json.dumps({"spec": {"password": CANARY}}).encode()
    office.give_up("1", body)
    office.give_up("2", body, subject=CANARY, kind="Odd\n" + CANARY, type=f"odd {CANARY}")
    office.handler.react(parse(binary("3", kind="Odd"), body))
    office.tell(office.kept()[0]["metadata"]["name"], **given_up())
    claim = office.kube.get(APPLICATION.resource, "dev", "dev-apps")
    assert CANARY in json.dumps(office.kept())
    assert CANARY not in caplog.text + json.dumps(office.kube.events) + json.dumps((claim or {})["status"])
    assert len(office.kept()) == 3


def test_the_oldest_go(caplog: pytest.LogCaptureFixture) -> None:
    """A twentieth more than there may be is never reached, and nobody counts for every letter."""
    office = Office(most=100)
    for number in range(150):
        arrival = parse(binary(f"old-{number}"), b"")
        made = f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z"
        office.kube.put(LETTERS, letters.document(arrival, SYSTEM, made), created=made)
    office.kube.lists = 0
    for number in range(25):
        office.give_up(f"new-{number}")
        assert len(office.kept()) <= 100
    ids = {one["spec"]["event"]["attributes"]["id"] for one in office.kept()}
    assert {f"new-{number}" for number in range(25)} <= ids
    old = sorted(int(one.removeprefix("old-")) for one in ids if one.startswith("old-"))
    assert old == list(range(150 - len(old), 150)), "the newest of the old ones"
    assert office.count("pruned") == 175 - len(ids)
    assert "was deleted unread" in caplog.text


def test_room_that_cannot_be_made_costs_no_letter() -> None:
    office = Office(most=1)
    office.kube.faults["names"] = [KubeUnavailable("down")]
    for number in range(4):
        office.give_up(str(number))
    assert office.count("kept") == 4
    assert len(office.kept()) <= 3


def test_only_arrivals_are_reacted_to(office: Office) -> None:
    with pytest.raises(TypeError):
        office.handler.react(Event("1", "t"))
