"""Gitea's recorded deliveries, verified and handed to a Broker over real sockets."""

import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from functions.bootstrap.webhook import CHANGEOVER_SECONDS, PATH, Receiver
from shared.events import DELIVERIES as KINDS_OF_DELIVERIES
from shared.events import Delivery, parse
from shared.secret import Secret, fixed
from shared.telemetry import Metrics
from shared.web import Endpoint
from tests.shared.kube.server import Answers, serving

ROOT = Path(__file__).resolve().parents[1]
DELIVERIES = [json.loads(line) for line in (ROOT / "recordings/gitea/webhooks.jsonl").read_text().splitlines()]
SECRET = SecretStr("s3cret")
SOURCE = "http://gitea-http.gitea.svc:3000"
LIMIT = 100_000


def function(broker: str | None, secret: SecretStr | None = SECRET) -> FlaskClient:
    """A client of a function that takes deliveries."""
    return serving_with(Receiver(secret=None if secret is None else fixed(secret), broker_url=broker, source=SOURCE))


def serving_with(receiver: Receiver) -> FlaskClient:
    """A client of a function with that receiver."""
    endpoint = Endpoint(
        react=lambda _: None,
        pings={},
        metrics=Metrics(),
        body_limit=LIMIT,
        routes={("POST", PATH): receiver},
    )
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]  # the library's
        "probe", str(ROOT / "shared/web_target.py"), "http"
    )
    app.config["ENDPOINT"] = endpoint
    client: FlaskClient = app.test_client()
    return client


def deliver(client: FlaskClient, delivery: dict[str, Any], **changes: str) -> tuple[int, str]:
    """Status and body of the answer; `changes` are headers with `_` for `-`."""
    headers = delivery["headers"] | {name.replace("_", "-"): value for name, value in changes.items()}
    answer = client.post(f"{PATH}?fingerprint=abc", headers=headers, data=delivery["body"].encode())
    return answer.status_code, answer.text


@pytest.fixture
def answers() -> Answers:
    """What the Broker will say."""
    return Answers()


@pytest.fixture
def broker(answers: Answers) -> Iterator[str]:
    """A Broker's ingress."""
    with serving(answers) as url:
        yield url


def signed(delivery: dict[str, Any]) -> bool:
    return bool(delivery["signature_verified_with_s3cret"])


def as_read(delivery: dict[str, Any]) -> Delivery | None:
    """What the functions shall make of a recorded delivery; None for one that tells of nothing in Git."""
    if f"io.infraforge.gitea.{delivery['headers']['X-Gitea-Event']}" not in KINDS_OF_DELIVERIES:
        return None
    body = json.loads(delivery["body"])
    return Delivery(
        repository=body["repository"]["full_name"],
        action=body.get("action", ""),
        ref=body.get("ref", ""),
        before=body.get("before", ""),
        after=body.get("after", ""),
        messages=tuple(commit["message"] for commit in body.get("commits") or ()),
        total=body.get("total_commits", 0),
    )


def test_a_broker_that_asks_for_identities(broker: str, answers: Answers) -> None:
    """It is told ours as it is now: the kubelet replaces a token before it expires."""
    tokens = iter(("first", "second"))
    receiver = Receiver(
        secret=fixed(SecretStr("s3cret")),
        broker_url=broker,
        broker_token=lambda: SecretStr(next(tokens)),
        source=SOURCE,
    )
    client = serving_with(receiver)
    for _ in range(2):
        answers.give(202, "")
        assert deliver(client, next(filter(signed, DELIVERIES))) == (202, "")
    assert [asked.headers["authorization"] for asked in answers.asked] == ["Bearer first", "Bearer second"]


def test_what_is_recorded() -> None:
    assert len(DELIVERIES) == 47
    assert sum(map(signed, DELIVERIES)) == 44


