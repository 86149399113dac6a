"""What the recording does not show: dead letters kept and replayed, bounds, loops, and peers that misbehave."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.broker.dispatcher import Bounds
from tests.sandbox.broker.running import URL, Broker, broker, trigger
from tests.sandbox.broker.subscriber import Answer, Subscriber

ONCE = {"retry": 0}
QUICK = {"retry": 2, "backoffPolicy": "exponential", "backoffDelay": "PT0.05S", "timeout": "PT5S"}


def answering(*answers: Answer) -> httpx.MockTransport:
    """Subscribers that answer with each of `answers` in turn, the last for ever."""
    queue = list(answers)

    def behaviour(_: httpx.Request) -> httpx.Response:
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        return httpx.Response(answer.status or 500, headers=answer.headers, content=answer.body)

    return httpx.MockTransport(behaviour)


async def settled(running: Broker) -> None:
    """Wait until nothing is under way."""
    async with asyncio.timeout(10):
        await running.dispatcher.settle()


async def letters(running: Broker) -> list[dict[str, Any]]:
    """The admin API's list."""
    items: list[dict[str, Any]] = (await running.client.get("/-/dead-letters")).json()["items"]
    return items


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def main() -> None:
        await test()

    asyncio.run(main())


def test_dead_letter_in_the_store(tmp_path: Path) -> None:
    """Without a dead letter sink the broker keeps it, and shows it with and without its data."""

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/x", delivery=ONCE, type="io.example.claim")]}
        async with broker(config, tmp_path, transport=answering(Answer(400, body=b"no"))) as running:
            await running.send(id="7")
            await settled(running)
            (brief,) = await letters(running)
            whole = (await running.client.get(f"/-/dead-letters/{brief['id']}")).json()
        assert brief["event"].pop("knativearrivaltime").endswith("Z")
        assert brief.pop("time").endswith("Z")
        assert brief == {
            "id": "1",
            "trigger": "a",
            "state": "dead",
            "code": 400,
            "destination": "http://sub.test/x",
            "error": "no",
            "tries": 1,
            "replays": 0,
            "event": {
                "id": "7",
                "source": "/src",
                "type": "io.example.claim",
                "specversion": "1.0",
                "datacontenttype": "application/json",
                "knativebrokerttl": "255",
            },
        }
        assert whole["event"]["data"] == {"a": 1}

    run(test)


def test_replay_delivers_to_its_own_trigger_only(tmp_path: Path) -> None:
    """Its neighbours had the event already; the event is the one that failed, without the broker's TTL."""

    def behaviour(path: str, number: int) -> Answer:
        return Answer(500 if path == "/a" and number == 0 else 204)

    async def test() -> None:
        async with Subscriber(behaviour).running() as sub:
            config = {"triggers": [trigger(name, f"{sub.url}/{name}", delivery=ONCE) for name in ("a", "b")]}
            async with broker(config, tmp_path) as running:
                await running.send(id="7")
                await settled(running)
                answer = await running.client.post("/-/dead-letters/1/replay?wait=5")
                assert (answer.status_code, answer.json()) == (200, {"id": "1", "state": "delivered"})
                assert await letters(running) == []
            first, second = sub.at("/a")
            assert first.headers == second.headers
            assert first.body == second.body
            assert "Ce-Knativebrokerttl" not in second.headers
            assert len(sub.at("/b")) == 1

    run(test)


def test_a_replay_that_fails_stays_one_letter(tmp_path: Path) -> None:
    """It takes the new error and counts."""

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=ONCE)]}
        async with broker(config, tmp_path, transport=answering(Answer(500), Answer(400))) as running:
            await running.send()
            await settled(running)
            answer = (await running.client.post("/-/dead-letters/1/replay?wait=5")).json()
            assert {key: answer[key] for key in ("id", "state", "code", "replays")} == {
                "id": "1",
                "state": "dead",
                "code": 400,
                "replays": 1,
            }
            assert len(await letters(running)) == 1

    run(test)


def test_replaying_all(tmp_path: Path) -> None:
    """After an outage: one call, oldest first."""

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=ONCE)]}
        transport = answering(Answer(500), Answer(500), Answer(204))
        async with broker(config, tmp_path, transport=transport) as running:
            for _ in range(2):
                await running.send()
                await settled(running)
            answer = await running.client.post("/-/dead-letters/replay")
            assert (answer.status_code, answer.json()) == (202, {"replaying": ["1", "2"], "skipped": []})
            await settled(running)
            assert await letters(running) == []

    run(test)


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/-/dead-letters/9", 404, "there is no dead letter 9"),
        ("DELETE", "/-/dead-letters/9", 404, "there is no dead letter 9"),
        ("POST", "/-/dead-letters/9/replay", 404, "there is no dead letter 9"),
        ("POST", "/-/dead-letters/1/replay?wait=x", 400, "wait is not a number of seconds"),
        ("POST", "/-/dead-letters/1/replay", 409, "the trigger gone is no longer configured"),
        ("GET", "/-/dead-letters?limit=x", 400, "limit is not a whole number"),
    ],
)
def test_admin_errors(tmp_path: Path, method: str, path: str, status: int, error: str) -> None:
    """One clear line each."""

    async def test() -> None:
        config = {"triggers": [trigger("gone", "http://sub.test/", delivery=ONCE)]}
        async with broker(config, tmp_path, transport=answering(Answer(400))) as running:
            await running.send()
            await settled(running)
        async with broker({"triggers": []}, tmp_path) as running:
            answer = await running.client.request(method, path)
            assert (answer.status_code, answer.json()) == (status, {"error": error})

    run(test)


