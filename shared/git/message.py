"""The message of a claim's commit: what changed, the claim's `spec`, and trailers that say whose it is.

::

    Set the image of order-service to v1.4.0

    BEGIN-CLAIM-SPEC json
    {"applications":[…],"clusterType":"nonprod","environment":"dev"}
    END-CLAIM-SPEC

    Claim: ApplicationClaim/dev/dev-apps
    Claim-UID: 6f0c…
    Claim-Generation: 3
    Event-Id: …
    Field-Manager: kubectl-edit 2026-01-31T12:00:00Z
    Claim-Deleted: true
    Claim-Omits: applications[0].values.password
    Trace-Id: 4bf92f3577b34da6a3ce929d0e0e4736

The last four only where there is something to say: who changed the spec last and when, that the commit takes the
claim's files away because it is being deleted, what of the spec is unfit to be shown and so not in the block above, and
the trace that shows how the commit came about.

History, rollback and disaster recovery read it back with `parse`. A spec above `COMPRESS_ABOVE` bytes stands there as
`zlib+base64`, wrapped. `git interpret-trailers --parse` reads the trailers.
"""

import base64
import binascii
import json
import re
import textwrap
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from shared.canonical import json_bytes

BEGIN_JSON = "BEGIN-CLAIM-SPEC json"
BEGIN_COMPRESSED = "BEGIN-CLAIM-SPEC zlib+base64"
END = "END-CLAIM-SPEC"

COMPRESS_ABOVE = 4096
"""Bytes of canonical JSON that a person still reads in `git log`."""

MAX_SPEC = 16 * 1024 * 1024
"""Bytes that `parse` unpacks at most; an API server takes objects of 1.5 MiB."""

MAX_SUBJECT = 120
"""Characters of the first line."""

MAX_LINE = 500
"""Characters of a further line."""

MAX_OMITTED = 50
"""Paths that `Claim-Omits` names; more are counted (`…+3`)."""

_TRAILERS = re.compile(
    r"Claim: (?P<kind>[^/\n]+)/(?P<namespace>[^/\n]+)/(?P<name>[^/\n]+)\n"
    r"Claim-UID: ?(?P<uid>[^\n]*)\nClaim-Generation: (?P<generation>[0-9]{1,18})\nEvent-Id: ?(?P<event_id>[^\n]*)"
    r"(?:\nField-Manager: (?P<manager>[^\n ]+)(?: (?P<changed>[^\n ]+))?)?"
    r"(?P<deleted>\nClaim-Deleted: true)?"
    r"(?:\nClaim-Omits: (?P<omitted>[^\n]+))?"
    r"(?:\nTrace-Id: (?P<trace>[0-9a-f]{32}))?\n*"
)


@dataclass(frozen=True)
class Record:
    """What a commit says about the claim that it carries out; `spec` is JSON's own types."""

    subject: str
    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    event_id: str
    spec: Mapping[str, Any]
    body: str = ""
    """Further lines for people, below the subject; `parse` does not read them back."""
    manager: str = ""
    """The field manager that last changed the spec, as far as the API server knows."""
    changed: str = ""
    """When it did; RFC 3339 in UTC."""
    deleted: bool = False
    """Whether the claim is being deleted, and its files go with this commit."""
    omitted: tuple[str, ...] = ()
    """Paths that `spec` lacks, because what the claim says there is unfit to be shown."""
    trace_id: str = ""
    """The trace that the commit belongs to; 32 hexadecimal digits."""


def compose(record: Record) -> str:
    """The commit message for `record`, ending with a newline.

    The subject is brought to one line of at most `MAX_SUBJECT` characters. Raises ValueError for a spec that JSON
    cannot hold, and for a kind, namespace or name that cannot be part of a path.
    """
    if not all(re.fullmatch(r"[A-Za-z0-9.-]+", part) for part in (record.kind, record.namespace, record.name)):
        raise ValueError(f"{record.kind}/{record.namespace}/{record.name} does not name a claim")
    if record.generation < 0:
        raise ValueError("a generation is not negative")
    subject = " ".join(_printable(record.subject).split()) or "Update"
    lines = [
        subject if len(subject) <= MAX_SUBJECT else subject[: MAX_SUBJECT - 1] + "…",
        "",
        *_paragraph(record.body),
        *_block(json_bytes(record.spec)),
        "",
        f"Claim: {record.kind}/{record.namespace}/{record.name}",
        f"Claim-UID: {_quoted(record.uid)}",
        f"Claim-Generation: {record.generation}",
        f"Event-Id: {_quoted(record.event_id)}",
        *_further(record),
        "",
    ]
    return "\n".join(lines)