def test_the_signed_ones_reach_the_broker_byte_for_byte(broker: str, answers: Answers) -> None:
    """202, and one CloudEvent each: the delivery's id, its kind in the type, its body untouched."""
    client = function(broker)
    good = [delivery for delivery in DELIVERIES if signed(delivery)]
    for delivery in good:
        answers.give(202, "")
        assert deliver(client, delivery) == (202, ""), delivery["case"]
    assert len(answers.asked) == len(good)
    for delivery, asked in zip(good, answers.asked, strict=True):
        sent = delivery["headers"]
        event = parse(asked.headers, asked.raw)
        assert (event.id, event.claim) == (sent["X-Gitea-Delivery"], None)
        assert event.type == f"io.infraforge.gitea.{sent['X-Gitea-Event']}"
        assert event.delivery == as_read(delivery), delivery["case"]
        assert asked.raw == delivery["body"].encode()
        assert asked.headers["ce-source"] == SOURCE
        assert asked.headers["content-type"] == "application/json"
        assert not [name for name in asked.headers if "signature" in name], "the Broker is not Gitea"


def test_the_others_do_not(broker: str, answers: Answers) -> None:
    """No secret, or a form: 401, and the Broker hears nothing."""
    client = function(broker)
    for delivery in DELIVERIES:
        if not signed(delivery):
            assert deliver(client, delivery)[0] == 401, delivery["case"]
    assert not answers.asked


GOOD = next(delivery for delivery in DELIVERIES if signed(delivery))
MISMATCH = "Unauthorized: the signature does not match: the webhook has another secret\n"
NO_SIGNATURE = "Unauthorized: the delivery has no signature: give the webhook its secret\n"
SIGNATURE = GOOD["headers"]["X-Gitea-Signature"]
REFUSED = [
    ("", NO_SIGNATURE, "empty: what Gitea sends for a hook without a secret"),
    (SIGNATURE[:-1], MISMATCH, "a digit short"),
    (SIGNATURE[:-1] + ("0" if SIGNATURE[-1] != "0" else "1"), MISMATCH, "a digit wrong"),
    (SIGNATURE.upper(), MISMATCH, "Gitea writes small letters"),
    (f"sha256={SIGNATURE}", MISMATCH, "GitHub's form"),
    (hmac.new(b"", GOOD["body"].encode(), hashlib.sha256).hexdigest(), MISMATCH, "signed with nothing"),
    (hmac.new(b"other", GOOD["body"].encode(), hashlib.sha256).hexdigest(), MISMATCH, "signed with another secret"),
    (hashlib.sha256(GOOD["body"].encode()).hexdigest(), MISMATCH, "a hash that needs no secret"),
    ("é" * 64, MISMATCH, "no ASCII"),
]


@pytest.mark.parametrize(("signature", "message", "why"), REFUSED, ids=[case[2] for case in REFUSED])
def test_signatures_that_do_not_verify(broker: str, answers: Answers, signature: str, message: str, why: str) -> None:
    assert deliver(function(broker), GOOD, X_Gitea_Signature=signature) == (401, message), why
    assert not answers.asked


def test_a_missing_signature(broker: str) -> None:
    bare = GOOD | {"headers": {name: value for name, value in GOOD["headers"].items() if "Signature" not in name}}
    assert deliver(function(broker), bare) == (401, NO_SIGNATURE)


def test_a_body_that_was_changed_on_the_way(broker: str) -> None:
    changed = GOOD | {"body": GOOD["body"].replace("refs/heads/", "refs/heads/x", 1)}
    assert deliver(function(broker), changed) == (401, MISMATCH)


@pytest.mark.parametrize("secret", [None, SecretStr("")], ids=["not set", "empty"])
def test_without_a_secret_nothing_verifies(broker: str, secret: SecretStr | None) -> None:
    """Not even what was signed with nothing."""
    signature = hmac.new(b"", GOOD["body"].encode(), hashlib.sha256).hexdigest()
    assert deliver(function(broker, secret), GOOD, X_Gitea_Signature=signature) == (
        401,
        "Unauthorized: no webhook secret is configured here: set INFRAFORGE_WEBHOOK_SECRET_FILE\n",
    )


NOT_GITEAS = [
    ({"X_Gitea_Event": ""}, "no event"),
    ({"X_Gitea_Event": "push\u00e9"}, "an event that no type can hold"),
    ({"X_Gitea_Event": "p" * 41}, "a long event"),
    ({"X_Gitea_Delivery": ""}, "no delivery"),
    ({"X_Gitea_Delivery": "a b"}, "a delivery with a blank"),
    ({"X_Gitea_Delivery": "d" * 65}, "a long delivery"),
]


