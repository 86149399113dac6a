"""The three functions with real handlers and real Git, around an API server that serves anything."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import functions_framework
import httpx
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from werkzeug.test import TestResponse

from functions.bootstrap.webhook import PATH, Receiver
from shared.kube.client import Document, Resource
from shared.secret import fixed
from shared.web import Endpoint
from tests.fakes import FakeKube
from tests.functions.conftest import gitea_server
from tests.functions.gitea import ROOT, GiteaServer
from tests.functions.platform import GITEA_URL, KINDS, Platform, example
from tests.hostile.strategies import CANARY
from tests.shared.claims.admission import faults

__all__ = ["gitea_server"]  # a fixture

SECRET = SecretStr("canary-of-the-webhook")
LIMIT = 1_000_000
EXAMPLES = {
    "BootstrapClaim": "bootstrap-claim.yaml",
    "InfrastructureClaim": "dev/dev-infrastructure-claim.yaml",
    "ApplicationClaim": "dev/dev-apps-claim.yaml",
    "PlatformClaim": "dev/dev-platform-claim.yaml",
}

FUZZ = "fuzz"
FEW = 40
"""Examples of the short form."""

settings.register_profile(FUZZ, max_examples=2_100)


def unhurried() -> settings:
    """A machine that is busy with other tests is no fault of ours."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    most = settings.get_profile(FUZZ).max_examples if settings.get_current_profile_name() == FUZZ else FEW
    return settings(deadline=None, suppress_health_check=slow, max_examples=most)


class HostileKube(FakeKube):
    """An API server that has validated nothing: it serves `served` in the place of the claim of that kind."""

    def __init__(self) -> None:
        super().__init__()
        self.served: dict[str, Any] = {}

    def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        if resource.plural in self.served:
            return self.served[resource.plural]  # type: ignore[no-any-return]  # anything at all
        return super().get(resource, namespace, name)

    def list(self, resource: Resource, namespace: str | None = None, **selectors: Any) -> Iterator[Document]:
        if resource.plural in self.served:
            yield self.served[resource.plural]
        else:
            yield from super().list(resource, namespace, **selectors)

    def patch_status(self, resource: Resource, document: Document, status: Mapping[str, Any]) -> Document:
        """Takes any status of a claim that is served, but holds it against the schema, as a real API server does."""
        if resource.plural not in self.served:
            return super().patch_status(resource, document, status)
        written = {key: value for key, value in status.items() if value is not None}
        kind = next(kind for kind in EXAMPLES if KINDS[kind].resource == resource)
        refused = [fault for fault in faults(example(EXAMPLES[kind]) | {"status": written}) if "status" in fault]
        assert not refused, refused
        json.dumps(written, allow_nan=False).encode()
        return document


class Functions:
    """The three functions as functions-framework serves them, and what they answered so far."""

    def __init__(self, platform: Platform, kube: HostileKube) -> None:
        self.kube = kube
        self.platform = platform
        self.examples = {kind: platform.apply(example(path)) for kind, path in EXAMPLES.items()}
        """Each kind's example claim, converged."""
        self.answers: Counter[tuple[str, int]] = Counter()
        self._clients = {kind: _serve(platform, kind) for kind in KINDS}

    def ask(self, kind: str, method: str, target: str, headers: dict[str, str], body: bytes) -> TestResponse:
        """One request, and what holds for every answer to it."""
        answer = self._clients[kind].open(
            target,
            method=method,
            headers={"X-Canary": CANARY, "Authorization": CANARY} | headers,
            input_stream=io.BytesIO(body),
            content_length=len(body),
        )
        self.answers[kind, answer.status_code] += 1
        check(answer.status_code, dict(answer.headers), answer.data, metrics=target == "/metrics")
        return answer


def check(status: int, headers: Mapping[str, str], body: bytes, *, metrics: bool = False) -> None:
    """An answer that neither Knative nor a stranger can make anything of that they should not.

    No 5xx but a 503 that says when to come back; nothing that Knative takes for a failed success; no long error, no
    trace, and nothing of the request's headers.
    """
    if body.startswith(b"<html>\n  <head>"):  # gunicorn's own, of what never came to be a request
        assert 400 <= status < 500
        assert len(body) <= 500
        return
    said = {name.lower(): value for name, value in headers.items()}
    readiness = body.startswith(b"kubernetes: ")
    if status >= 500:
        assert status == 503, (status, body)
        assert readiness or said.get("retry-after", "").isdigit(), body
    if status >= 300:
        assert len(body) <= 500, body
    elif body and not (metrics or readiness or body == b"ok\n"):
        assert "ce-type" in said, body
    for mark in (b"Traceback", b'File "', b"site-packages", b"Werkzeug", CANARY.encode()):
        assert mark.lower() not in body.lower(), body
    assert CANARY not in str(said)


@pytest.fixture(scope="module")
def functions(gitea_server: GiteaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    """A platform that is bootstrapped, with each example claim converged."""
    kube = HostileKube()
    platform = Platform(gitea_server, tmp_path_factory.mktemp("platform"), kube=kube)
    yield Functions(platform, kube)
    platform.gitea.close()


def _serve(platform: Platform, kind: str) -> FlaskClient:
    receiver = Receiver(
        secret=fixed(SECRET),
        broker_url="http://broker.test",
        source=GITEA_URL,
        transport=httpx.MockTransport(lambda _: httpx.Response(202)),
    )
    endpoint = Endpoint(
        react=platform.reconciler(kind).react,
        pings={"kubernetes": platform.kube.ping, "gitea": platform.gitea.ping},
        metrics=platform.metrics,
        body_limit=LIMIT,
        routes={("POST", PATH): receiver} if kind == "BootstrapClaim" else {},
    )
    source = ROOT / "tests" / "shared" / "web_target.py"
    app = functions_framework.create_app("probe", str(source), "http")  # type: ignore[no-untyped-call]  # the library's
    app.config["ENDPOINT"] = endpoint
    client: FlaskClient = app.test_client()
    return client
