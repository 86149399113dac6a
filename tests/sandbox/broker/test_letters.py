"""Dead letters: sent to the sink that the delivery names, with the delivery's retries; without one they are lost."""

import httpx
import pytest

from tests.sandbox.broker.running import ONCE, SINK, answering, broker, run, settled, trigger
from tests.sandbox.broker.subscriber import Answer


def test_a_dead_letter_is_the_event_and_what_went_wrong() -> None:
    """Source: kncloudevents/attributes/knative_error.go."""

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=ONCE)]}
        async with broker(config, transport=answering(Answer(422, body=b"no"))) as running:
            await running.send(id="7", kind="ApplicationClaim")
            await settled(running)
        (letter,) = running.letters
        assert (letter.id, letter.code, letter.destination, letter.error) == ("7", 422, "http://sub.test/", "no")
        assert letter.headers["ce-kind"] == "ApplicationClaim"

    run(test)


def test_a_sink_that_is_down_is_tried_as_often_as_the_subscriber() -> None:
    """Its delivery has the trigger's retries, as in Knative."""
    seen: list[str] = []

    def behaviour(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(202 if seen.count("http://late.test/") == 3 else 503)

    async def test() -> None:
        delivery = {"retry": 2, "deadLetterSink": {"uri": "http://late.test/"}}
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=delivery)]}
        async with broker(config, transport=httpx.MockTransport(behaviour)) as running:
            await running.send()
            await settled(running)

    run(test)
    assert seen == ["http://sub.test/"] * 3 + ["http://late.test/"] * 3


@pytest.mark.parametrize(
    ("delivery", "text", "why"),
    [
        ({"retry": 0}, "event e is lost: no dead-letter sink", "there is none"),
        ({"retry": 0, "deadLetterSink": {"uri": "http://down.test/"}}, "the dead-letter sink answered 503", "it fails"),
    ],
)
def test_what_the_sink_does_not_take_is_lost(
    delivery: dict[str, object], text: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As in Knative; the log says so."""

    async def test() -> None:
        config = {"triggers": [trigger("a", "http://sub.test/", delivery=delivery)]}
        async with broker(config, transport=answering(Answer(503))) as running:
            await running.send()
            await settled(running)

    run(test)
    assert text in caplog.text, why


def test_a_dead_letter_goes_to_its_own_triggers_sink_alone() -> None:
    """Not through the broker, where other triggers would see it."""
    seen: list[str] = []

    def behaviour(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(503 if request.url.host == "fails.test" else 204)

    async def test() -> None:
        config = {
            "triggers": [
                trigger("a", "http://fails.test/", delivery=ONCE),
                trigger("b", "http://works.test/", delivery={"retry": 0, "deadLetterSink": {"uri": "http://x.test/"}}),
            ]
        }
        async with broker(config, transport=httpx.MockTransport(behaviour)) as running:
            await running.send()
            await settled(running)
        assert sorted(seen) == ["fails.test", "works.test"]
        assert [letter.destination for letter in running.letters] == ["http://fails.test/"], SINK

    run(test)
