"""The adapters' five retries, and the ping source's ticks."""

import asyncio
import json
from itertools import pairwise

import httpx
import pytest

from sandbox.source.app import ping
from sandbox.source.config import PingSource
from sandbox.source.sink import PAUSES, Sink, client, go_json
from tests.sandbox.broker.subscriber import Answer, Subscriber

RETRIED = (404, 413, 425, 429, 502, 503, 504)
NOT_RETRIED = (301, 400, 401, 403, 405, 408, 409, 410, 422, 500, 501)
EVENT = {"type": "t", "source": "/s"}


@pytest.fixture(scope="module")
def tries() -> dict[int, list[tuple[float, str]]]:
    """For each status of the sink: when, and with which event id, the event was tried."""

    def behaviour(path: str, _number: int) -> Answer:
        return Answer(int(path[1:]), {"Location": "/204"})

    async def run() -> dict[int, list[tuple[float, str]]]:
        async with Subscriber(behaviour).running() as sink, client() as http:
            sending = [
                Sink(http, f"{sink.url}/{status}").send(EVENT, {}, namespace="n") for status in (*RETRIED, *NOT_RETRIED)
            ]
            assert not any(await asyncio.gather(*sending)), "every one of them is lost"
            return {
                status: [(arrival.at, arrival.headers["Ce-Id"]) for arrival in sink.at(f"/{status}")]
                for status in (*RETRIED, *NOT_RETRIED)
            }

    return asyncio.run(run())


@pytest.mark.parametrize("status", RETRIED)
def test_retried(status: int, tries: dict[int, list[tuple[float, str]]]) -> None:
    """Five retries after 0.1, 0.2, 0.4, 0.8 and 1.6 s, all with the same id."""
    assert len({identity for _, identity in tries[status]}) == 1
    distances = [later - earlier for (earlier, _), (later, _) in pairwise(tries[status])]
    assert len(distances) == 5
    for expected, actual in zip((0.1, 0.2, 0.4, 0.8, 1.6), distances, strict=True):
        assert expected - 0.02 <= actual <= expected + 0.4


@pytest.mark.parametrize("status", NOT_RETRIED)
def test_not_retried(status: int, tries: dict[int, list[tuple[float, str]]]) -> None:
    """One try; a redirect is not followed."""
    assert len(tries[status]) == 1


def test_a_sink_that_comes_back_in_time_gets_the_event() -> None:
    """A connection that is refused counts as a status that is retried."""
    seen: list[bytes] = []

    def behaviour(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        if len(seen) < 3:
            raise httpx.ConnectError("connection refused")
        return httpx.Response(202)

    async def run() -> bool:
        async with client(httpx.MockTransport(behaviour)) as http:
            return await Sink(http, "http://sink.test/").send(EVENT, {"a": 1}, namespace="n")

    assert asyncio.run(run())
    assert seen == [b'{"a":1}'] * 3


def test_pauses_are_the_sdks() -> None:
    """50 ms times two to the number of the retry."""
    assert pytest.approx([0.05 * 2**retry for retry in range(1, 6)]) == PAUSES


@pytest.mark.parametrize(
    ("data", "expected", "why"),
    [
        ({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}', "sorted, without blanks"),
        ({"a": "<b> & c"}, b'{"a":"\\u003cb\\u003e \\u0026 c"}', "Go escapes what HTML would mind"),
        ({"a": "grün"}, '{"a":"grün"}'.encode(), "and nothing else"),
        ({"a": 12345678901234567890}, b'{"a":12345678901234567890}', "whole numbers keep their digits"),
    ],
)
def test_go_json(data: object, expected: bytes, why: str) -> None:
    """A claim's bytes are those that Go would send."""
    assert go_json(data) == expected, why


def test_ping_source() -> None:
    """Every so many seconds the same data, with Knative's type and source."""
    source = PingSource.model_validate({"name": "resync", "every": 0.1, "data": {"message": "resync"}})

    async def run() -> None:
        async with Subscriber(lambda _path, _number: Answer(202)).running() as sink, client() as http:
            task = asyncio.create_task(ping(source, Sink(http, sink.url)))
            arrivals = await sink.until("/", 3)
            task.cancel()
        for arrival in arrivals:
            assert arrival.headers["Ce-Type"] == "dev.knative.sources.ping"
            assert arrival.headers["Ce-Source"] == "/apis/v1/namespaces/platform-system/pingsources/resync"
            assert arrival.headers["Content-Type"] == "application/json"
            assert json.loads(arrival.body) == {"message": "resync"}
        assert len({arrival.headers["Ce-Id"] for arrival in arrivals}) == len(arrivals)
        assert arrivals[2].at - arrivals[0].at >= 0.18

    asyncio.run(run())


def test_ticks_missed_while_a_ping_is_under_way_are_lost() -> None:
    """A slow sink gets fewer pings, not a burst afterwards."""
    source = PingSource.model_validate({"name": "resync", "every": 0.1})

    def slow_at_first(_path: str, number: int) -> Answer:
        return Answer(202, delay=0.45 if number == 0 else 0.0)

    async def run() -> list[float]:
        async with Subscriber(slow_at_first).running() as sink, client() as http:
            task = asyncio.create_task(ping(source, Sink(http, sink.url)))
            arrivals = await sink.until("/", 3)
            task.cancel()
        return [later.at - earlier.at for earlier, later in pairwise(arrivals)]

    first, second = asyncio.run(run())
    assert first >= 0.44
    assert second >= 0.05
