"""Tokens, rights, policies and pods against 170 exchanges recorded with a real server (1.36, RBAC, no controllers)."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.apiserver.conftest import RECORDINGS, Running, start
from tests.sandbox.apiserver.recording import Answer, normal, parsed

Json = dict[str, Any]
EXCHANGES: list[Json] = [json.loads(line) for line in (RECORDINGS / "access.jsonl").read_text().splitlines()]

STATUS = "writes at once the status that a controller writes a moment later, and none was recorded"
IMPERSONATION = "asks for the right to impersonate in the words of servers before 1.36, which still count there"
DIFFERENCES: dict[str, str] = {
    "whoami-admin": "gives the administrator no uid, as a certificate does not",
    "imp-denied": IMPERSONATION,
    "imp-sa-denied": IMPERSONATION,
    "agg-empty": "drops an empty aggregationRule before it is judged",
    "policy": STATUS,
    "policy-get": STATUS,
    "confirm-policy": STATUS,
    "warn-policy": STATUS,
    "pod-command": "does not show the difference between two pods",
}
"""Cases that are answered otherwise, each with its reason."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """Every exchange replayed in order on a fresh server with the same CRD and namespace."""
    running = start(tmp_path_factory.mktemp("access"), "--crds", str(RECORDINGS / "crd.yaml"), "--namespaces", "rec")
    try:
        with running.client("python-urllib3/2.5.0", token="") as client:
            tokens = {"admin": running.token}
            return {exchange["case"]: send(client, running, exchange, tokens) for exchange in EXCHANGES}
    finally:
        running.stop()


def send(client: httpx.Client, running: Running, exchange: Json, tokens: dict[str, str]) -> Answer:
    """Send one recorded request as its user, and keep the token that it answers with under the case's name."""
    request = exchange["request"]
    body = re.sub("<token:([^>]+)>", lambda match: tokens[match[1]], request["body"] or "") or None
    headers = {"Accept": "application/json", "Authorization": f"Bearer {tokens[exchange['as']]}"} | request["headers"]
    answer = client.request(request["method"], request["path"], content=body, headers=headers)
    value = parsed(answer.text.replace(running.url.removeprefix("https://"), "SERVER"))
    if isinstance(value, dict):
        for part in (value.get("status"), value.get("spec")):
            if isinstance(part, dict) and "token" in part:
                tokens.setdefault(exchange["case"], part["token"])
                part["token"] = "<token>"
    kept = {name: answer.headers[name] for name in ("Content-Type", "Warning") if name in answer.headers}
    return Answer(answer.status_code, kept, value)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange["case"])
def test_exchange(exchange: Json, answers: dict[str, Answer]) -> None:
    """Status, headers, messages, details, keys and their order are those of the real server."""
    expected, actual = exchange["response"], answers[exchange["case"]]
    same = (
        expected["status"] == actual.status
        and expected["headers"] == actual.headers
        and normal(parsed(expected["body"])) == normal(actual.body)
    )

    if exchange["case"] in DIFFERENCES:
        assert not same, "no longer different: take it off the list"
    else:
        assert (expected["status"], expected["headers"]) == (actual.status, actual.headers), actual.body
        assert normal(parsed(expected["body"])) == normal(actual.body)


def test_the_recording_holds_no_secret() -> None:
    """Tokens were taken out."""
    text = Path(RECORDINGS / "access.jsonl").read_text()

    assert "eyJ" not in text
    assert len(EXCHANGES) == 170