def parse(message: str) -> Record | None:
    """The record in a commit message; None for a commit that is not a claim's.

    Raises ValueError when the trailers are a claim's and the spec cannot be read.
    """
    body, _, last = message.rstrip("\n").rpartition("\n\n")
    trailers = _TRAILERS.fullmatch(last)
    if not trailers:
        return None
    found = trailers.groupdict()
    return Record(
        subject=message.partition("\n")[0],
        kind=found["kind"],
        namespace=found["namespace"],
        name=found["name"],
        uid=unquote(found["uid"]),
        generation=int(found["generation"]),
        event_id=unquote(found["event_id"]),
        spec=_spec(body.split("\n")),
        manager=unquote(found["manager"] or ""),
        changed=unquote(found["changed"] or ""),
        deleted=found["deleted"] is not None,
        omitted=tuple(map(unquote, (found["omitted"] or "").split())),
        trace_id=found["trace"] or "",
    )


def claim_of(message: str) -> tuple[str | None, int]:
    """`Kind/namespace/name` and generation by the message's trailers; (None, 0) for a commit that is not a claim's.

    Anybody can write them: they tell who means well, and no more.
    """
    trailers = _TRAILERS.fullmatch(message.rstrip("\n").rpartition("\n\n")[2])
    if not trailers:
        return None, 0
    found = trailers.groupdict()
    return f"{found['kind']}/{found['namespace']}/{found['name']}", int(found["generation"])


def _further(record: Record) -> list[str]:
    lines = []
    if record.manager:
        lines.append(f"Field-Manager: {_quoted(record.manager)} {_quoted(record.changed)}".rstrip())
    if record.deleted:
        lines.append("Claim-Deleted: true")
    if record.omitted:
        more = len(record.omitted) - MAX_OMITTED
        paths = [*record.omitted[:MAX_OMITTED], *([f"…+{more}"] if more > 0 else [])]
        lines.append(f"Claim-Omits: {' '.join(map(_quoted, paths))}")
    if record.trace_id:
        lines.append(f"Trace-Id: {record.trace_id}")
    return lines


def _paragraph(text: str) -> list[str]:
    """Lines without controls, and none that could be taken for a marker or a trailer: each is indented."""
    lines = [f"  {_printable(line).strip()}"[:MAX_LINE] for line in text.splitlines() if line.strip()]
    return [*lines, ""] if lines else []


def _block(spec: bytes) -> list[str]:
    if len(spec) <= COMPRESS_ABOVE:
        return [BEGIN_JSON, spec.decode(), END]
    return [BEGIN_COMPRESSED, *textwrap.wrap(base64.b64encode(zlib.compress(spec, 9)).decode(), 76), END]


def _spec(lines: list[str]) -> dict[str, Any]:
    """The spec from a body whose last line is the end marker; JSON and base64 have no line that looks like a marker."""
    starts = [index for index, line in enumerate(lines) if line in {BEGIN_JSON, BEGIN_COMPRESSED}]
    if not starts or lines[-1] != END:
        raise ValueError("the commit has a claim's trailers and no spec")
    content = "".join(lines[starts[-1] + 1 : -1]).encode()
    try:
        spec = json.loads(content if lines[starts[-1]] == BEGIN_JSON else _unpacked(content))
    except (ValueError, RecursionError, zlib.error) as error:
        raise ValueError(f"the spec in the commit cannot be read: {error}") from error
    if not isinstance(spec, dict):
        raise ValueError("the spec in the commit is not a map")  # noqa: TRY004 - a fault of the text, not of a type
    return spec


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        spec = unpacker.decompress(base64.b64decode(content, validate=True), MAX_SPEC)
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
    if not unpacker.eof:
        raise ValueError(f"it is cut off, or larger than {MAX_SPEC} bytes")
    return spec


def _printable(text: str) -> str:
    """`text` without what is no character of one line."""
    return "".join(character if character.isprintable() else " " for character in text)


def _quoted(text: str) -> str:
    """`text` as one line that a trailer keeps: controls, blanks and `%` as in URLs."""
    return re.sub(r"[^\x21-\x24\x26-\x7e]", lambda match: "".join(f"%{byte:02X}" for byte in _bytes(match[0])), text)


def _bytes(character: str) -> bytes:
    return character.encode(errors="replace")
