"""The server against 219 exchanges recorded with a real one: same requests, same order, same answers."""

import json
from typing import Any

import pytest
import yaml

from tests.sandbox.apiserver.conftest import RECORDINGS, start
from tests.sandbox.apiserver.recording import Answer, Replay, normal, recorded_answer

EXCHANGES = [json.loads(line) for line in (RECORDINGS / "transcript.jsonl").read_text().splitlines()]

GROUPS = "lists built-in groups and kinds (apps, batch, rbac, pods, …) that no claim needs and nothing here serves"
PROTOBUF = "answers in JSON, which the client accepts as well: protobuf is read, not written"
DEFINITIONS = "sends a v2 protobuf document without definitions: kubectl only looks for built-in kinds in it"

DIFFERENCES: dict[int, str] = {
    1: GROUPS,
    2: GROUPS,
    3: GROUPS,
    5: GROUPS,
    6: GROUPS,
    10: GROUPS,
    13: DEFINITIONS,
    15: GROUPS,
    20: GROUPS,
    27: GROUPS,
    31: GROUPS,
    36: GROUPS,
    41: GROUPS,
    46: GROUPS,
    51: GROUPS,
    66: GROUPS,
    70: PROTOBUF,
    89: GROUPS,
    106: GROUPS,
    202: GROUPS,
    203: GROUPS,
    207: GROUPS,
    212: GROUPS,
}
"""Exchanges that differ, by their number in the transcript, each with its reason."""

MOST_DIFFERENCES = 30


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """Every exchange replayed in order on a fresh server with the same CRD and namespace."""
    running = start(tmp_path_factory.mktemp("replay"))
    try:
        with running.client("kubectl/v1.34.1") as client:
            install(client)
            replay = Replay(client)
            return [replay.send(exchange) for exchange in EXCHANGES]
    finally:
        running.stop()


def install(client: Any) -> None:
    """Create the namespace and the CRD as kubectl did before the recording."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}}
    client.post("/api/v1/namespaces?fieldManager=kubectl-create", json=namespace).raise_for_status()
    crd = yaml.safe_load((RECORDINGS / "crd.yaml").read_text())
    crd["metadata"]["annotations"] = {}
    text = json.dumps(crd, separators=(",", ":"), sort_keys=True) + "\n"
    crd["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": text}
    url = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?fieldManager=kubectl-client-side-apply"
    client.post(url, json=crd).raise_for_status()


def test_differences_are_few() -> None:
    """The recording has 219 exchanges, and only a few may differ."""
    assert len(EXCHANGES) == 219
    assert len(DIFFERENCES) <= MOST_DIFFERENCES


@pytest.mark.parametrize("index", range(len(EXCHANGES)), ids=lambda i: f"{i}-{EXCHANGES[i]['case']}")
def test_exchange(index: int, answers: list[Answer]) -> None:
    """Status, headers, reasons, causes, keys and their order, values and events are those of the real server."""
    expected, actual = recorded_answer(EXCHANGES[index]), answers[index]

    if DIFFERENCES.get(index) == GROUPS:
        assert expected.status == actual.status
        assert expected.headers == actual.headers
        assert expected.body != actual.body, "no longer different: take it off the list"
        assert_part_of(expected.body, actual.body)
    elif DIFFERENCES.get(index) == DEFINITIONS:
        assert (expected.status, expected.headers) == (actual.status, actual.headers)
    elif index in DIFFERENCES:
        assert expected.status == actual.status
        assert expected.headers != actual.headers, "no longer different: take it off the list"
    else:
        assert expected.status == actual.status, actual.body
        assert expected.headers == actual.headers
        assert normal(expected.body) == normal(actual.body)


def assert_part_of(expected: Any, actual: Any) -> None:
    """What a catalogue holds here is word for word what it holds there: it is only shorter."""
    if isinstance(actual, dict):
        for key, value in actual.items():
            if key == "serverRelativeURL":
                assert expected[key].partition("?")[0] == value.partition("?")[0]
            else:
                assert_part_of(expected[key], value)
    elif isinstance(actual, list) and all(isinstance(item, dict) for item in actual):
        known = {entry_name(item): item for item in expected}
        for item in actual:
            assert_part_of(known[entry_name(item)], item)
    else:
        assert expected == actual


def entry_name(entry: dict[str, Any]) -> str:
    """Return what a catalogue's entry is called; the core group of aggregated discovery has no name."""
    name = entry.get("resource") or entry.get("subresource") or entry.get("version") or entry.get("name")
    return str(name or entry["metadata"].get("name", ""))