def test_a_letter_can_be_deleted_and_listed_by_trigger(tmp_path: Path) -> None:
    """Thrown away by hand; the list can be cut down."""

    async def test() -> None:
        config = {"triggers": [trigger(name, "http://sub.test/", delivery=ONCE) for name in ("a", "b")]}
        async with broker(config, tmp_path, transport=answering(Answer(400))) as running:
            await running.send()
            await settled(running)
            page = (await running.client.get("/-/dead-letters?trigger=b&limit=1")).json()
            assert (page["total"], [item["trigger"] for item in page["items"]]) == (1, ["b"])
            assert (await running.client.delete(f"/-/dead-letters/{page['items'][0]['id']}")).status_code == 204
            assert [item["trigger"] for item in await letters(running)] == ["a"]
            assert (await running.client.get("/-/status")).json()["deadLetters"] == 1

    run(test)


def test_a_dead_letter_sink_that_fails_loses_nothing(tmp_path: Path) -> None:
    """Knative drops the event then; the store takes it."""

    async def test() -> None:
        delivery = {**ONCE, "deadLetterSink": {"uri": "http://sink.test/"}}
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=delivery)]}
        async with broker(config, tmp_path, transport=answering(Answer(400))) as running:
            await running.send()
            await settled(running)
            assert [letter["destination"] for letter in await letters(running)] == ["http://sub.test/"]

    run(test)


def test_a_closed_connection_is_tried_again_at_once(tmp_path: Path) -> None:
    """As when a function is killed: no time-out passes first, and the dead letter says what Go's client says."""

    async def test() -> None:
        async with Subscriber(lambda _path, _number: Answer(None)).running() as sub:
            config = {"triggers": [trigger("a", f"{sub.url}/a", delivery=QUICK)]}
            async with broker(config, tmp_path) as running:
                await running.send()
                await settled(running)
                (letter,) = await letters(running)
            assert letter["error"] == f'dispatch error: Post "{sub.url}/a": EOF'
            assert (letter["code"], letter["tries"]) == (500, 3)
            assert sub.at("/a")[2].at - sub.at("/a")[0].at < 2

    run(test)


def test_a_long_error_body_is_survived_and_shouted_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """769 bytes crash the dispatcher of Knative's in-memory channel; here they are cut, and the log says so."""

    async def test() -> None:
        async with Subscriber(
            lambda path, _: Answer(202 if path == "/dead" else 400, body=b"x" * 769)
        ).running() as sub:
            delivery = {**ONCE, "deadLetterSink": {"uri": f"{sub.url}/dead"}}
            async with broker({"triggers": [trigger("a", f"{sub.url}/a", delivery=delivery)]}, tmp_path) as running:
                await running.send()
                (arrival,) = await sub.until("/dead", 1)
                await settled(running)
            data = arrival.headers["Ce-Knativeerrordata"]
            assert len(data) == 1024
            assert base64.b64decode(data) == b"x" * 768

    run(test)
    assert "IN-MEMORY CHANNEL OF A REAL KNATIVE CRASHES ON MORE THAN 768" in caplog.text