@pytest.mark.parametrize(("headers", "why"), NOT_GITEAS, ids=[case[1] for case in NOT_GITEAS])
def test_signed_but_not_giteas(broker: str, headers: dict[str, str], why: str) -> None:
    assert deliver(function(broker), GOOD, **headers) == (
        400,
        "InvalidEvent: not a delivery of Gitea's: X-Gitea-Event and X-Gitea-Delivery are missing or malformed\n",
    ), why


def test_a_body_over_the_limit(broker: str, answers: Answers) -> None:
    body = "x" * (LIMIT + 1)
    signature = hmac.new(b"s3cret", body.encode(), hashlib.sha256).hexdigest()
    large = GOOD | {"body": body, "headers": GOOD["headers"] | {"Content-Length": str(len(body))}}
    assert deliver(function(broker), large, X_Gitea_Signature=signature) == (
        413,
        f"PayloadTooLarge: the body is larger than {LIMIT} bytes\n",
    )
    assert not answers.asked


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 302])
def test_a_broker_that_does_not_take_it(broker: str, answers: Answers, status: int) -> None:
    """503: Gitea never tries again, and shows the failure; a resync catches up."""
    answers.give(status, "x" * 5000)
    assert deliver(function(broker), GOOD) == (503, f"BrokerUnavailable: the Broker answered {status}\n")


def test_a_broker_that_is_down() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens: a connection is refused
        client = function(f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert deliver(client, GOOD) == (503, "BrokerUnavailable: the Broker does not answer: ConnectError\n")


def test_no_broker_at_all() -> None:
    assert deliver(function(None), GOOD) == (
        503,
        "NoBroker: no Broker to hand the delivery to: set INFRAFORGE_BROKER_URL\n",
    )


def test_a_delivery_that_is_sent_again_is_the_same_event(broker: str, answers: Answers) -> None:
    """Gitea's "Redeliver" keeps the id; what works on events can tell."""
    client = function(broker)
    for _ in range(2):
        answers.give(202, "")
        deliver(client, GOOD)
    first, second = answers.asked
    assert first.headers["ce-id"] == second.headers["ce-id"] == GOOD["headers"]["X-Gitea-Delivery"]
    assert first.headers["ce-source"] == second.headers["ce-source"]


def under(secret: bytes) -> str:
    """What Gitea would sign the delivery with."""
    return hmac.new(secret, GOOD["body"].encode(), hashlib.sha256).hexdigest()


def test_a_secret_that_changes(broker: str, answers: Answers, tmp_path: Path) -> None:
    """The new one counts at once, the one before it until the webhook is surely registered anew, and older ones never.

    Gitea never delivers again, so what it signs until then would be lost.
    """
    file, now = tmp_path / "secret", [0.0]
    secret = Secret("INFRAFORGE_WEBHOOK_SECRET", file=file, is_token=False)
    client = serving_with(Receiver(secret=secret, broker_url=broker, source=SOURCE, clock=lambda: now[0]))

    def taken(signed_with: bytes) -> bool:
        answers.give(202, "")
        status, _ = deliver(client, GOOD, X_Gitea_Signature=under(signed_with))
        assert status in (202, 401)
        return status == 202

    file.write_text("first\n")
    assert [taken(b"first"), taken(b"second"), taken(b"first\n")] == [True, False, False]
    file.write_text("second")
    assert [taken(b"second"), taken(b"first"), taken(b"third"), taken(b"")] == [True, True, False, False]
    file.write_text("third")
    assert [taken(b"third"), taken(b"second"), taken(b"first")] == [True, True, False]
    now[0] += CHANGEOVER_SECONDS - 1
    assert [taken(b"third"), taken(b"second")] == [True, True]
    now[0] += 1
    assert [taken(b"third"), taken(b"second")] == [True, False]


def test_a_secret_that_cannot_be_read(broker: str, answers: Answers, tmp_path: Path) -> None:
    """503, which Gitea shows beside the delivery: the file, and nothing of what was signed with before."""
    file = tmp_path / "secret"
    file.write_text("s3cret")
    secret = Secret("INFRAFORGE_WEBHOOK_SECRET", file=file, is_token=False)
    client = serving_with(Receiver(secret=secret, broker_url=broker, source=SOURCE))
    answers.give(202, "")
    assert deliver(client, GOOD)[0] == 202
    file.write_text("")
    status, text = deliver(client, GOOD)
    assert (status, text.partition(":")[0]) == (503, "CredentialUnreadable")
    assert f"{file} is empty" in text
    assert len(answers.asked) == 1
