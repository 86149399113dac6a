"""What the recording does not show: bounds, loops, and peers that misbehave."""

import asyncio
import base64
import re

import httpx
import pytest

from sandbox.broker.load import OVERHEAD, Bounds
from tests.sandbox.broker.running import ONCE, URL, answering, broker, run, settled, trigger
from tests.sandbox.broker.subscriber import Answer, Subscriber

QUICK = {**ONCE, "retry": 2, "backoffPolicy": "exponential", "backoffDelay": "PT0.05S", "timeout": "PT5S"}


def test_a_closed_connection_is_tried_again_at_once() -> None:
    """As when a function is killed: no time-out passes first, and the dead letter says what Go's client says."""

    async def test() -> None:
        async with Subscriber(lambda _path, _number: Answer(None)).running() as sub:
            config = {"triggers": [trigger("a", f"{sub.url}/a", delivery=QUICK)]}
            async with broker(config, transport=httpx.AsyncHTTPTransport()) as running:
                await running.send()
                await settled(running)
            (letter,) = running.letters
            assert letter.error == f'dispatch error: Post "{sub.url}/a": EOF'
            assert (letter.code, len(sub.at("/a"))) == (500, 3)
            assert sub.at("/a")[2].at - sub.at("/a")[0].at < 2

    run(test)


def test_a_long_error_body_is_survived_and_shouted_about(caplog: pytest.LogCaptureFixture) -> None:
    """769 bytes crash the dispatcher of Knative's in-memory channel; here they are cut, and the log says so."""

    async def test() -> None:
        async with Subscriber(
            lambda path, _: Answer(202 if path == "/dead" else 400, body=b"x" * 769)
        ).running() as sub:
            delivery = {**ONCE, "deadLetterSink": {"uri": f"{sub.url}/dead"}}
            async with broker({"triggers": [trigger("a", f"{sub.url}/a", delivery=delivery)]}) as running:
                await running.send()
                (arrival,) = await sub.until("/dead", 1)
                await settled(running)
            data = arrival.headers["Ce-Knativeerrordata"]
            assert len(data) == 1024
            assert base64.b64decode(data) == b"x" * 768

    run(test)
    assert "IN-MEMORY CHANNEL OF A REAL KNATIVE CRASHES ON MORE THAN 768" in caplog.text


def test_768_bytes_are_nothing_to_shout_about(caplog: pytest.LogCaptureFixture) -> None:
    """The last length that Knative takes."""

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=ONCE)]}
        async with broker(config, transport=answering(Answer(400, body=b"x" * 768))) as running:
            await running.send()
            await settled(running)

    run(test)
    assert "CRASHES" not in caplog.text


def test_replies_that_reply_to_each_other_end() -> None:
    """The TTL goes down by one with each pass through the ingress: 255 deliveries, then a dead letter."""
    seen: list[str] = []
    reply = {"ce-id": "r", "ce-source": "/r", "ce-type": "io.example.claim", "ce-specversion": "1.0"}

    def behaviour(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["ce-id"])
        return httpx.Response(200, headers=reply)

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=ONCE)]}
        async with broker(config, transport=httpx.MockTransport(behaviour)) as running:
            await running.send()
            await settled(running)
        (letter,) = running.letters
        assert len(seen) == 255
        assert (letter.code, letter.destination, letter.headers["ce-knativebrokerttl"]) == (400, URL, "1")

    run(test)


@pytest.mark.parametrize(
    ("headers", "body", "code", "why"),
    [
        ({"Content-Type": "application/cloudevents+json"}, b"{broken", 0, "a reply that cannot be read"),
        ({"Content-Type": "application/cloudevents-batch+json"}, b"[]", 0, "a batch"),
        ({"Ce-Specversion": "1.0"}, b"", 400, "a reply without id, source and type, which the ingress refuses"),
    ],
)
def test_bad_replies(headers: dict[str, str], body: bytes, code: int, why: str) -> None:
    """The event that was replied to becomes a dead letter."""

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=ONCE)]}
        async with broker(config, transport=answering(Answer(200, headers, body))) as running:
            await running.send(id="7")
            await settled(running)
        (letter,) = running.letters
        assert (letter.code, letter.id) == (code, "7"), why

    run(test)


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        (Bounds(deliveries=3), "as many deliveries as the broker may hold"),
        (Bounds(size=3 * OVERHEAD), "as many bytes"),
    ],
)
def test_overflow_is_503_and_passes(bounds: Bounds, why: str) -> None:
    """Memory is bounded; what was refused was not half taken, and room comes back."""

    async def test() -> None:
        gate = asyncio.Event()

        async def behaviour(_: httpx.Request) -> httpx.Response:
            await gate.wait()
            return httpx.Response(204)

        config = {"triggers": [trigger(name, "http://sub.test/", delivery=ONCE) for name in ("a", "b")]}
        transport = httpx.MockTransport(behaviour)
        async with broker(config, bounds=bounds, transport=transport) as running:
            statuses = [(await running.send()).status_code for _ in range(2)]
            assert statuses == [202, 503], why
            assert running.dispatcher.load.deliveries == 2
            gate.set()
            await settled(running)
            assert (running.dispatcher.load.deliveries, running.dispatcher.load.size) == (0, 0)
            assert (await running.send()).status_code == 202

    run(test)


