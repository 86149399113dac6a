"""The broker against what Knative's own data plane did with 38 answers of a subscriber, over real sockets.

All cases run at once, each with a trigger of its own. What is compared: the number of arrivals at the subscriber, the
dead letter sink and the reply; the distances between them; the headers and bodies.

Three differences of the recording's set-up are taken out before: replies arrive there at the ingress itself (so they
carry no Prefer, and the TTL that the ingress takes away again), only one case went through the ingress (so the others
lack knativearrivaltime), and knativeerrordata is wrapped in JSON with the subscriber's address, which Knative unwraps
when the filter has its cluster's host name; where there is nothing to unwrap, it then says nothing at all (recorded in
cluster.jsonl). The recorded subscriber of `connection-closed` kept its socket open without a word (the tries are a
time-out apart), and so does ours.
"""

import asyncio
import base64
import json
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.broker.running import broker, trigger
from tests.sandbox.broker.subscriber import Answer, Arrival, Subscriber

RECORDING = Path(__file__).parents[2] / "recordings/knative/deliveries.jsonl"

DIFFERENT: dict[str, str] = {}
"""Cases in which the broker knowingly differs, each with its reason."""

EARLY, LATE = 0.03, 0.15
"""Seconds that one distance may be shorter or longer on an idle machine."""

TYPICALLY = 0.05
"""Seconds that the median over all cases with the same distance may be off, on an idle machine."""

TURNS = 5
"""Turns of the event loop between two arrivals (timer, connecting, writing, reading, noting): each may be as late as
a plain clock in the same process was seen to be, which is added to the above."""

ENOUGH = 4
"""More cases than this make a median."""

NOT_COMPARED = {"Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Ce-Knativearrivaltime"}


@dataclass(frozen=True)
class Seen:
    """An arrival, from the recording or from our broker, in comparable form."""

    role: str
    seconds: float
    headers: dict[str, str]
    body: str


def recorded() -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """The cases by name, and what the ingress answered to bad input."""
    lines = [json.loads(line) for line in RECORDING.read_text().splitlines()]
    return {line["case"]: line for line in lines[:-1]}, lines[-1]["statuses"]


CASES, INGRESS = recorded()


def answer(path: str, number: int) -> Answer:  # noqa: PLR0912 - a table, one line a case
    """What the recorded subscriber said, which the recording tells by the case's name."""
    _, case, role = path.split("/")
    if role != "subscriber":
        return Answer(202)
    match case.split("-"):
        case ["answer", "200", "text", "ok"]:
            return Answer(200, {"Content-Type": "text/plain"}, b"OK")
        case ["answer", "200", "json"]:
            return Answer(200, {"Content-Type": "application/json"}, b'{"ok":true}')
        case ["answer", status, "retry", "after", seconds]:
            return Answer(int(status), {"Retry-After": seconds})
        case ["answer", status, "ce", "structured"]:
            body = (
                f'{{"specversion": "1.0", "id": "r2", "source": "/reply", "type": "io.example.reply", "case": "{case}"'
            )
            return Answer(
                int(status), {"Content-Type": "application/cloudevents+json"}, f'{body}, "data": {{"x": 1}}}}'.encode()
            )
        case ["answer", status, "ce", "binary"]:
            return Answer(int(status), _reply(case), b'{"x":1}')
        case ["answer", status, "with", "ce", "headers"]:
            return Answer(int(status), _reply(case))
        case ["answer", status]:
            return Answer(int(status))
        case ["twice", status, "then", finally_]:
            return Answer(int(status if number < 2 else finally_))
        case ["hangs", *_] | ["connection", "closed"]:
            return Answer(200, delay=3.0)
        case ["error", "body", *_]:
            return Answer(400, body=b"x" * 300)
        case ["linear", status]:
            return Answer(int(status))
        case ["through", "ingress"]:
            return Answer(202)
    raise AssertionError(f"no answer is known for the recorded case {case}")


def _reply(case: str) -> dict[str, str]:
    """The reply's headers; `case` is added so that the reply finds its own trigger."""
    event = {"Id": "r1", "Source": "/reply", "Type": "io.example.reply", "Specversion": "1.0", "Case": case}
    return {"Content-Type": "application/json", **{f"Ce-{name}": value for name, value in event.items()}}


