"""The deadletters function as a process, with a real API-server stand-in: nothing it said 202 to is ever lost."""

import base64
import gzip
import json
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.deadletters.letter import NOT_TOLD
from shared.settings import Serving
from tests.functions.letterbox import MERGE, SYSTEM, Letterbox, binary, given_up, receiving
from tests.functions.platform import example
from tests.functions.test_processes import ROOT, stop
from tests.sandbox.apiserver.conftest import start

CRDS = ROOT / "knative" / "files" / "crds"
CANARY = "hunter2-of-a-claim"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Letterbox]:
    """One API server, one Broker and one function for all tests of this file."""
    api = start(tmp_path_factory.mktemp("apiserver"), "--crds", str(CRDS), "--namespaces", f"dev,{SYSTEM}")
    with receiving() as broker:
        box = Letterbox.start(api, broker, tmp_path_factory.mktemp("function"))
        yield box
        assert stop(box.function) == 0
    api.stop()
    assert CANARY not in box.function.log.read_text()


@pytest.fixture
def box(shared: Letterbox) -> Iterator[Letterbox]:
    """The same, with no letter in it and a Broker that takes everything."""
    shared.clear()
    shared.broker.status = 202
    shared.broker.sent.clear()
    yield shared


@pytest.fixture
def claim(box: Letterbox) -> Iterator[dict[str, Any]]:
    """The seed's claim, with a status that its function wrote."""
    path = "/namespaces/dev/applicationclaims"
    made = box.kube("POST", path, json=example("dev/dev-apps-claim.yaml"))
    ready = {"type": "Ready", "status": "True", "reason": "Committed", "message": "all is in Git"}
    box.kube("PATCH", f"{path}/dev-apps/status", json={"status": {"conditions": [ready]}}, headers=MERGE)
    yield made
    box.kube("DELETE", f"{path}/dev-apps")


def live(box: Letterbox) -> dict[str, Any]:
    found: dict[str, Any] = box.kube("GET", "/namespaces/dev/applicationclaims/dev-apps")
    return found


def test_a_letter_is_kept_and_its_claim_told(box: Letterbox, claim: dict[str, Any]) -> None:
    answer = box.post(binary(**given_up()), json.dumps({"password": CANARY}).encode())
    assert (answer.status_code, answer.content) == (202, b"")
    (letter,) = box.letters()
    assert letter["spec"] | {"givenUp": ""} == {
        "event": {
            "attributes": {name.removeprefix("ce-"): value for name, value in binary().items() if "ce-" in name}
            | {"datacontenttype": "application/json"},
            "data": json.dumps({"password": CANARY}),
            "encoding": "Text",
        },
        "object": "ApplicationClaim/dev/dev-apps",
        "trigger": "platform-system/infraforge-applicationclaim",
        "destination": "http://infraforge-application.platform-system.svc.cluster.local",
        "code": "503",
        "error": "GiteaUnavailable: Gitea does not answer",
        "givenUp": "",
    }
    conditions = {one["type"]: one for one in live(box)["status"]["conditions"]}
    assert conditions["Ready"]["status"] == "True", "readiness is another's"
    told = conditions["Delivered"]
    assert (told["status"], told["reason"], told["observedGeneration"]) == ("False", "GivenUp", 1)
    assert f"infraforge events replay {letter['metadata']['name']}" in told["message"]
    with box.api.client() as client:
        events = client.get("/api/v1/namespaces/dev/events").json()["items"]
    (event,) = [one for one in events if one["involvedObject"]["uid"] == claim["metadata"]["uid"]]
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "EventGivenUp", told["message"])
    assert CANARY not in json.dumps([events, live(box)["status"]])


def test_the_echo_of_telling_ends(box: Letterbox, claim: dict[str, Any]) -> None:
    """Our write of the status comes back as an event. That one is given up too, and changes the claim no more."""
    box.post(binary("first", **given_up()))
    version = live(box)["metadata"]["resourceVersion"]
    assert box.post(binary("echo", **given_up())).status_code == 202
    assert live(box)["metadata"]["resourceVersion"] == version
    assert len(box.letters()) == 2


def test_sent_twice_it_is_one_letter(box: Letterbox) -> None:
    for _ in range(3):
        assert box.post(binary(**given_up())).status_code == 202
    assert len(box.letters()) == 1


def test_replayed_it_is_the_original_event_and_the_letter_goes(box: Letterbox) -> None:
    data = json.dumps({"é": [1, "zwei"]}).encode()
    given = binary(subject="/a%20b/%C3%A9")
    box.post(given | binary(subject="", **given_up()), data)
    name = box.letters()[0]["metadata"]["name"]
    assert box.tell(name, "add").status_code == 202
    assert not box.broker.sent, "nobody asked for it"
    box.annotate(name)
    assert box.tell(name).status_code == 202
    assert box.letters() == []
    (sent,) = box.broker.sent
    assert {key: value for key, value in sent.headers.items() if key in given or key.startswith("ce-")} == given
    assert sent.body == data
    assert box.tell(name).status_code == 202, "the event may come once more"
    assert box.tell(name, "delete").status_code == 202
    assert len(box.broker.sent) == 1


