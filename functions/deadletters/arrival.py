"""What arrives at the function, whole: all attributes and all data of an event, where others take its identity alone.

An event that Knative gave up is the original one, most often with the attributes knativeerrordest, knativeerrorcode and
knativeerrordata (knative.dev/docs/eventing/event-delivery). It has none of them where the last answer was not the
function's own but the Broker's filter's: after a time-out, and after a 2xx with a body that is no event (eventing 1.23,
kncloudevents/event_dispatcher.go; seen to be so). It may be broken in the very way for which a function refused it, so
that no more is asked of it here than that it is a CloudEvent.

The SDK, which reads events elsewhere, invents a time where there is none and writes the data of the structured mode
anew. A letter holds an event as it came.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.claims.deadletter import KIND, MAX_ATTRIBUTE, MAX_ATTRIBUTES
from shared.errors import InvalidEvent
from shared.events import CLAIM_CHANGES, Event, named

GIVEN_UP: Final = ("knativeerrordest", "knativeerrorcode", "knativeerrordata")
PASSING: Final = frozenset({*GIVEN_UP, "knativebrokerttl", "knativearrivaltime"})
"""What a Broker adds on its own account, and adds again."""

_REQUIRED = ("specversion", "id", "source", "type")
_NAME = re.compile(r"[a-z0-9]{1,64}")


@dataclass(frozen=True)
class Arrival(Event):
    """An event as it came; `attributes` as the binary mode writes them, `claim` the object it names, whatever its kind.

    Neither `attributes` nor `data` may be logged: they hold what a team wrote.
    """

    attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    data: bytes = field(default=b"", repr=False)

    @property
    def says_why(self) -> bool:
        """Whether the Broker says who did not take it, and with which answer."""
        return any(name in self.attributes for name in GIVEN_UP)

    @property
    def is_of_letter(self) -> bool:
        """Whether it tells of a DeadLetter, as our own source does."""
        return self.type in CLAIM_CHANGES and self.attributes.get("kind") == KIND

    @property
    def title(self) -> str:
        """The event for people, by nothing that a team wrote: its type, and the object where it names one."""
        kind = self.type if re.fullmatch(r"[A-Za-z0-9._-]{1,128}", self.type) else "an event of an odd type"
        return f"{kind} of {self.claim}" if self.claim else kind


def parse(headers: Mapping[str, str], body: bytes) -> Arrival:
    """The event in a request, in the binary or the structured mode.

    Raises `InvalidEvent` for what is no CloudEvent, or one that no Broker lets in: Knative drops it.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    attributes, data = _structured(body) if _is_structured(lower) else _binary(lower, body)
    if not all(attributes.get(name) for name in _REQUIRED):
        raise InvalidEvent("not a CloudEvent: specversion, id, source and type are not all there")
    if len(attributes) > MAX_ATTRIBUTES or not all(map(_NAME.fullmatch, attributes)):
        raise InvalidEvent(f"its attributes are more than {MAX_ATTRIBUTES}, or not all named with a-z and 0-9")
    if any(len(value) > MAX_ATTRIBUTE for name, value in attributes.items() if name not in PASSING):
        raise InvalidEvent(f"an attribute is longer than {MAX_ATTRIBUTE} characters")
    return Arrival(attributes["id"][:128], attributes["type"], named(attributes), attributes=attributes, data=data)


def error_of(attributes: Mapping[str, str]) -> tuple[str, str]:
    """Destination and answer of the last try, as knativeerrordata has them; either may be empty.

    It is base64 of what was answered, or, from the dispatcher of a channel, of a JSON object with the subscriber's
    address and the answer in base64 once more, cut off at 1024 characters (tests/recordings/knative).
    """
    encoded = attributes.get("knativeerrordata", "")
    told = _decoded(encoded).decode("utf-8", "replace")
    place = re.search(r'"errdestination":"([^"]*)', told)
    if place is None or not told.startswith("{"):
        return "", told
    answer = re.search(r'"errresponsebody":"([A-Za-z0-9+/]*)', told)
    return place[1], _decoded(answer[1]).decode("utf-8", "replace") if answer else ""


def _decoded(encoded: str) -> bytes:
    """What is in base64, as far as it goes."""
    letters = re.match(r"[A-Za-z0-9+/]*", encoded)
    whole = letters[0] if letters else ""
    usable = whole[: len(whole) - 1] if len(whole) % 4 == 1 else whole
    return base64.b64decode(usable + "=" * (-len(usable) % 4))


def _is_structured(headers: Mapping[str, str]) -> bool:
    """Batches are of the structured mode by their type, and are no event by their body: a list."""
    return headers.get("content-type", "").lower().startswith("application/cloudevents")


def _binary(headers: Mapping[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    attributes = {name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")}
    content_type = headers.get("content-type")
    return attributes | ({"datacontenttype": content_type} if content_type else {}), body


def _structured(body: bytes) -> tuple[dict[str, str], bytes]:
    try:
        event = json.loads(body)
        if not isinstance(event, dict):
            raise InvalidEvent("not a CloudEvent: the body is no JSON object")
        packed, data = event.pop("data_base64", None), event.pop("data", None)
        attributes = {name: _canonical(value) for name, value in event.items() if value is not None}
        if packed is not None:
            return attributes, base64.b64decode(packed, validate=True)
        is_json = "json" in attributes.get("datacontenttype", "json").lower()
        return attributes, _bytes(data, is_json=is_json)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidEvent("not a CloudEvent: the body cannot be read as one in JSON") from error


def _canonical(value: Any) -> str:
    """An attribute's value in the string form that CloudEvents defines."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return str(value)
    raise InvalidEvent("an attribute is neither a string, a number nor a boolean")


def _bytes(data: Any, *, is_json: bool) -> bytes:
    """The data of a structured event as a request in the binary mode would hold it."""
    if data is None:
        return b""
    if isinstance(data, str) and not is_json:
        return data.encode("utf-8", "surrogatepass")
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