@dataclass(frozen=True)
class Observed:
    """What arrived in each case when our broker delivered, and the worst delay of the machine meanwhile, in seconds."""

    cases: dict[str, list[Seen]]
    delay: float


@pytest.fixture(scope="module")
def observed() -> Observed:
    """All cases at once, over real sockets."""
    return asyncio.run(_observe())


async def _late(delays: list[float]) -> None:
    """Note by how much a clock that ticks every 20 ms is late, for ever."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.02)  # the tick
        delays.append(time.monotonic() - began - 0.02)


async def _observe() -> Observed:
    delays: list[float] = []
    clock = asyncio.create_task(_late(delays))
    async with Subscriber(answer).running() as subscriber:
        triggers = [each for case in CASES for each in _triggers(case, subscriber.url)]
        async with broker({"namespace": "t", "triggers": triggers}) as running:
            for case in CASES:
                assert (await running.send(id=f"e-{case}", kind="ApplicationClaim")).status_code == 202
            sent = {"id": "e-through-ingress", "kind": "ApplicationClaim", "specversion": "0.3"}
            assert (await running.send(**sent)).status_code == 202
            async with asyncio.timeout(15):
                await running.dispatcher.settle()
        seen = {
            case: [_seen(each) for each in subscriber.arrivals if each.path.split("/")[1] == case] for case in CASES
        }
        seen["refused"] = [_seen(each) for each in subscriber.at("/refused/dead-letter")]
        clock.cancel()
        return Observed(seen, max(delays))


def _triggers(case: str, url: str) -> Iterator[dict[str, Any]]:
    delivery = {**CASES[case]["delivery"], "deadLetterSink": {"uri": f"{url}/{case}/dead-letter"}}
    uri = "http://127.0.0.1:1/refused" if case == "refused" else f"{url}/{case}/subscriber"
    yield trigger(case, uri, delivery=delivery, type="io.example.claim", id=f"e-{case}")
    yield trigger(f"reply.{case}", f"{url}/{case}/reply", type="io.example.reply", case=case)


def _seen(arrival: Arrival) -> Seen:
    role = arrival.path.split("/")[2]
    dropped = NOT_COMPARED | ({"Prefer", "Ce-Case"} if role == "reply" else set())
    headers = {name: value for name, value in arrival.headers.items() if name not in dropped}
    return Seen(role, arrival.at, _comparable(headers), arrival.body.decode())


def _recorded_arrivals(case: str) -> list[Seen]:
    arrivals = []
    for each in CASES[case]["arrivals"]:
        dropped = NOT_COMPARED | ({"Ce-Knativebrokerttl"} if each["role"] == "reply" else set())
        headers = {name: value for name, value in each["headers"].items() if name not in dropped}
        arrivals.append(Seen(each["role"], each["seconds"], _comparable(_unwrapped(headers)), each["body"]))
    return arrivals


def _unwrapped(headers: dict[str, str]) -> dict[str, str]:
    """What a cluster's dispatcher makes of the filter's answer (kncloudevents/event_dispatcher.go)."""
    data = base64.b64decode(headers.get("Ce-Knativeerrordata", ""))
    if not data.startswith(b"{"):
        return {name: value for name, value in headers.items() if not name.startswith("Ce-Knativeerror")}
    wrapped = json.loads(data)
    replaced = {"Ce-Knativeerrordest": wrapped["errdestination"], "Ce-Knativeerrordata": wrapped["errresponsebody"]}
    return {**headers, **replaced}


def _comparable(headers: dict[str, str]) -> dict[str, str]:
    """Hosts, ports and the triggers' UIDs differ from run to run."""

    def plain(text: str) -> str:
        text = re.sub(r"http://(127\.0\.0\.1:(8900|8091|\d{5})|broker\.test)/", "http://host/", text)
        return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)

    compared = {name: plain(value) for name, value in headers.items()}
    if "Ce-Knativeerrordata" in compared:
        compared["Ce-Knativeerrordata"] = plain(base64.b64decode(compared["Ce-Knativeerrordata"]).decode())
    return compared


