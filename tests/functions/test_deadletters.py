"""What becomes of events that were given up: recorded ones, hostile ones, and letters that change meanwhile."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from functions.deadletters import letter as letters
from functions.deadletters.arrival import GIVEN_UP, Arrival, error_of, parse
from functions.deadletters.broker import Broker, BrokerRefused
from functions.deadletters.handler import Handler
from functions.deadletters.notice import Notice
from functions.deadletters.store import LETTERS, Store, outcomes
from shared.claims.deadletter import MAX_ATTRIBUTE, MAX_DATA, REPLAY
from shared.errors import Forbidden, InvalidEvent, KubeConflict, KubeUnavailable, TransientError
from shared.events import Event
from shared.events import parse as parse_hint
from shared.kinds import APPLICATION
from shared.kube.client import Document, KubeRefused, Resource
from shared.telemetry import Metrics
from tests.fakes import FakeKube
from tests.functions.letterbox import SYSTEM, binary, given_up
from tests.functions.platform import example
from tests.shared.claims.admission import faults

RECORDED = [
    (case["case"], arrival)
    for line in (Path(__file__).parents[1] / "recordings" / "knative" / "deliveries.jsonl").read_text().splitlines()
    for case in [json.loads(line)]
    for arrival in case.get("arrivals", ())
    if arrival["role"] == "dead-letter"
]
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
CANARY = "hunter2-of-a-claim"


class Kube(FakeKube):
    """With faults to come, by verb."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, list[Exception]] = {}
        self.between: Callable[[], None] | None = None
        """Called once, between a read and a write of a status."""

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        self._fail("create")
        return super().create(resource, document)

    def patch_status(self, resource: Resource, document: Document, status: Mapping[str, Any]) -> Document:
        between, self.between = self.between, None
        if between is not None:
            between()
        self._fail("patch_status")
        return super().patch_status(resource, document, status)

    def names(self, resource: Resource, namespace: str) -> Any:
        self._fail("names")
        return super().names(resource, namespace)

    def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> None:
        self._fail("delete")
        super().delete(resource, namespace, name, **options)

    def _fail(self, verb: str) -> None:
        if self.faults.get(verb):
            raise self.faults[verb].pop(0)