def test_a_hanging_subscriber_holds_up_no_other() -> None:
    """Neither its slots nor its share of the memory are another's; what it has no room for is a dead letter."""

    async def test() -> None:
        delivered: list[str] = []

        async def behaviour(request: httpx.Request) -> httpx.Response:
            if request.url.host == "hangs.test":
                await asyncio.Event().wait()
            delivered.append(request.headers["ce-id"])
            return httpx.Response(204)

        both = [trigger("a", "http://hangs.test/", delivery=ONCE), trigger("b", "http://works.test/")]
        config = {"triggers": [*both, trigger("c", "http://hangs.test/", type="only")]}
        transport = httpx.MockTransport(behaviour)
        async with broker(config, bounds=Bounds(deliveries=2, concurrency=1), transport=transport) as running:
            for number in range(5):
                assert (await running.send(id=str(number))).status_code == 202
                async with asyncio.timeout(10):
                    while len(delivered) <= number:
                        await asyncio.sleep(0)  # lets the others run
            async with asyncio.timeout(10):
                while len(running.letters) < 3:
                    await asyncio.sleep(0)  # lets the broker give up on those that hang

        assert delivered == ["0", "1", "2", "3", "4"]
        assert [letter.code for letter in running.letters] == [503] * 3
        assert sorted(letter.id for letter in running.letters) == ["2", "3", "4"]
        assert "as many events for this subscriber as it may" in running.letters[0].error

    run(test)


def test_every_slot_keeps_its_connection() -> None:
    """Events one after another share one connection; as many at a time as there are slots have one each."""

    async def test() -> None:
        async with Subscriber(lambda _path, _number: Answer(204)).running() as sub:
            config = {"triggers": [trigger("a", f"{sub.url}/a")]}
            async with broker(config, bounds=Bounds(concurrency=2)) as running:
                for number in range(4):
                    await running.send(id=str(number))
                    await settled(running)
                assert sub.connections == 1
                for number in range(12):
                    await running.send(id=str(number))
                await settled(running)
                assert sub.connections == 2

    run(test)


def test_requests_at_a_time_are_bounded_but_waiting_holds_no_slot() -> None:
    """Two at a time to one subscriber; an event that waits for its next try lets others through."""
    now, most = 0, 0

    async def behaviour(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(10):
            await asyncio.sleep(0)  # lets the others run
        now -= 1
        return httpx.Response(503 if request.headers["ce-id"].startswith("late") else 204)

    async def test() -> None:
        delivery = {"retry": 1, "backoffPolicy": "exponential", "backoffDelay": "PT1H"}
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=delivery)]}
        transport = httpx.MockTransport(behaviour)
        async with broker(config, bounds=Bounds(concurrency=2), transport=transport) as running:
            for number in range(10):
                await running.send(id=f"late-{number}")
                await running.send(id=f"now-{number}")
            async with asyncio.timeout(10):
                while running.dispatcher.load.deliveries > 10:
                    await asyncio.sleep(0)  # lets the others run
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
def test_ingress_refusals(headers: dict[str, str], body: bytes, status: int, text: str) -> None:
    """Each with a line that says what is wrong."""

    async def test() -> None:
        async with broker({"triggers": []}, bounds=Bounds(event=1000)) as running:
            answer = await running.client.post("/", headers=headers, content=body)
            assert answer.status_code == status
            assert text in answer.text

    run(test)


def test_the_address_of_a_cluster_works_too() -> None:
    """POST /{namespace}/{name}, and the pre-flight of the webhook specification."""

    async def test() -> None:
        async with broker({"namespace": "n", "name": "b", "triggers": []}) as running:
            event = {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "t"}
            assert (await running.client.post("/n/b", headers=event)).status_code == 202
            other = await running.client.post("/n/other", headers=event)
            assert (other.status_code, other.text) == (404, "no broker n/other here\n")
            assert (await running.client.options("/")).headers["WebHook-Allowed-Rate"] == "*"
            assert (await running.client.get("/healthz")).text == "ok\n"

    run(test)


def test_headers_that_travel_along() -> None:
    """Only those that Knative passes on; no credential of the sender's reaches a subscriber."""

    async def test() -> None:
        seen: list[httpx.Headers] = []

        def behaviour(request: httpx.Request) -> httpx.Response:
            seen.append(request.headers)
            return httpx.Response(204)

        config = {"triggers": [trigger("a", "http://sub.test/")]}
        async with broker(config, transport=httpx.MockTransport(behaviour)) as running:
            event = {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "t"}
            extra = {"X-Request-Id": "r", "Knative-Mood": "good", "Authorization": "Bearer secret", "Cookie": "c"}
            await running.client.post("/", headers=event | extra)
            await settled(running)
        assert {"x-request-id", "knative-mood"} <= set(seen[0])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", seen[0]["ce-knativearrivaltime"])
        assert set(seen[0]).isdisjoint({"authorization", "cookie"})

    run(test)
