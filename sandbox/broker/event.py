"""CloudEvents over HTTP (cloudevents.io, HTTP binding 1.0), as Knative's Go code reads and writes them.

Attributes are strings and the data are bytes that no one changes on the way. What comes in structured leaves in the
binary mode, as from Knative's dispatcher; numbers, blanks and all, the JSON of `data` keeps its very bytes.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

VERSIONS: Final = ("1.0", "0.3")
REQUIRED: Final = ("id", "source", "type")

_NAME = re.compile(r"[a-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+*%'`|~-]+/[\w!#$&^.+*%'`|~-]+\s*(;.*)?")
_BLANK = re.compile(r"[ \t\r\n]*")

RawHeaders = Iterable[tuple[bytes, bytes]]


class MalformedEvent(ValueError):
    """The message says that it is a CloudEvent, or had to be one, and cannot be read as such."""


@dataclass(frozen=True)
class Event:
    """Context attributes by lower-case name (`specversion` and `datacontenttype` among them) and the data."""

    attributes: Mapping[str, str]
    data: bytes

    @property
    def size(self) -> int:
        """Bytes that the event holds in memory, near enough."""
        return len(self.data) + sum(len(name) + len(value) for name, value in self.attributes.items())

    def with_attributes(self, **changes: str) -> "Event":
        """A copy with these attributes set."""
        return replace(self, attributes={**self.attributes, **changes})

    def without(self, *names: str) -> "Event":
        """A copy that lacks these attributes."""
        kept = {name: value for name, value in self.attributes.items() if name not in names}
        return replace(self, attributes=kept)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The event's headers in the binary mode, named as Go writes them (`Ce-Type`)."""
        headers = [
            (f"Ce-{name.capitalize()}".encode(), value.encode("utf-8", "surrogateescape"))
            for name, value in sorted(self.attributes.items())
            if name != "datacontenttype"
        ]
        if content_type := self.attributes.get("datacontenttype"):
            headers.append((b"Content-Type", content_type.encode("utf-8", "surrogateescape")))
        return headers

    def document(self, *, with_data: bool = True) -> dict[str, Any]:
        """The event in the structured form of the specification, for people and the admin API."""
        document: dict[str, Any] = dict(sorted(self.attributes.items()))
        if not with_data or not self.data:
            return document
        try:
            document["data"] = json.loads(self.data)
        except ValueError:
            document["data_base64"] = base64.b64encode(self.data).decode()
        return document


def read(headers: RawHeaders, body: bytes) -> Event | None:
    """The event in a request or an answer; None when the message does not claim to be one.

    Raises `MalformedEvent` when it does and cannot be read (also for a batch, which Knative's broker refuses too).
    Attributes that the specification requires are not asked for: that is `validate`.
    """
    named = {name.decode("latin-1").lower(): value.decode("utf-8", "surrogateescape") for name, value in headers}
    content_type = named.get("content-type", "")
    if content_type.lower().startswith("application/cloudevents-batch"):
        raise MalformedEvent("a batch of CloudEvents: send them one by one")
    if content_type.lower().startswith("application/cloudevents"):
        return _structured(body)
    if "ce-specversion" not in named:
        return None
    attributes = {name[3:]: value for name, value in named.items() if name.startswith("ce-")}
    if content_type:
        attributes["datacontenttype"] = content_type
    return Event(_checked(attributes), body)


def validate(event: Event) -> None:
    """Raise `MalformedEvent` for what the CloudEvents Go SDK's `Validate` refuses."""
    attributes = event.attributes
    for name in REQUIRED:
        if not attributes.get(name):
            raise MalformedEvent(f"the attribute {name} is missing or empty")
    if attributes.get("subject") == "":
        raise MalformedEvent("the attribute subject is empty: leave it out")
    if "dataschema" in attributes and not urlsplit(attributes["dataschema"]).scheme:
        raise MalformedEvent("the attribute dataschema is not an absolute URI")
    if "datacontenttype" in attributes and not _MEDIA_TYPE.fullmatch(attributes["datacontenttype"]):
        raise MalformedEvent("the attribute datacontenttype is not a media type")
    for name in attributes:
        if not _NAME.fullmatch(name):
            raise MalformedEvent(f"the attribute name {name[:40]!r} has other characters than a-z and 0-9")


def _checked(attributes: dict[str, str]) -> dict[str, str]:
    """What must hold before anything can be made of the attributes: a known version, a time, sendable values."""
    version = attributes.get("specversion")
    if version not in VERSIONS:
        raise MalformedEvent(f"specversion {version!r:.20} is not one of {', '.join(VERSIONS)}")
    if "time" in attributes and not _is_time(attributes["time"]):
        raise MalformedEvent("the attribute time is not an RFC 3339 time stamp")
    for name, value in attributes.items():
        if _CONTROL.search(value):
            raise MalformedEvent(f"the attribute {name[:40]} holds a control character")
    return attributes


def _is_time(text: str) -> bool:
    if not re.match(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d", text) or not re.search(r"([Zz]|[+-]\d\d:\d\d)$", text):
        return False
    try:  # Python reads six digits of a second, Go writes up to nine
        datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper()))
    except ValueError:
        return False
    return True


def _structured(body: bytes) -> Event:
    try:
        members = list(_members(body.decode()))
    except (ValueError, RecursionError) as error:
        raise MalformedEvent("a structured CloudEvent whose body is not a JSON object in UTF-8") from error
    attributes: dict[str, str] = {}
    data, raw = b"", b""
    for name, value, text in members:
        if name == "data":
            data, raw = _data_of(value, text), text
        elif name == "data_base64":
            data = _decoded(value)
        elif value is not None:
            attributes[name.lower()] = _attribute(name, value)
    # A document's text is data only where the content type does not say JSON; Go's SDK takes no content type for JSON.
    content_type = attributes.get("datacontenttype", "application/json")
    is_json = bool(re.match(r"(application|text)/([\w.-]+\+)?json\s*(;|$)", content_type, re.IGNORECASE))
    return Event(_checked(attributes), raw if raw and is_json else data)


def _members(text: str) -> Iterator[tuple[str, Any, bytes]]:
    """Name, value and the value's own text (with its leading blanks, as Go keeps them) of a JSON object's members."""
    decoder = json.JSONDecoder()

    def after_blanks(index: int) -> int:
        match = _BLANK.match(text, index)
        return match.end() if match else index

    def expect(index: int, characters: str) -> int:
        if text[index : index + 1] not in tuple(characters):
            raise ValueError(f"expected one of {characters} at {index}")
        return index + 1

    index = after_blanks(expect(after_blanks(0), "{"))
    while text[index : index + 1] != "}":
        name, index = decoder.raw_decode(text, index)
        if not isinstance(name, str):
            raise ValueError("a member's name is no string")  # noqa: TRY004 - all that is no JSON object is one error
        start = expect(after_blanks(index), ":")
        value, end = decoder.raw_decode(text, after_blanks(start))
        yield name, value, text[start:end].encode()
        index = after_blanks(end)
        if text[index : index + 1] == "}":
            break
        index = after_blanks(expect(index, ","))
    if after_blanks(index + 1) != len(text):
        raise ValueError("text after the object")


def _data_of(value: Any, text: bytes) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else text


def _decoded(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise MalformedEvent("data_base64 is not base64") from error


def _attribute(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise MalformedEvent(f"the attribute {name[:40]} is neither a string, a whole number nor a boolean")