@dataclass
class Office:
    """The function's handler around a fake API server and a Broker that says `answers` in turn, then 202."""

    kube: Kube = field(default_factory=Kube)
    most: int = 1000
    answers: list[int] = field(default_factory=list)
    sent: list[httpx.Request] = field(default_factory=list)
    while_sending: Callable[[], None] | None = None
    clock: int = 0

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        counted = outcomes(self.metrics)
        self.handler = Handler(
            Store(self.kube, SYSTEM, most=self.most, counted=counted),
            Notice(self.kube),
            Broker("http://broker", timeout=5, transport=httpx.MockTransport(self._broker)),
            counted=counted,
            now=self._now,
        )

    def _now(self) -> datetime:
        self.clock += 1
        return NOW.replace(microsecond=self.clock)

    def _broker(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if self.while_sending is not None:
            self.while_sending()
        return httpx.Response(self.answers.pop(0) if self.answers else 202)

    def give_up(self, event_id: str = "event-1", body: bytes = b"{}", **attributes: str) -> None:
        """An event arrives that was given up."""
        self.handler.react(parse(binary(event_id, **given_up() | attributes), body))

    def tell(self, name: str, change: str = "update", **attributes: str) -> None:
        """Our source tells of a letter."""
        about = {"kind": "DeadLetter", "namespace": SYSTEM, "name": name, "type": f"dev.knative.apiserver.ref.{change}"}
        self.handler.react(parse(binary("told", **about | attributes), b"{}"))

    def kept(self) -> list[Document]:
        """All letters."""
        return list(self.kube.list(LETTERS))

    def ask(self, name: str, value: str = "now") -> None:
        """Somebody annotates the letter."""
        self.kube.patch(LETTERS, SYSTEM, name, {"metadata": {"annotations": {REPLAY: value}}})

    def asked(self) -> str:
        """A letter whose replay is asked for."""
        self.give_up()
        name = str(self.kept()[0]["metadata"]["name"])
        self.ask(name)
        return name

    def count(self, outcome: str) -> float:
        """What the metrics say."""
        return self.metrics.registry.get_sample_value("infraforge_dead_letters_total", {"outcome": outcome}) or 0


@pytest.fixture
def office() -> Office:
    return Office()


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
    headers, body = letters.event_of(letter)
    original = {
        key.lower(): value
        for key, value in arrival["headers"].items()
        if key.lower().startswith("ce-") and not key.lower().startswith("ce-knative")
    }
    assert headers == original | {"content-type": "application/json"}
    assert body == arrival["body"].encode()


def test_there_are_recordings() -> None:
    assert len(RECORDED) > 25


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


def edited(**event: Any) -> Document:
    letter = letters.document(parse(binary(**given_up()), b"{}"), SYSTEM, "2026-11-23T12:00:00Z")
    letter["spec"]["event"] |= event
    return letter


SPOILT = [
    (edited(data="?", encoding="Base64"), "no base64"),
    (edited(data="?", encoding="GzipBase64"), "no base64 again"),
    (edited(data="YWJj", encoding="GzipBase64"), "not compressed"),
    (edited(data="H4sIAAAAAAAC/ytJLS4BAAx+f9gEAAAA"[:20], encoding="GzipBase64"), "cut off"),
    (edited(attributes={"id": "1"}), "no event"),
    (edited(data="x" * (MAX_DATA + 1)), "too long"),
    (edited() | {"spec": {}}, "nothing"),
    (edited(attributes={"id": "1", "source": "\ud800", "type": "t", "specversion": "1.0"}), "half a character"),
]


@pytest.mark.parametrize(("letter", "reason"), SPOILT, ids=[case[1] for case in SPOILT])
def test_a_letter_that_somebody_spoilt_is_refused_and_not_tried_for_ever(
    office: Office, letter: Document, reason: str
) -> None:
    letter["metadata"]["annotations"] = {REPLAY: "now"}
    office.kube.put(LETTERS, letter)
    office.tell(letter["metadata"]["name"])
    (kept,) = office.kept()
    assert kept["status"]["replay"] == "Refused", reason
    assert REPLAY not in (kept["metadata"].get("annotations") or {})
    assert not office.sent


def test_a_bomb_is_not_unpacked(office: Office) -> None:
    import gzip  # noqa: PLC0415 - nowhere else

    bomb = base64.b64encode(gzip.compress(b"0" * (64 * 1024 * 1024))).decode()
    with pytest.raises(ValueError, match="unpacks to more"):
        letters.event_of(edited(data=bomb, encoding="GzipBase64"))


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
    office.handler.react(parse(binary("3"), body))
    office.tell(office.kept()[0]["metadata"]["name"], **given_up())
    claim = office.kube.get(APPLICATION.resource, "dev", "dev-apps")
    assert CANARY in json.dumps(office.kept())
    assert CANARY not in caplog.text + json.dumps(office.kube.events) + json.dumps((claim or {})["status"])
    assert len(office.kept()) == 2
    assert "nobody has given that up" in caplog.text


CLAIMS = [
    ({}, True, "an ApplicationClaim"),
    ({"name": "gone"}, False, "a claim that is gone"),
    ({"kind": "Application", "namespace": "argocd"}, False, "ArgoCD's"),
    ({"kind": "", "type": "dev.knative.sources.ping"}, False, "a ping"),
    ({"type": "dev.knative.apiserver.resource.delete"}, True, "a deletion, of one that is there again"),
    ({"kind": "Secret"}, False, "no kind of ours"),
]


@pytest.mark.parametrize(("attributes", "is_told", "reason"), CLAIMS, ids=[case[2] for case in CLAIMS])
def test_who_is_told(office: Office, attributes: dict[str, str], is_told: bool, reason: str) -> None:
    office.kube.put(APPLICATION.resource, example("dev/dev-apps-claim.yaml"))
    office.give_up(**attributes)
    assert len(office.kept()) == 1
    assert (len(office.kube.status_writes), len(office.kube.events)) == ((1, 1) if is_told else (0, 0)), reason


def test_a_claim_that_changes_meanwhile_is_read_again(office: Office) -> None:
    """What its function wrote in between stays."""
    claim = office.kube.put(APPLICATION.resource, example("dev/dev-apps-claim.yaml"))
    ready = {"type": "Ready", "status": "True", "reason": "Committed", "message": "x"}

    def function_writes() -> None:
        live = office.kube.get(APPLICATION.resource, "dev", "dev-apps")
        assert live is not None
        FakeKube.patch_status(office.kube, APPLICATION.resource, live, {"conditions": [ready]})

    office.kube.between = function_writes
    office.give_up()
    written = office.kube.status_writes[-1]["conditions"]
    assert [one["type"] for one in written] == ["Delivered", "Ready"]
    assert written[1] == ready
    assert claim["metadata"]["generation"] == written[0]["observedGeneration"]


def test_a_claim_that_may_not_be_told_costs_no_letter(office: Office) -> None:
    office.kube.put(APPLICATION.resource, example("dev/dev-apps-claim.yaml"))
    office.kube.faults["patch_status"] = [Forbidden("RBAC")]
    office.give_up()
    assert len(office.kept()) == 1


def test_a_claim_that_cannot_be_told_now_is_told_when_the_broker_comes_again(office: Office) -> None:
    office.kube.put(APPLICATION.resource, example("dev/dev-apps-claim.yaml"))
    office.kube.faults["patch_status"] = [KubeUnavailable("down")]
    with pytest.raises(TransientError):
        office.give_up()
    office.give_up()
    assert (len(office.kept()), len(office.kube.status_writes), len(office.kube.events)) == (1, 1, 1)


def test_an_event_that_is_given_up_again_while_it_is_replayed_stays(office: Office) -> None:
    """The Broker has it, a function refuses it at once, and the new letter is there before the old one is deleted."""
    name = office.asked()
    office.while_sending = lambda: office.give_up(knativeerrorcode="400")
    office.tell(name)
    (letter,) = office.kept()
    assert (letter["spec"]["code"], letter["metadata"].get("annotations")) == ("400", {})
    office.tell(name)
    assert len(office.sent) == 1, "nobody asked for it since"


def test_a_letter_that_changes_otherwise_while_it_is_replayed_goes(office: Office) -> None:
    name = office.asked()
    office.while_sending = lambda: office.ask(name, "impatient")
    office.tell(name)
    assert office.kept() == []


@pytest.mark.parametrize("fault", [KubeUnavailable("down"), Forbidden("RBAC")])
def test_a_letter_that_cannot_be_deleted_is_sent_once_more(office: Office, fault: Exception) -> None:
    """Twice does no harm, never would."""
    name = office.asked()
    office.kube.faults["delete"] = [fault]
    with pytest.raises(TransientError):
        office.tell(name)
    office.tell(name)
    assert (len(office.sent), office.kept()) == (2, [])


def test_no_letters_are_kept_elsewhere(office: Office) -> None:
    name = office.asked()
    office.tell(name, namespace="dev")
    assert not office.sent
    assert len(office.kept()) == 1


def test_a_deleted_letter_is_not_sent(office: Office) -> None:
    name = office.asked()
    office.tell(name, "delete")
    office.kube.delete(LETTERS, SYSTEM, name)
    office.tell(name)
    assert not office.sent


def test_no_broker(office: Office) -> None:
    with pytest.raises(BrokerRefused, match="INFRAFORGE_BROKER_URL"):
        Broker(None, timeout=1).send({}, b"")


def test_a_broker_that_asks_for_identities() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(202)

    tokens = iter(("first", "second"))
    broker = Broker("http://b", token=lambda: SecretStr(next(tokens)), timeout=5, transport=httpx.MockTransport(answer))
    broker.send({"ce-id": "1"}, b"")
    broker.send({"ce-id": "1"}, b"")
    assert seen == ["Bearer first", "Bearer second"]


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
