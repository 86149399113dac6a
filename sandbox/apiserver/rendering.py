"""Objects, lists and watch events in the form that a client's Accept header asks for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver import tables
from sandbox.apiserver.changes import encoder
from sandbox.apiserver.errors import ApiError
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.schema import Schema
from sandbox.apiserver.storage import Entry

Json = dict[str, Any]
_FORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


def dumps(value: Any) -> bytes:
    """Return compact JSON with the newline that the real server ends a body with."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def accepted(header: str) -> list[dict[str, str]]:
    """Return the media types of an Accept header in order, each with its parameters and `type`."""
    found = []
    for part in (header or "*/*").split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        found.append({key: value for key, _, value in pairs} | {"type": name})
    return found


def form(header: str) -> str:
    """Return the first form of the Accept header that is served: one of `as=` or an empty string for plain JSON."""
    for item in accepted(header):
        if item["type"] in ("application/json", "*/*", "application/*"):
            if item.get("as", "") in _FORMS and item.get("v", "v1") == "v1":
                return item["as"]
            if "as" not in item:
                return ""
    raise ApiError(406, "NotAcceptable", "only the following media types are accepted: application/json", {})


@dataclass(frozen=True)
class Renderer:
    """Writes objects of one resource in one form; `metadata` is the schema of ObjectMeta."""

    resource: Resource
    form: str
    metadata: Schema
    include: str = "Metadata"

    def object(self, entry: Entry) -> bytes:
        """Return one object."""
        if self.form == "Table":
            return dumps(self._table([entry], {"resourceVersion": str(entry.revision)}))
        return self._line(entry) + b"\n"

    def collection(self, entries: list[Entry], metadata: Json) -> bytes:
        """Return a list; `metadata` holds resourceVersion, and for a page continue and remainingItemCount."""
        if self.form == "Table":
            return dumps(self._table(entries, metadata))
        lines = [self._line(entry) for entry in entries]
        if self.form:
            head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
            return _wrapped(head, b",".join(lines), {})
        head = {"kind": self.resource.list_kind, "apiVersion": self.resource.group_version}
        if self.resource.custom:
            tail = {"kind": head["kind"], "metadata": dict(sorted(({"continue": ""} | metadata).items()))}
            return _wrapped({"apiVersion": head["apiVersion"]}, b",".join(lines), tail)
        # Items of a built-in list do not say what they are.
        prefix = len(f'{{"kind":"{self.resource.kind}","apiVersion":"{self.resource.group_version}",')
        return _wrapped(head | {"metadata": metadata}, b",".join(b"{" + line[prefix:] for line in lines), {})

    def events(self) -> Callable[[str, Entry], bytes]:
        """Return the writer of a watch's lines; only a table's first event has the columns."""
        first = True

        def line(kind: str, entry: Entry) -> bytes:
            nonlocal first
            if self.form == "Table":
                table = self._table([entry], {"resourceVersion": str(entry.revision)}, columns=first)
                body = dumps(table)[:-1]
            else:
                body = self._line(entry)
            first = False
            return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"

        return line

    def _line(self, entry: Entry) -> bytes:
        if self.form:
            return dumps(tables.partial(entry.object, self.metadata))[:-1]
        if entry.object["apiVersion"] != self.resource.group_version:
            return encoder(self.resource)(entry.object | {"apiVersion": self.resource.group_version})
        return entry.raw

    def _table(self, entries: list[Entry], metadata: Json, *, columns: bool = True) -> Json:
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": tables.column_definitions(self.resource, self.metadata) if columns else None,
            "rows": [tables.row(self.resource, entry.object, self.metadata, self.include) for entry in entries],
        }


def _wrapped(head: Json, items: bytes, tail: Json) -> bytes:
    end = b"," + dumps(tail)[1:] if tail else b"}\n"
    return dumps(head)[:-2] + b',"items":[' + items + b"]" + end
