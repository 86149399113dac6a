"""Letters that are sent again: who may ask for it, what is sent, and what changes meanwhile."""

import base64
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from functions.deadletters import letter as letters
from functions.deadletters.arrival import parse
from functions.deadletters.broker import Broker, BrokerRefused
from functions.deadletters.store import LETTERS
from shared.claims.deadletter import MAX_DATA, REPLAY
from shared.errors import Forbidden, KubeUnavailable, TransientError
from shared.kube.client import Document
from tests.functions.letterbox import SYSTEM, binary, given_up
from tests.functions.office import Office


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