def test_a_structured_event_goes_on_in_the_binary_mode(box: Letterbox) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/é", "type": "com.example.odd", "size": 7, "data": {"a": [1]}}
    structured = {"content-type": "application/cloudevents+json"}
    assert box.post(structured, json.dumps(event | given_up()).encode()).status_code == 202
    name = box.letters()[0]["metadata"]["name"]
    box.annotate(name)
    box.tell(name)
    (sent,) = box.broker.sent
    assert {key: value for key, value in sent.headers.items() if key.startswith("ce-")} == {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/%C3%A9",
        "ce-type": "com.example.odd",
        "ce-size": "7",
    }, "nothing is made up, the time for one"
    assert json.loads(sent.body) == event["data"]


def test_a_large_event_comes_back_byte_for_byte(box: Letterbox) -> None:
    """As it is in a claim of many applications: large, and alike."""
    data = json.dumps([{"application": number, "values": {"replicas": 3}} for number in range(20_000)]).encode()
    assert len(data) > 1_000_000
    box.post(binary(**given_up()), data)
    (letter,) = box.letters()
    event = letter["spec"]["event"]
    assert (event["encoding"], event.get("reduced", False)) == ("GzipBase64", False)
    assert gzip.decompress(base64.b64decode(event["data"])) == data
    box.annotate(letter["metadata"]["name"])
    box.tell(letter["metadata"]["name"])
    assert box.broker.wait(1)[0].body == data


def test_what_is_too_large_for_etcd_is_kept_by_its_identity(box: Letterbox) -> None:
    noise = base64.b64encode(random.Random(7).randbytes(2_000_000)).decode()  # noqa: S311 - the same noise every time
    labels = {"infraforge.io/environment": "dev"}
    metadata = {"name": "dev-apps", "namespace": "dev", "uid": "u", "resourceVersion": "7", "labels": labels}
    spec = {"clusterType": "nonprod", "environment": "dev", "applications": [{"values": {"noise": noise}}]}
    whole = {"apiVersion": "platform.infraforge.io/v1alpha1", "kind": "ApplicationClaim", "metadata": metadata}
    assert box.post(binary(**given_up()), json.dumps(whole | {"spec": spec}).encode()).status_code == 202
    event = box.letters()[0]["spec"]["event"]
    assert event["reduced"] is True
    assert json.loads(event["data"]) == whole | {"spec": {"clusterType": "nonprod", "environment": "dev"}}


@pytest.mark.parametrize(
    ("status", "answer", "state", "asked"),
    [
        (503, 503, "Failing", True),
        (429, 503, "Failing", True),
        (401, 503, "Failing", True),
        (400, 202, "Refused", False),
        (413, 202, "Refused", False),
    ],
)
def test_a_broker_that_does_not_take_it(box: Letterbox, status: int, answer: int, state: str, asked: bool) -> None:
    box.post(binary(**given_up()), CANARY.encode())
    name = box.letters()[0]["metadata"]["name"]
    box.broker.status = status
    box.annotate(name)
    versions = set()
    for _ in range(2):
        assert box.tell(name).status_code == (answer if asked or not versions else 202)
        versions.add(box.letters()[0]["metadata"]["resourceVersion"])
    (letter,) = box.letters()
    assert len(versions) == 1, "it is written once: a write comes back as an event"
    assert (letter["status"]["replay"], f"answered {status}" in letter["status"]["message"]) == (state, True)
    assert ("platform.infraforge.io/replay" in (letter["metadata"].get("annotations") or {})) is asked
    box.broker.status = 202
    box.annotate(name, "again")
    assert box.tell(name).status_code == 202
    assert box.letters() == []


def test_given_up_once_more_it_is_not_replayed_by_itself(box: Letterbox) -> None:
    """A function that refuses at once would be asked for ever."""
    box.post(binary(**given_up()))
    name = box.letters()[0]["metadata"]["name"]
    box.annotate(name)
    box.post(binary(**given_up("400", "InvalidEvent: no")))
    (letter,) = box.letters()
    assert (letter["spec"]["code"], letter["spec"]["error"]) == ("400", "InvalidEvent: no")
    assert not (letter["metadata"].get("annotations") or {})
    assert box.tell(name).status_code == 202
    assert not box.broker.sent


def test_a_letter_about_a_letter_is_dropped(box: Letterbox) -> None:
    answer = box.post(binary(kind="DeadLetter", namespace=SYSTEM, name="0123456789abcdef0123", **given_up()))
    assert (answer.status_code, box.letters()) == (202, [])
    metrics = httpx.get(f"{box.function.url}/metrics").text
    assert 'infraforge_dead_letters_total{outcome="dropped"} 1.0' in metrics


