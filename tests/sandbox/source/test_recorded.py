"""What the source sends against what Knative's own receive adapter sent, header by header and byte by byte."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.broker.subscriber import Arrival
from tests.sandbox.source.api import Api
from tests.sandbox.source.running import source

RECORDING = Path(__file__).parents[2] / "recordings/knative/apiserversource-events.jsonl"
EVENTS: list[dict[str, Any]] = [json.loads(line) for line in RECORDING.read_text().splitlines()]
CHANGES = {"add": "ADDED", "update": "MODIFIED", "delete": "DELETED"}

ITS_OWN = {"Host", "User-Agent", "Ce-Id", "Ce-Time", "Ce-Source"}
"""Headers whose values belong to the run or the program; that they are there, and their form, is compared."""

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z"


def _shuffled(value: Any) -> Any:
    """The same document with its keys in another order, as no one promised that a server sorts them."""
    if isinstance(value, dict):
        return {key: _shuffled(value[key]) for key in reversed(value)}
    return [_shuffled(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def arrivals() -> tuple[str, list[Arrival]]:
    """The API server's URL and what the sink got when that server told of the recorded objects."""

    async def replay() -> tuple[str, list[Arrival]]:
        api = Api("487")
        async with source(api) as (sink, _):
            for event in EVENTS:
                change = CHANGES[event["headers"]["Ce-Type"].rpartition(".")[2]]
                api.say(change, _shuffled(json.loads(event["body"])))
            return api.url, await sink.until("/", len(EVENTS))

    return asyncio.run(replay())


def test_as_many_as_recorded(arrivals: tuple[str, list[Arrival]]) -> None:
    """One POST to the sink's own path for each."""
    assert (len(EVENTS), len(arrivals[1])) == (50, 50)
    assert {arrival.path for arrival in arrivals[1]} == {event["path"] for event in EVENTS} == {"/"}


@pytest.mark.parametrize("number", range(50))
def test_event_as_recorded(number: int, arrivals: tuple[str, list[Arrival]]) -> None:
    """The same headers, by name and value, and the same bytes."""
    url, sent = arrivals
    expected, actual = EVENTS[number], sent[number]
    assert set(expected["headers"]) == set(actual.headers)
    compared = set(expected["headers"]) - ITS_OWN
    assert {name: expected["headers"][name] for name in compared} == {name: actual.headers[name] for name in compared}
    assert expected["body"].encode() == actual.body
    assert actual.headers["Ce-Source"] == url, "the API server's URL as the kubeconfig has it"


def test_ids_and_times_have_the_recorded_form(arrivals: tuple[str, list[Arrival]]) -> None:
    """A fresh random UUID for each event, and RFC 3339 with a fraction in UTC."""
    ids = [arrival.headers["Ce-Id"] for arrival in arrivals[1]]
    assert len(set(ids)) == len(ids)
    for headers in [event["headers"] for event in EVENTS] + [arrival.headers for arrival in arrivals[1]]:
        assert re.fullmatch(UUID, headers["Ce-Id"])
        assert re.fullmatch(TIME, headers["Ce-Time"])
