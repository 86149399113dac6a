"""The deadletters function as a process between a real API-server stand-in and a Broker that is a bare HTTP server."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from shared.settings import Serving
from tests.functions.test_processes import Function, spawn
from tests.sandbox.apiserver.conftest import Running

GROUP = "/apis/platform.infraforge.io/v1alpha1"
SYSTEM = "platform-system"
FILTER = "http://broker-filter.knative-eventing.svc.cluster.local/triggers/platform-system"
MERGE = {"Content-Type": "application/merge-patch+json"}
Headers = dict[str, str]


def binary(event_id: str = "event-1", **attributes: str) -> Headers:
    """The headers of a claim's event; an attribute that is empty is left out."""
    given = {
        "id": event_id,
        "source": "https://10.96.0.1:443",
        "type": "dev.knative.apiserver.resource.update",
        "specversion": "1.0",
        "kind": "ApplicationClaim",
        "apiversion": "platform.infraforge.io/v1alpha1",
        "namespace": "dev",
        "name": "dev-apps",
    } | attributes
    return {f"ce-{name}": value for name, value in given.items() if value} | {"content-type": "application/json"}


def given_up(code: str = "503", answer: str = "GiteaUnavailable: Gitea does not answer") -> dict[str, str]:
    """The attributes that Knative's dispatcher adds, as recorded."""
    inner = {
        "errdestination": "http://infraforge-application.platform-system.svc.cluster.local",
        "errresponsebody": base64.b64encode(answer.encode()).decode(),
    }
    return {
        "knativebrokerttl": "255",
        "knativearrivaltime": "2026-11-23T10:00:00.000000000Z",
        "knativeerrorcode": code,
        "knativeerrordest": f"{FILTER}/infraforge-applicationclaim/5b7a3a5c-5a55-4a5e-9a5c-0242ac120002",
        "knativeerrordata": base64.b64encode(json.dumps(inner, separators=(",", ":")).encode()).decode(),
    }


@dataclass
class Sent:
    """An event as the Broker got it."""

    headers: Headers
    body: bytes


@dataclass
class Receiver:
    """A Broker that takes what it is sent, with `status`."""

    url: str = ""
    status: int = 202
    sent: list[Sent] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, number: int) -> list[Sent]:
        """Everything that arrived, once there are so many; fails after half a minute."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.sent) >= number, 30), f"{len(self.sent)} of {number} events"
            return list(self.sent)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A Broker for as long as the block lasts."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with receiver.changed:
                receiver.sent.append(Sent({name.lower(): value for name, value in self.headers.items()}, body))
                receiver.changed.notify_all()
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Letterbox:
    """A running function, the API server it writes to, and the Broker it sends to."""

    function: Function
    api: Running
    broker: Receiver

    @classmethod
    def start(cls, api: Running, broker: Receiver, folder: Path, **settings: str) -> "Letterbox":
        """Start the function."""
        given = {
            "INFRAFORGE_KUBECONFIG": str(api.kubeconfig),
            "INFRAFORGE_BROKER_URL": broker.url,
            "INFRAFORGE_BODY_LIMIT": str(Serving.model_fields["body_limit"].default),
        }
        return cls(spawn("deadletters", folder, **given | settings), api, broker)

    def post(self, headers: Headers, body: bytes = b"{}") -> httpx.Response:
        """Send an event to the function."""
        return httpx.post(f"{self.function.url}/", headers=headers, content=body, timeout=60)

    def kube(self, method: str, path: str, **options: Any) -> Any:
        """Ask the API server; None for what is not there."""
        with self.api.client() as client:
            answer = client.request(method, f"{GROUP}{path}", **options)
        assert answer.is_success or answer.status_code == 404, answer.text
        return answer.json() if answer.is_success else None

    def letters(self) -> list[dict[str, Any]]:
        """All letters, by name."""
        found: list[dict[str, Any]] = self.kube("GET", f"/namespaces/{SYSTEM}/deadletters")["items"]
        return found

    def letter(self, name: str) -> dict[str, Any] | None:
        """A letter."""
        found: dict[str, Any] | None = self.kube("GET", f"/namespaces/{SYSTEM}/deadletters/{name}")
        return found

    def annotate(self, name: str, value: str = "now") -> None:
        """Ask for a replay, as `kubectl annotate` does."""
        body = {"metadata": {"annotations": {"platform.infraforge.io/replay": value}}}
        assert self.kube("PATCH", f"/namespaces/{SYSTEM}/deadletters/{name}", json=body, headers=MERGE)

    def tell(self, name: str, kind: str = "update") -> httpx.Response:
        """Send the event that our source sends of a DeadLetter."""
        about = {"kind": "DeadLetter", "namespace": SYSTEM, "name": name, "type": f"dev.knative.apiserver.ref.{kind}"}
        return self.post(binary(f"{kind}-{name}", **about))

    def clear(self) -> None:
        """Delete all letters."""
        for letter in self.letters():
            self.kube("DELETE", f"/namespaces/{SYSTEM}/deadletters/{letter['metadata']['name']}")
