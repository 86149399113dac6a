"""The load is made of events as Knative sends them, against a target that parses them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load import Message, echo, ping, post, rate
from benchmarks.process import Running, function
from shared.events import PING, ClaimRef, parse

RECORDING = Path(__file__).resolve().parents[1] / "recordings/knative/apiserversource-events.jsonl"


def recorded() -> dict[str, Any]:
    """The first event that Knative's source was heard to send."""
    found: dict[str, Any] = json.loads(RECORDING.read_text().splitlines()[0])
    return found


def split(request: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    return dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:]), body


def test_an_echo_is_what_knative_sends() -> None:
    event = recorded()
    headers, body = split(echo(json.loads(event["body"])).request("127.0.0.1", 8099))
    assert body == event["body"].encode()
    sent = {name: value for name, value in event["headers"].items() if name.startswith("Ce-")}
    assert {name: value for name, value in headers.items() if name.startswith("Ce-")} == sent | {
        "Ce-Type": "dev.knative.apiserver.resource.update",
        "Ce-Time": headers["Ce-Time"],
    }
    assert parse(headers, body).claim == ClaimRef("ApplicationClaim", "dev", "dev-apps")


def test_a_ping_wakes_the_functions() -> None:
    assert parse(*split(ping().request("127.0.0.1", 1))).type == PING


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The empty target, running."""
    log = tmp_path_factory.mktemp("empty") / "log"
    with function("benchmarks/empty_target.py", "empty", {}, log) as running:
        yield running


def test_the_empty_target_parses_events(empty: Running) -> None:
    url = f"http://{empty.host}:{empty.port}"
    event = echo(json.loads(recorded()["body"]))
    assert 0 < post(url, event) < 60
    assert rate(url, event, 0.1) > 1
    with pytest.raises(ValueError, match=r"not a 204: b'HTTP/1\.1 500"):
        rate(url, Message({"id": "no event"}, {}), 0.1)


def test_memory_of_master_and_worker(empty: Running) -> None:
    master, worker = empty.memory()
    for one in (master, worker):
        assert 5_000_000 < one.pss < one.rss < 500_000_000
