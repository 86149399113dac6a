"""What the source notices and what it loses, between a fake API server and a sink."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.sandbox.broker.subscriber import Answer, Subscriber
from tests.sandbox.source.api import CUT, Api, claim
from tests.sandbox.source.running import CLAIMS, source

PATH = "/apis/platform.infraforge.io/v1alpha1/applicationclaims"


def _names(sink: Subscriber) -> list[str]:
    return [arrival.headers["Ce-Name"] for arrival in sink.arrivals]


def test_existing_objects_are_not_sent() -> None:
    """List, then watch from the list's version; what was there before raises no event."""

    async def run() -> None:
        api = Api("41")
        async with source(api, token="t0ken") as (sink, _):
            watched = await api.until_watched(1)
            api.say("ADDED", claim("new", 42))
            await sink.until("/", 1)
            assert _names(sink) == ["new"]
        assert watched.path == PATH
        assert watched.query | {"timeoutSeconds": "?"} == {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": "41",
            "timeoutSeconds": "?",
        }
        assert [asked.headers["authorization"] for asked in api.asked] == ["Bearer t0ken"] * 2

    asyncio.run(run())


async def _expire_by_event(api: Api) -> None:
    api.say("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (2)"})
    api.finish()


async def _expire_by_status(api: Api) -> None:
    api.refusals.append((410, {"kind": "Status", "code": 410, "message": "too old resource version"}))
    api.finish()


@pytest.mark.parametrize(
    ("expire", "watches"),
    [(_expire_by_event, 2), (_expire_by_status, 3)],
    ids=["in the stream", "as the watch's answer"],
)
def test_after_410_what_happened_meanwhile_is_lost(expire: Callable[[Api], Awaitable[None]], watches: int) -> None:
    """A new list, a watch from its version, and no event for what lies between."""

    async def run() -> None:
        api = Api("10", "90")
        async with source(api) as (sink, _):
            await api.until_watched(1)
            api.say("ADDED", claim("before", 11))
            await sink.until("/", 1)
            await expire(api)
            assert (await api.until_watched(watches)).query["resourceVersion"] == "90"
            api.say("MODIFIED", claim("after", 91))
            await sink.until("/", 2)
            assert _names(sink) == ["before", "after"]
            assert len(api.lists) == 2

    asyncio.run(run())


@pytest.mark.parametrize("how", ["end", CUT], ids=["the server ends the watch", "the connection breaks"])
def test_a_watch_that_ends_goes_on_from_the_last_version(how: str) -> None:
    """Bookmarks count too, and nothing is listed again."""

    async def run() -> None:
        api = Api("10")
        async with source(api) as (sink, _):
            await api.until_watched(1)
            api.say("ADDED", claim("one", 11))
            api.say("BOOKMARK", {"kind": "ApplicationClaim", "metadata": {"resourceVersion": "25"}})
            await sink.until("/", 1)
            api.finish(how)
            assert (await api.until_watched(2)).query["resourceVersion"] == "25"
            api.say("DELETED", claim("two", 26))
            await sink.until("/", 2)
            assert _names(sink) == ["one", "two"], "a bookmark is no event"
            assert len(api.lists) == 1

    asyncio.run(run())


def test_an_api_server_without_the_kind_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """A CRD may come later; the log names the path and the server's own words, and no token."""

    async def run() -> None:
        api = Api("7")
        api.refusals = [(404, {"kind": "Status", "code": 404, "message": "the server could not find it"})]
        async with source(api, token="t0ken") as (_, probe):
            await api.until_watched(1)
            async with asyncio.timeout(5):
                while (await probe.get("/healthz")).status_code != 200:
                    await asyncio.sleep(0)  # lets the watch run

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert f"watch of {PATH}: the list was answered 404: the server could not find it" in caplog.text
    assert "t0ken" not in caplog.text


def test_the_probe_names_the_watches_that_are_not_open() -> None:
    """503 before, which `infraforge up` waits out."""

    async def run() -> str:
        api = Api("7")
        api.refusals = [(503, {"message": "etcd is away"})] * 50
        async with source(api) as (_, probe):
            answer = await probe.get("/healthz")
            assert answer.status_code == 503
            return answer.text

    assert asyncio.run(run()) == f"no watch open: {PATH}\n"


def test_events_wait_for_each_other() -> None:
    """Sends block per resource: the second event is sent when the sink has answered the first."""

    def slow(_path: str, number: int) -> Answer:
        return Answer(202, delay=0.2 if number == 0 else 0.0)

    async def run() -> None:
        api = Api("1")
        async with source(api, slow) as (sink, _):
            for number in range(3):
                api.say("ADDED", claim(f"c{number}", number + 2))
            first, second, _third = await sink.until("/", 3)
            assert _names(sink) == ["c0", "c1", "c2"]
            assert second.at - first.at >= 0.19

    asyncio.run(run())


def test_a_lost_event_does_not_stop_the_source(caplog: pytest.LogCaptureFixture) -> None:
    """500 is not retried: the event is lost, the next one comes."""

    def failing_first(_path: str, number: int) -> Answer:
        return Answer(500 if number == 0 else 202)

    async def run() -> None:
        api = Api("1")
        async with source(api, failing_first) as (sink, _):
            api.say("ADDED", claim("lost", 2))
            api.say("ADDED", claim("kept", 3))
            await sink.until("/", 2)
            assert _names(sink) == ["lost", "kept"]

    asyncio.run(run())
    assert "lost, as in Knative: dev.knative.apiserver.resource.add of /apis/platform.infraforge.io" in caplog.text


def test_only_a_newline_ends_a_document() -> None:
    """JSON may hold U+2028 and U+0085, at which Python's own line splitting would cut; Go escapes what HTML minds."""

    async def run() -> bytes:
        api = Api("1")
        async with source(api) as (sink, _):
            api.say("ADDED", claim("odd", 2, spec={"text": "a\u2028b\u0085c <&> é"}))
            return (await sink.until("/", 1))[0].body

    assert '"spec":{"text":"a\\u2028b\u0085c \\u003c\\u0026\\u003e é"}'.encode() in asyncio.run(run())


def test_namespaces_and_overrides() -> None:
    """One watch for each namespace, and the extensions that ceOverrides adds."""
    config: dict[str, Any] = {"apiServerSources": [dict(CLAIMS["apiServerSources"][0])]}
    config["apiServerSources"][0] |= {
        "namespaces": ["dev", "prod"],
        "ceOverrides": {"extensions": {"installation": "a"}},
    }

    async def run() -> None:
        api = Api("1")
        async with source(api, config=config) as (sink, _):
            await api.until_watched(2)
            api.say("ADDED", claim("one", 2))
            (arrival,) = await sink.until("/", 1)
            assert arrival.headers["Ce-Installation"] == "a"
        root = "/apis/platform.infraforge.io/v1alpha1/namespaces"
        assert {asked.path for asked in api.watches} == {f"{root}/{name}/applicationclaims" for name in ("dev", "prod")}

    asyncio.run(run())