def test_768_bytes_are_nothing_to_shout_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The last length that Knative takes."""

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=ONCE)]}
        async with broker(config, tmp_path, transport=answering(Answer(400, body=b"x" * 768))) as running:
            await running.send()
            await settled(running)

    run(test)
    assert "CRASHES" not in caplog.text


def test_replies_that_reply_to_each_other_end(tmp_path: Path) -> None:
    """The TTL goes down by one with each pass through the ingress: 255 deliveries, then a dead letter."""
    seen: list[str] = []
    reply = {"ce-id": "r", "ce-source": "/r", "ce-type": "io.example.claim", "ce-specversion": "1.0"}

    def behaviour(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["ce-id"])
        return httpx.Response(200, headers=reply)

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=ONCE)]}
        async with broker(config, tmp_path, transport=httpx.MockTransport(behaviour)) as running:
            await running.send()
            await settled(running)
            (letter,) = await letters(running)
        assert len(seen) == 255
        assert (letter["code"], letter["destination"], letter["event"]["knativebrokerttl"]) == (400, URL, "1")

    run(test)


@pytest.mark.parametrize(
    ("headers", "body", "code", "why"),
    [
        ({"Content-Type": "application/cloudevents+json"}, b"{broken", 502, "a reply that cannot be read"),
        ({"Content-Type": "application/cloudevents-batch+json"}, b"[]", 502, "a batch"),
        ({"Ce-Specversion": "1.0"}, b"", 400, "a reply without id, source and type, which the ingress refuses"),
    ],
)
def test_bad_replies(tmp_path: Path, headers: dict[str, str], body: bytes, code: int, why: str) -> None:
    """The event that was replied to becomes a dead letter."""

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=ONCE)]}
        async with broker(config, tmp_path, transport=answering(Answer(200, headers, body))) as running:
            await running.send(id="7")
            await settled(running)
            (letter,) = await letters(running)
            assert (letter["code"], letter["event"]["id"]) == (code, "7"), why

    run(test)


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        (Bounds(deliveries=3), "as many deliveries as the broker may hold"),
        (Bounds(size=500), "as many bytes"),
    ],
)
def test_overflow_is_503_and_passes(tmp_path: Path, bounds: Bounds, why: str) -> None:
    """Memory is bounded; what was refused was not half taken, and room comes back."""

    async def test() -> None:
        gate = asyncio.Event()

        async def behaviour(_: httpx.Request) -> httpx.Response:
            await gate.wait()
            return httpx.Response(204)

        config = {"triggers": [trigger(name, "http://sub.test/", delivery=ONCE) for name in ("a", "b")]}
        transport = httpx.MockTransport(behaviour)
        async with broker(config, tmp_path, bounds=bounds, transport=transport) as running:
            statuses = [(await running.send()).status_code for _ in range(2)]
            assert statuses == [202, 503], why
            assert running.dispatcher.load.deliveries == 2
            gate.set()
            await settled(running)
            assert (running.dispatcher.load.deliveries, running.dispatcher.load.size) == (0, 0)
            assert (await running.send()).status_code == 202

    run(test)


def test_requests_at_a_time_are_bounded_but_waiting_holds_no_slot(tmp_path: Path) -> None:
    """Two at a time to one subscriber; an event that waits for its next try lets others through."""
    now, most = 0, 0

    async def behaviour(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(10):
            await asyncio.sleep(0)
        now -= 1
        return httpx.Response(503 if request.headers["ce-id"].startswith("late") else 204)

    async def test() -> None:
        delivery = {"retry": 1, "backoffPolicy": "exponential", "backoffDelay": "PT1H"}
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=delivery)]}
        transport = httpx.MockTransport(behaviour)
        async with broker(config, tmp_path, bounds=Bounds(concurrency=2), transport=transport) as running:
            for number in range(10):
                await running.send(id=f"late-{number}")
                await running.send(id=f"now-{number}")
            async with asyncio.timeout(10):
                while running.dispatcher.load.deliveries > 10:
                    await asyncio.sleep(0)
        assert most == 2

    run(test)


@pytest.mark.parametrize(
    ("headers", "body", "status", "text"),
    [
        ({"Content-Type": "text/plain"}, b"hello", 400, "not a CloudEvent: no ce-specversion header"),
        ({"Content-Type": "application/cloudevents+json"}, b"{", 400, "whose body is not a JSON object"),
        ({"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s"}, b"", 400, "the attribute type is missing"),
        ({"Ce-Specversion": "9"}, b"", 400, "specversion '9' is not one of"),
        ({"Ce-Specversion": "1.0"}, b"x" * 1001, 413, "the event is larger than 1000 bytes"),
    ],
)
def test_ingress_refusals(tmp_path: Path, headers: dict[str, str], body: bytes, status: int, text: str) -> None:
    """Each with a line that says what is wrong."""

    async def test() -> None:
        async with broker({"triggers": []}, tmp_path, bounds=Bounds(event=1000)) as running:
            answer = await running.client.post("/", headers=headers, content=body)
            assert answer.status_code == status
            assert text in answer.text

    run(test)


def test_the_address_of_a_cluster_works_too(tmp_path: Path) -> None:
    """POST /{namespace}/{name}, and the pre-flight of the webhook specification."""

    async def test() -> None:
        async with broker({"namespace": "n", "name": "b", "triggers": []}, tmp_path) as running:
            event = {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "t"}
            assert (await running.client.post("/n/b", headers=event)).status_code == 202
            assert (await running.client.options("/")).headers["WebHook-Allowed-Rate"] == "*"
            assert (await running.client.get("/healthz")).text == "ok\n"

    run(test)


def test_headers_that_travel_along(tmp_path: Path) -> None:
    """Only those that Knative passes on; no credential of the sender's reaches a subscriber."""

    async def test() -> None:
        seen: list[httpx.Headers] = []

        def behaviour(request: httpx.Request) -> httpx.Response:
            seen.append(request.headers)
            return httpx.Response(204)

        config = {"triggers": [trigger("a", "http://sub.test/")]}
        async with broker(config, tmp_path, transport=httpx.MockTransport(behaviour)) as running:
            event = {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "t"}
            extra = {"X-Request-Id": "r", "Knative-Mood": "good", "Authorization": "Bearer secret", "Cookie": "c"}
            await running.client.post("/", headers=event | extra)
            await settled(running)
        assert {"x-request-id", "knative-mood"} <= set(seen[0])
        assert set(seen[0]).isdisjoint({"authorization", "cookie"})

    run(test)