def test_no_202_is_lost_when_it_is_killed(box: Letterbox, tmp_path: Path) -> None:
    """SIGKILL in the middle of a stream of letters: what was answered with 202 is there, and the rest comes again."""
    victim = Letterbox.start(box.api, box.broker, tmp_path)
    try:
        worker = _worker(victim)
        accepted = []
        for number in range(40):
            if number == 20:
                os.kill(worker, signal.SIGKILL)
                victim.function.process.send_signal(signal.SIGKILL)
            try:
                answer = victim.post(binary(f"event-{number}", **given_up()))
            except httpx.TransportError:
                continue
            if answer.status_code == 202:
                accepted.append(f"event-{number}")
    finally:
        victim.function.process.kill()
        victim.function.process.wait()
    kept = {letter["spec"]["event"]["attributes"]["id"] for letter in box.letters()}
    assert len(accepted) >= 20
    assert set(accepted) <= kept
    for number in range(40):  # another process takes over, and Knative sends again what was not answered
        assert box.post(binary(f"event-{number}", **given_up())).status_code == 202
    assert {letter["spec"]["event"]["attributes"]["id"] for letter in box.letters()} == {
        f"event-{number}" for number in range(40)
    }


def _worker(box: Letterbox) -> int:
    """The process that answers: gunicorn's worker."""
    parent = box.function.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    return int(children[0])


def test_what_else_it_answers(box: Letterbox) -> None:
    """As the other functions do: short. What does not say that it was given up was given up all the same."""
    limit = 2 * Serving.model_fields["body_limit"].default  # what is too large for the others is not for this one
    cases = [
        ({}, b"garbage", 400),
        (binary(**given_up()), b"x" * (limit + 1), 413),
        (binary(), b"x" * limit, 202),
        (binary("event-2", kind="", type="dev.knative.sources.ping"), b"", 202),
    ]
    for headers, body, status in cases:
        answer = box.post(headers, body)
        assert (answer.status_code, len(answer.content) < 500) == (status, True)
    assert [one["spec"]["error"] for one in box.letters()] == [NOT_TOLD] * 2
    with httpx.Client(base_url=box.function.url, timeout=60) as client:
        assert (client.get("/healthz").text, client.get("/readyz").text) == ("ok\n", "kubernetes: ok\n")
        assert client.get("/nowhere").status_code == 404
        assert client.put("/").status_code == 405
        assert "infraforge_events_total" in client.get("/metrics").text


def account(box: Letterbox, name: str, audience: str) -> str:
    """A token that the API server makes of a ServiceAccount, as Knative asks for one."""
    path = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts"
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [audience]}}
    with box.api.client() as client:
        client.post(path, json={"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
        answer = client.post(f"{path}/{name}/token", json=wanted)
    assert answer.is_success, answer.text
    return str(answer.json()["status"]["token"])


def test_senders_are_asked_who_they_are(box: Letterbox, tmp_path: Path) -> None:
    """With the API server's own tokens, keys and discovery document."""
    asking = Letterbox.start(
        *(box.api, box.broker, tmp_path),
        INFRAFORGE_SENDER_AUDIENCE="infraforge-deadletters",
        INFRAFORGE_SENDER_SUBJECTS=f'["system:serviceaccount:{SYSTEM}:infraforge-*"]',
    )
    good = account(box, "infraforge-platformclaim-oidc-eventing.knative.dev-trigger", "infraforge-deadletters")
    cases = [
        ("", 401, "nobody"),
        (account(box, "infraforge-platformclaim", "infraforge-platform"), 401, "a token for another function"),
        (box.api.token, 401, "the administrator's token, which is no account's"),
        (account(box, "default", "infraforge-deadletters"), 403, "another account"),
        (good, 202, "a Trigger"),
    ]
    try:
        for token, status, reason in cases:
            authorization = {"Authorization": f"Bearer {token}"} if token else {}
            answer = asking.post(binary(**given_up()) | authorization)
            assert (answer.status_code, len(answer.content) < 500) == (status, True), reason
            assert len(box.letters()) == (status == 202)
        assert httpx.get(f"{asking.function.url}/healthz").status_code == 200
        assert httpx.get(f"{asking.function.url}/metrics").status_code == 200
    finally:
        assert stop(asking.function) == 0
    assert good not in asking.function.log.read_text()


def test_so_many_letters_at_most(box: Letterbox, tmp_path: Path) -> None:
    """The oldest go, with a line in the log and a number for each."""
    small = Letterbox.start(box.api, box.broker, tmp_path, INFRAFORGE_LETTERS_KEPT="20")
    try:
        for number in range(50):
            assert small.post(binary(f"event-{number}", **given_up())).status_code == 202
            assert len(small.letters()) <= 20
        metrics = httpx.get(f"{small.function.url}/metrics").text
    finally:
        assert stop(small.function) == 0
    pruned = [line for line in small.function.log_lines() if "was deleted unread" in line["message"]]
    assert len(pruned) == 50 - len(box.letters()) > 20
    assert f'infraforge_dead_letters_total{{outcome="pruned"}} {len(pruned)}.0' in metrics
