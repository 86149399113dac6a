"""Dead letters: kept, shown, replayed to the trigger they failed at, and thrown away."""

from pathlib import Path

import pytest

from tests.sandbox.broker.running import ONCE, answering, broker, letters, run, settled, trigger
from tests.sandbox.broker.subscriber import Answer, Subscriber


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
