"""Replays recorded exchanges: requests with the identifiers of this run, answers without volatile values."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx

Json = Any
VOLATILE = {
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "time",
    "lastTransitionTime",
    "description",
    "continue",
    "serverAddress",
    "serverRelativeURL",
    "gitVersion",
    "gitCommit",
    "buildDate",
    "goVersion",
    "compiler",
}
"""Keys whose values differ from run to run (or are prose); their type still has to be the same."""
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_ESCAPED_VERSION = re.compile(r'(\\+"resourceVersion\\+":\\+")\d+')
_AGE = re.compile(r"\d+[smhd](\d+[smh])?")
_LONG_WATCH = 10


@dataclass
class Answer:
    """A response: the parsed body, a list of parsed lines for a watch, or the text."""

    status: int
    headers: dict[str, str]
    body: Json


@dataclass
class Replay:
    """Sends recorded requests; `names` maps recorded identifiers to those of this run."""

    client: httpx.Client
    names: dict[str, str] = field(default_factory=dict)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)

    def send(self, exchange: Json) -> Answer:
        """Send one recorded request and learn this run's identifiers from the answer."""
        request = exchange["request"]
        path, query = self._translated(request["path"])
        headers = {name: value for name, value in request["headers"].items() if value}
        accept = headers.setdefault("Accept", "*/*")
        headers["User-Agent"] = "python-urllib3/2.5.0" if exchange["case"].startswith("raw-") else "kubectl/v1.34.1"
        if exchange["response"]["status"] == 304:
            headers["If-None-Match"] = self.tags[path, accept]
        body = self._body(request["body"]) if request["body"] is not None else None
        url = f"{path}?{urlencode(query)}" if query else path
        with self.client.stream(request["method"], url, headers=headers, content=body) as response:
            if dict(query).get("watch") == "true":
                wanted = len(lines(exchange["response"]["body"]))
                endless = int(dict(query).get("timeoutSeconds", "999")) > _LONG_WATCH
                answer: Json = list(_take(response.iter_lines(), wanted if endless else None))
            else:
                answer = parsed(response.read().decode(errors="replace"))
        if "ETag" in response.headers:
            self.tags[path, accept] = response.headers["ETag"]
        recorded = parsed(exchange["response"]["body"])
        if isinstance(answer, list):
            recorded = lines(exchange["response"]["body"])
        self._learn(recorded, answer)
        kept = {name: response.headers[name] for name in ("Content-Type", "Warning") if name in response.headers}
        return Answer(response.status_code, kept, answer)

    def _translated(self, target: str) -> tuple[str, list[tuple[str, str]]]:
        path, _, query = target.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        known = {"resourceVersion", "continue"}
        translated = [(k, self.names.get(v, v) if k in known else self._text(v)) for k, v in pairs]
        # The hash is of this run's document, which the index named.
        return self._text(path), [(k, v) for k, v in translated if k != "hash"]

    def _body(self, text: str) -> str:
        def version(match: re.Match[str]) -> str:
            return match[1] + self.names.get(match[2], match[2]) + '"'

        text = re.sub(r'("resourceVersion":\s*")(\d+)"', version, text)
        text = re.sub(r'("path":"/metadata/resourceVersion","value":")(\d+)"', version, text)
        return self._text(text)

    def _text(self, text: str) -> str:
        return _UID.sub(lambda match: self.names.get(match[0], match[0]), text)

    def _learn(self, recorded: Json, live: Json) -> None:
        if isinstance(recorded, dict) and isinstance(live, dict):
            for key in recorded.keys() & live.keys():
                if key in ("uid", "resourceVersion", "continue") and isinstance(recorded[key], str) and recorded[key]:
                    self.names.setdefault(recorded[key], live[key])
                self._learn(recorded[key], live[key])
        elif isinstance(recorded, list) and isinstance(live, list):
            for one, other in zip(recorded, live, strict=False):
                self._learn(one, other)


def recorded_answer(exchange: Json) -> Answer:
    """Return the recorded response in the form of `Replay.send`."""
    response = exchange["response"]
    watch = "watch=true" in exchange["request"]["path"]
    body = lines(response["body"]) if watch else parsed(response["body"])
    return Answer(response["status"], response["headers"], body)


def parsed(text: str | None) -> Json:
    """Return JSON as values, anything else as it is; protobuf is only named."""
    if text is None or text.startswith(("<protobuf", "\n")):
        return "<protobuf>" if text else ""
    try:
        return json.loads(text)
    except ValueError:
        return text


def lines(text: str) -> list[Json]:
    """Return the events of a watch."""
    return [json.loads(line) for line in text.splitlines() if line]


def normal(value: Json, key: str = "") -> Json:
    """Return a value with its volatile parts replaced by their types; key order is kept as a list of pairs."""
    if isinstance(value, dict):
        return [(name, normal(item, name)) for name, item in value.items()]
    if isinstance(value, list):
        items = [normal(item, key) for item in value]
        # Sorted by time in the first place, and this run is faster.
        return sorted(items, key=repr) if key == "managedFields" else items
    if key in VOLATILE:
        return type(value).__name__
    if isinstance(value, str):
        value = _ESCAPED_VERSION.sub(r"\1RV", _UID.sub("UID", _TIME.sub("TIME", value)))
        value = re.sub(r"^gen-[a-z0-9]{5}$", "gen-XXXXX", value)
        value = re.sub(r"too old resource version: \d+ \(\d+\)", "too old resource version", value)
        return "AGE" if key == "cells" and _AGE.fullmatch(value) else value
    return value


def _take(found: Iterator[str], wanted: int | None) -> Iterator[Json]:
    for count, line in enumerate((line for line in found if line), 1):
        yield json.loads(line)
        if count == wanted:
            return
