"""CloudEvents over HTTP: what is one, what is refused, and that the data keep their bytes."""

import json
from typing import Any

import pytest

from sandbox.broker.event import Event, MalformedEvent, read, validate

WHOLE = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def _binary(body: bytes = b"", content_type: str | None = "application/json", **attributes: str) -> Event | None:
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in {**WHOLE, **attributes}.items()]
    if content_type:
        headers.append((b"content-type", content_type.encode()))
    return read(headers, body)


def _structured(body: bytes) -> Event | None:
    return read([(b"Content-Type", b"application/cloudevents+json; charset=UTF-8")], body)


def _document(**members: Any) -> bytes:
    return json.dumps({**WHOLE, **members}).encode()


def test_binary_round_trip() -> None:
    """Attributes become headers named as Go names them; the bytes of the data are untouched."""
    event = _binary(b"\x00\xff", kind="ApplicationClaim", subject="grün")
    assert event is not None
    assert event.data == b"\x00\xff"
    assert event.headers() == [
        (b"Ce-Id", b"1"),
        (b"Ce-Kind", b"ApplicationClaim"),
        (b"Ce-Source", b"/s"),
        (b"Ce-Specversion", b"1.0"),
        (b"Ce-Subject", "grün".encode()),
        (b"Ce-Type", b"t"),
        (b"Content-Type", b"application/json"),
    ]


@pytest.mark.parametrize(
    ("body", "data", "why"),
    [
        (b'{"data": {"n": 1e3,  "b":[ ]} ,', b' {"n": 1e3,  "b":[ ]}', "JSON keeps its very text, leading blank too"),
        (b'{"data":"text",', b'"text"', "a string is a JSON document when the type is JSON"),
        (b'{"datacontenttype":"text/plain","data":"text",', b"text", "and text when it is not"),
        (b'{"datacontenttype":"text/plain; charset=utf-8","data":"gr\xc3\xbcn",', "grün".encode(), "in UTF-8"),
        (b'{"datacontenttype":"application/merge-patch+json","data":"x",', b'"x"', "+json is JSON"),
        (b'{"data_base64":"AP8=",', b"\x00\xff", "bytes come in base64"),
        (b"{", b"", "no data at all"),
    ],
)
def test_structured_data(body: bytes, data: bytes, why: str) -> None:
    """What becomes the body when the event goes on in the binary mode."""
    event = _structured(body + b'"specversion":"1.0","id":"1","source":"/s","type":"t"}')
    assert event is not None
    assert event.data == data, why


def test_structured_attributes() -> None:
    """Whole numbers and booleans become strings, null is absence."""
    event = _structured(_document(sequence=12, urgent=True, nothing=None))
    assert event is not None
    assert event.attributes == {**WHOLE, "sequence": "12", "urgent": "true"}


def test_not_an_event_is_none() -> None:
    """Without ce-specversion and without the structured content type a message is just a message."""
    assert read([(b"content-type", b"application/json"), (b"ce-id", b"1")], b"{}") is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "an empty body"),
        (b"{", "JSON that ends early"),
        (b"[]", "no object"),
        (b'{"specversion":"1.0"} x', "text after the object"),
        (b"\xff", "no UTF-8"),
        (b"[" * 100_000, "nesting without end"),
        (b'{"data":' + b"[" * 100_000, "nesting without end inside"),
        (_document(id={"a": 1}), "an attribute that is a map"),
        (_document(data_base64="%"), "no base64"),
        (_document(data_base64=3), "no base64 either"),
        (_document(specversion="2.0"), "a version that is not known"),
        (_document(id="a\r\nX-Evil: 1"), "an attribute that would end the header"),
        (_document(time="yesterday"), "a time that is none"),
        (_document(time="2026-13-41T00:00:00Z"), "a day that is none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_structured_refused(body: bytes, why: str) -> None:
    """Broken in a way that leaves nothing to deliver."""
    with pytest.raises(MalformedEvent):
        _structured(body)


def test_batch_is_refused() -> None:
    """Knative's ingress takes none."""
    with pytest.raises(MalformedEvent, match="one by one"):
        read([(b"content-type", b"application/cloudevents-batch+json")], b"[]")


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"id": ""}, "an empty id"),
        ({"source": ""}, "an empty source"),
        ({"type": ""}, "an empty type"),
        ({"subject": ""}, "a subject that is there and empty"),
        ({"dataschema": "relative"}, "a schema that is no absolute URI"),
        ({"datacontenttype": "json"}, "a content type without a slash"),
        ({"my_extension": "1"}, "an underscore in a name"),
    ],
)
def test_invalid(attributes: dict[str, str], why: str) -> None:
    """Readable, but not valid."""
    with pytest.raises(MalformedEvent):
        validate(Event({**WHOLE, **attributes}, b""))
    assert why


@pytest.mark.parametrize(
    "time", ["2026-11-22T21:01:12.579314933Z", "2026-11-22T21:01:12Z", "2026-11-22T21:01:12+01:00"]
)
def test_times(time: str) -> None:
    """RFC 3339, to the nanosecond as Go writes it."""
    event = _binary(time=time)
    assert event is not None
    validate(event)


def test_document_shows_bytes_in_base64() -> None:
    """The admin API's form of an event whose data is no JSON."""
    assert Event(WHOLE, b"\xff").document() == {**WHOLE, "data_base64": "/w=="}
    assert Event(WHOLE, b'{"a":1}').document() == {**WHOLE, "data": {"a": 1}}
    assert Event(WHOLE, b'{"a":1}').document(with_data=False) == WHOLE
