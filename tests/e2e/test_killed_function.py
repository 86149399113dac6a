"""A function that is killed between its push and its status write: the redelivered event makes it good."""

import base64
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.command import DEPLOYMENTS, Infraforge
from tests.e2e.waiting import until

ROOT = DEPLOYMENTS.parent
EVENT = {
    "ce-id": "event-1",
    "ce-source": "https://127.0.0.1:6443",
    "ce-specversion": "1.0",
    "ce-type": "dev.knative.apiserver.resource.update",
    "ce-kind": "ApplicationClaim",
    "ce-namespace": "dev",
    "ce-name": "dev-apps",
    "content-type": "application/json",
}


class DeafToStatus(ThreadingHTTPServer):
    """Passes everything on to an API server, but never answers a status write."""

    daemon_threads = True

    def __init__(self, kubeconfig: Any) -> None:
        cluster = kubeconfig["clusters"][0]["cluster"]
        trusted = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        self.upstream = httpx.Client(base_url=cluster["server"], verify=trusted)
        self.asked = threading.Event()
        self.over = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: DeafToStatus

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def do_PATCH(self) -> None:
        if self.path.partition("?")[0].endswith("/status"):
            self.server.asked.set()
            self.server.over.wait(60)
            return
        self._pass()

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {
            name: self.headers[name] for name in ("Authorization", "Content-Type", "Accept") if name in self.headers
        }
        answer = self.server.upstream.request(self.command, self.path, content=body, headers=kept)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: Any) -> None:
        """Nothing to say."""


@contextmanager
def deaf_to_status(kubeconfig: Path, directory: Path) -> Iterator[tuple[DeafToStatus, Path]]:
    """Such a server in front of the cluster of `kubeconfig`, and a kubeconfig that leads through it."""
    document = yaml.safe_load(kubeconfig.read_text())
    server = DeafToStatus(document)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    document["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{server.server_address[1]}"}
    through = directory / "kubeconfig"
    through.write_text(yaml.safe_dump(document))
    try:
        yield server, through
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        server.upstream.close()


@contextmanager
def function(described: Any, kubeconfig: Path, directory: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """The application function as a process group of its own, and its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "INFRAFORGE_GITEA_ENDPOINT": described["gitea"]["url"],
        "INFRAFORGE_GITEA_TOKEN": described["gitea"]["token"],
        "INFRAFORGE_KUBECONFIG": str(kubeconfig),
        "INFRAFORGE_CACHE_DIR": str(directory / "cache"),
        "INFRAFORGE_REGISTRY_MIRRORS": f'{{"ghcr.io": "{described["registry"]["url"]}"}}',
    }
    source = ROOT / "functions" / "application" / "main.py"
    command = [sys.executable, "-m", "functions_framework", "--source", str(source), "--target", "application"]
    options = ["--signature-type", "http", "--host", "127.0.0.1", "--port", str(port)]
    with (directory / "function.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True
        )
        url = f"http://127.0.0.1:{port}"
        try:
            until(lambda: _answers(f"{url}/healthz"), "the function answers")
            yield process, url
        finally:
            kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to the server and its workers, as the kernel's out-of-memory killer would."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def bootstrapped(tmp_path: Path) -> Iterator[tuple[Infraforge, Any]]:
    """A sandbox without a source: events are posted by the test alone."""
    command = Infraforge(tmp_path / "data")
    try:
        command.json("up", "--detach", "--event-source", "external")
        described = command.json("status")
        command.json("apply", "-f", str(DEPLOYMENTS / "bootstrap-claim.yaml"))
        claim = {"ce-kind": "BootstrapClaim", "ce-namespace": "platform-system", "ce-name": "platform-bootstrap"}
        httpx.post(described["functions"]["bootstrap"]["url"], headers=EVENT | claim, content=b"{}").raise_for_status()
        yield command, described
    finally:
        command.run("down")


def _commits(described: Any) -> list[Any]:
    gitea = described["gitea"]
    answer = httpx.get(
        f"{gitea['url']}/api/v1/repos/{gitea['organization']}/voltran/commits?sha=main&limit=50",
        headers={"Authorization": f"token {gitea['token']}"},
    ).raise_for_status()
    return list(answer.json())


def _claim(kubeconfig: Path) -> Any:
    document = yaml.safe_load(kubeconfig.read_text())
    cluster = document["clusters"][0]["cluster"]
    trusted = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    token = document["users"][0]["user"]["token"]
    path = "/apis/platform.infraforge.io/v1alpha1/namespaces/dev/applicationclaims/dev-apps"
    with httpx.Client(verify=trusted, headers={"Authorization": f"Bearer {token}"}) as client:
        return client.get(f"{cluster['server']}{path}").raise_for_status().json()


def test_killed_between_push_and_status(bootstrapped: tuple[Infraforge, Any], tmp_path: Path) -> None:
    """One commit, whatever was killed; and the status names it in the end."""
    command, described = bootstrapped
    kubeconfig = Path(described["kubeconfig"])
    command.json("apply", "-f", str(DEPLOYMENTS / "dev" / "dev-apps-claim.yaml"))
    before = len(_commits(described))

    with (
        deaf_to_status(kubeconfig, tmp_path) as (server, through),
        function(described, through, tmp_path) as (process, url),
    ):
        sending = threading.Thread(target=_post_and_forget, args=(url,), daemon=True)
        sending.start()
        assert server.asked.wait(30), "the function got as far as its status write"
        kill(process)
        sending.join(10)
    commits = _commits(described)
    assert len(commits) == before + 1, "the push had happened"
    assert "status" not in _claim(kubeconfig)

    with function(described, kubeconfig, tmp_path) as (_, url):
        answer = httpx.post(url, headers=EVENT, content=b"{}", timeout=30)
    assert answer.status_code == 204
    assert [one["sha"] for one in _commits(described)] == [one["sha"] for one in commits], "no second commit"
    status = _claim(kubeconfig)["status"]
    assert status["commit"]["sha"] == commits[0]["sha"]
    assert {row["commit"] for row in status["applications"]} == {commits[0]["sha"]}
    assert next(one["status"] for one in status["conditions"] if one["type"] == "Ready") == "True"


def _post_and_forget(url: str) -> None:
    try:
        httpx.post(url, headers=EVENT, content=b"{}", timeout=60)
    except httpx.HTTPError:
        return  # it was killed before it could answer
