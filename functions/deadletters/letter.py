"""A DeadLetter of an event that was given up, and the event of a DeadLetter. Pure."""

import base64
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from functions.deadletters.arrival import PASSING, Arrival, error_of
from shared.claims.deadletter import KIND, MAX_DATA, MAX_ERROR, DeadLetter, GivenUpEvent
from shared.claims.meta import API_VERSION
from shared.errors import without_credentials
from shared.kube.client import Document

LONGEST_TEXT: Final = 16 * 1024
"""Bytes of data that are kept so that a person can read them; more is compressed."""
NOT_TOLD: Final = "not told by the Broker, as after a time-out"
MAX_UNPACKED: Final = 32 * 1024 * 1024
MAX_LABELS: Final = 64
_IDENTITY: Final = ("name", "namespace", "uid", "resourceVersion", "generation", "deletionTimestamp")
_PLACE: Final = ("clusterType", "environment")
_PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F)))


def name_of(arrival: Arrival) -> str:
    """The name of its letter: the same for the same event that the same destination did not take."""
    parts = (arrival.attributes["id"], arrival.attributes["source"], arrival.attributes.get("knativeerrordest", ""))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def document(arrival: Arrival, namespace: str, now: str, *, reduced: bool = False) -> Document:
    """The DeadLetter of `arrival`, given up at `now` (RFC 3339); `reduced`: with no more data than identifies it."""
    attributes = {name: value for name, value in arrival.attributes.items() if name not in PASSING}
    dest = arrival.attributes.get("knativeerrordest", "")
    destination, error = error_of(arrival.attributes)
    spec: Document = {
        "event": {"attributes": attributes, **_packed(arrival.data, reduced=reduced)},
        "destination": without_credentials(destination or dest)[:1024],
        "code": re.sub(r"[^0-9-]", "", arrival.attributes.get("knativeerrorcode", ""))[:16],
        "error": printable(error)[:MAX_ERROR] if arrival.says_why else NOT_TOLD,
        "givenUp": now,
    }
    optional = {"object": str(arrival.claim) if arrival.claim else None, "trigger": trigger_of(dest)}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name_of(arrival), "namespace": namespace},
        "spec": spec | {name: value for name, value in optional.items() if value},
    }


def trigger_of(destination: str) -> str | None:
    """`namespace/name` of the Trigger in the address of a Broker's filter: `…/triggers/namespace/name/uid`."""
    try:
        path = urlsplit(destination).path
    except ValueError:
        return None
    found = re.fullmatch(r"/triggers/([a-z0-9-]{1,63})/([a-z0-9.-]{1,253})(?:/[^/]*)?", path)
    return f"{found[1]}/{found[2]}" if found else None


def event_of(letter: Document) -> tuple[dict[str, str], bytes]:
    """Headers and body, in the binary mode, of the event that the letter keeps; ValueError when there is none."""
    try:
        event = DeadLetter.model_validate(letter).spec.event
    except ValidationError as error:
        raise ValueError("it is not as the function wrote it") from error
    headers = {
        f"ce-{name}": _header(value)
        for name, value in event.attributes.items()
        if name not in PASSING and name != "datacontenttype"
    }
    if not {"ce-id", "ce-source", "ce-type", "ce-specversion"} <= headers.keys():
        raise ValueError("it holds no CloudEvent: id, source, type or specversion is missing")
    content_type = event.attributes.get("datacontenttype")
    return headers | ({"content-type": _header(content_type)} if content_type else {}), _unpacked(event)


def printable(text: str) -> str:
    """`text` on one line, as a terminal may have it."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _packed(data: bytes, *, reduced: bool) -> Document:
    if reduced:
        kept = _identity(data)
        return ({"data": kept, "encoding": "Text"} if kept else {}) | {"reduced": True}
    if not data:
        return {}
    if len(data) <= LONGEST_TEXT:
        try:
            return {"data": data.decode(), "encoding": "Text"}
        except UnicodeDecodeError:
            return {"data": base64.b64encode(data).decode(), "encoding": "Base64"}
    packed = base64.b64encode(gzip.compress(data, mtime=0)).decode()
    return {"data": packed, "encoding": "GzipBase64"} if len(packed) <= MAX_DATA else _packed(data, reduced=True)


def _unpacked(event: GivenUpEvent) -> bytes:
    data = event.data or ""
    try:
        match event.encoding:
            case "GzipBase64":
                unpacking = zlib.decompressobj(wbits=31)  # with gzip's header
                unpacked = unpacking.decompress(base64.b64decode(data, validate=True), MAX_UNPACKED)
                if not unpacking.eof:
                    raise ValueError("its data is cut off, or unpacks to more than any event")
                return unpacked
            case "Base64":
                return base64.b64decode(data, validate=True)
            case _:
                return data.encode()
    except zlib.error as error:
        raise ValueError("its data cannot be unpacked") from error


def _identity(data: bytes) -> str | None:
    """Of an object what a function takes from an event: which one, in which state, of which environment."""
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(whole, dict) or not isinstance(whole.get("metadata"), dict):
        return None
    metadata = _scalars(whole["metadata"], _IDENTITY)
    labels = whole["metadata"].get("labels")
    if isinstance(labels, dict):
        metadata["labels"] = dict(list(_scalars(labels, labels).items())[:MAX_LABELS])
    kept = _scalars(whole, ("apiVersion", "kind")) | {"metadata": metadata}
    if isinstance(whole.get("spec"), dict):
        kept["spec"] = _scalars(whole["spec"], _PLACE)
    text = json.dumps(kept, ensure_ascii=False)
    return text if len(text) <= MAX_DATA else None


def _scalars(part: Mapping[str, Any], names: "Mapping[str, Any] | tuple[str, ...]") -> dict[str, Any]:
    """Those of the fields that hold something short."""
    found = {name: part[name] for name in names if name in part}
    return {
        name: value
        for name, value in found.items()
        if len(name) <= MAX_ERROR and (isinstance(value, int) or (isinstance(value, str) and len(value) <= MAX_ERROR))
    }


def _header(value: str) -> str:
    """An attribute's value as the HTTP binding writes it: what is no printable ASCII is percent-encoded."""
    return quote(value, safe=_PRINTABLE)