def differences(expected: list[Seen], actual: list[Seen], delay: float = 0.0) -> list[str]:
    """Everything in which the two disagree, in words."""
    if [each.role for each in expected] != [each.role for each in actual]:
        return [f"arrivals: {[each.role for each in expected]} became {[each.role for each in actual]}"]
    found = []
    for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
        if one.headers != other.headers:
            found.append(f"headers of arrival {number}: {set(one.headers.items()) ^ set(other.headers.items())}")
        if one.body != other.body:
            found.append(f"body of arrival {number}: {one.body!r} became {other.body!r}")
    for number, (one, other) in enumerate(zip(_distances(expected), _distances(actual), strict=True)):
        if not one - EARLY - TURNS * delay <= other <= one + LATE + TURNS * delay:
            found.append(f"distance {number}: {one:.2f} s became {other:.2f} s")
    return found


def _distances(arrivals: list[Seen]) -> list[float]:
    seconds = [arrival.seconds for arrival in arrivals]
    return [later - earlier for earlier, later in pairwise(seconds)]


@pytest.mark.parametrize("case", CASES)
def test_case_as_recorded(case: str, observed: Observed) -> None:
    """Same arrivals at the same distances with the same headers and bodies."""
    found = differences(_recorded_arrivals(case), observed.cases[case], observed.delay)
    assert bool(found) == (case in DIFFERENT), found


def test_the_list_of_differences_is_short() -> None:
    """38 recorded cases, none of which may join the list unnoticed."""
    assert (len(CASES), len(DIFFERENT)) == (38, 0)


def test_distances_are_typically_exact(observed: Observed) -> None:
    """The median of all cases with the same pause: sharper than one case on a busy machine can be held to."""
    groups: dict[float, list[float]] = {}
    for case in CASES:
        for one, other in zip(_distances(_recorded_arrivals(case)), _distances(observed.cases[case]), strict=True):
            groups.setdefault(round(one, 1), []).append(other)
    medians = {pause: statistics.median(values) for pause, values in groups.items() if pause and len(values) > ENOUGH}
    limit = TYPICALLY + TURNS * observed.delay
    assert set(medians) >= {0.2, 0.4, 0.8}
    assert {pause: median for pause, median in medians.items() if abs(median - pause) > limit} == {}


def _changed(seen: Seen, **changes: Any) -> Seen:
    return Seen(**{**vars(seen), **changes})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda seen: seen[:-1], "a dead letter that never came"),
        (lambda seen: [*seen, seen[-1]], "one arrival too many"),
        (lambda seen: [seen[0], _changed(seen[1], seconds=seen[1].seconds + 3), *seen[2:]], "Retry-After honoured"),
        (lambda seen: [seen[0], _changed(seen[1], seconds=seen[0].seconds), *seen[2:]], "no pause before a try"),
        (lambda seen: [_changed(seen[0], body="{}"), *seen[1:]], "another body"),
        (lambda seen: [_changed(seen[0], headers={}), *seen[1:]], "headers that are missing"),
        (
            lambda seen: [*seen[:-1], _changed(seen[-1], headers={**seen[-1].headers, "Ce-Knativeerrorcode": "500"})],
            "another error code",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_comparison_can_fail(change: Any, why: str) -> None:
    """A comparison that finds nothing must be able to find something."""
    expected = _recorded_arrivals("answer-503")
    assert differences(expected, expected) == []
    assert differences(expected, change(expected)), why


def test_ingress_answers_as_recorded() -> None:
    """The recording's last line: what the ingress said to good and bad input."""

    async def ask() -> dict[str, int]:
        async with broker({"triggers": []}) as running:
            plain = {"Content-Type": "application/json"}
            whole = {"Ce-Id": "1", "Ce-Source": "/src", "Ce-Type": "t", "Ce-Specversion": "1.0"}
            without_id = {name: value for name, value in whole.items() if name != "Ce-Id"}
            post = running.client.post
            return {
                "other type (filtered out)": (await running.send(type="io.example.other")).status_code,
                "no ce-id": (await post("/", content=b"{}", headers=plain | without_id)).status_code,
                "specversion 0.3": (await running.send(specversion="0.3")).status_code,
                "not an event": (await post("/", content=b"{}", headers=plain)).status_code,
                "unknown broker": (await post("/t/unknown", content=b"{}", headers=plain | whole)).status_code,
                "GET": (await running.client.get("/")).status_code,
            }

    assert asyncio.run(ask()) == INGRESS
