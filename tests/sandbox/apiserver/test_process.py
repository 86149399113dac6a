"""The process: restarts, watches across them, its end, and its flags."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import yaml

from tests.sandbox.apiserver.conftest import RECORDINGS, ROOT, Running

Launch = Callable[..., Running]
MAPS = "/api/v1/namespaces/dev/configmaps"
CLAIMS = "/apis/platform.infraforge.io/v1alpha1/namespaces/dev/applicationclaims"


@contextmanager
def watched(client: httpx.Client, **query: str) -> Iterator[Iterator[Any]]:
    """Open a watch of ConfigMaps and yield its events."""
    with client.stream("GET", MAPS, params={"watch": "true"} | query) as response:
        yield (json.loads(line) for line in response.iter_lines() if line)


def test_state_survives_a_kill(launch: Launch) -> None:
    """Objects, CRDs, revisions, token and certificates outlive SIGKILL."""
    first = launch("--crds", str(RECORDINGS / "crd.yaml"), "--namespaces", "dev")
    claim = yaml.safe_load((RECORDINGS / "claim.yaml").read_text())
    with first.client() as client:
        made = client.post(CLAIMS, json=claim).json()
        client.post(MAPS, json={"metadata": {"name": "gone"}})
        client.delete(f"{MAPS}/gone")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    token = first.token

    second = launch(port=first.port)
    with second.client() as client:
        assert client.get(f"{CLAIMS}/dev-apps").json() == made
        assert client.get(f"{MAPS}/gone").status_code == 404
        later = client.post(MAPS, json={"metadata": {"name": "later"}}).json()["metadata"]["resourceVersion"]
    assert second.token == token
    assert int(later) > int(made["metadata"]["resourceVersion"]) + 2


def test_watch_across_a_restart(launch: Launch) -> None:
    """A watch from before the restart goes on if nothing was missed, and is told 410 if something may have been."""
    first = launch("--namespaces", "dev")
    with first.client() as client:
        old = client.post(MAPS, json={"metadata": {"name": "a"}}).json()["metadata"]["resourceVersion"]
        last = client.post(MAPS, json={"metadata": {"name": "b"}}).json()["metadata"]["resourceVersion"]
    first.stop()

    with launch(port=first.port).client() as client:
        with watched(client, resourceVersion=old, timeoutSeconds="1") as events:
            gone = next(events)
        with watched(client, resourceVersion=last, timeoutSeconds="1") as events:
            assert list(events) == []
    assert (gone["type"], gone["object"]["code"], gone["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_history_is_bounded(launch: Launch) -> None:
    """A revision and a page older than the kept history are 410."""
    with launch("--namespaces", "dev", "--watch-history", "3").client() as client:
        for name in "abcdef":
            made = client.post(MAPS, json={"metadata": {"name": name}}).json()
            if name == "b":
                early, page = made["metadata"]["resourceVersion"], client.get(f"{MAPS}?limit=1").json()
        token = page["metadata"]["continue"]
        with watched(client, resourceVersion=early, timeoutSeconds="1") as events:
            assert next(events)["object"]["code"] == 410
        assert client.get(MAPS, params={"continue": token}).json()["reason"] == "Expired"


def test_watch_sees_changes_as_they_come(launch: Launch) -> None:
    """Events arrive at once, an object that leaves the selection is deleted for the watcher, bookmarks close it."""
    server = launch("--namespaces", "dev")
    merge = {"Content-Type": "application/merge-patch+json"}
    with server.client() as client, server.client() as other:
        query = {"labelSelector": "a=b", "timeoutSeconds": "3", "allowWatchBookmarks": "true"}
        with watched(client, **query) as events:
            other.post(MAPS, json={"metadata": {"name": "x", "labels": {"a": "b"}}})
            other.post(MAPS, json={"metadata": {"name": "y"}})
            other.patch(f"{MAPS}/x", json={"data": {"k": "v"}}, headers=merge)
            other.patch(f"{MAPS}/x", json={"metadata": {"labels": {"a": "c"}}}, headers=merge)
            seen = [(e["type"], e["object"]["metadata"].get("name")) for e in events]
    assert seen == [("ADDED", "x"), ("MODIFIED", "x"), ("DELETED", "x"), ("BOOKMARK", None)]


def test_stops_with_open_watches(launch: Launch) -> None:
    """SIGTERM ends the server within two seconds, though a client watches and another keeps its connection."""
    server = launch("--namespaces", "dev")
    with server.client() as client, server.client() as idle:
        idle.get("/readyz")
        with watched(client) as events:
            started = time.monotonic()
            assert server.stop() == 0
            assert list(events) == []
    assert time.monotonic() - started < 2


def test_crds_from_files(launch: Launch) -> None:
    """A directory of CRDs is created, and brought up to date at the next start."""
    server = launch()
    directory = server.data / "crds"
    directory.mkdir()
    crd = yaml.safe_load((RECORDINGS / "crd.yaml").read_text())
    server.stop()
    for description in ("old", "new"):
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = description
        (directory / "claims.yaml").write_text(yaml.safe_dump_all([crd, {"kind": "Other"}]))
        server = launch("--crds", str(directory), port=server.port)
        with server.client() as client:
            document = client.get("/openapi/v3/apis/platform.infraforge.io/v1alpha1").json()
        server.stop()
        schema = document["components"]["schemas"]["io.infraforge.platform.v1alpha1.ApplicationClaim"]
        assert schema["description"] == description


def test_refused_crd_stops_the_start(launch: Launch) -> None:
    """A CRD that the server refuses ends it with the reason."""
    server = launch()
    server.stop()
    bad = server.data / "bad.yaml"
    bad.write_text("kind: CustomResourceDefinition\nmetadata: {name: x}\nspec: {group: g}\n")
    command = [sys.executable, "-m", "sandbox.apiserver", "--data-dir", str(server.data), "--crds", str(bad)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)

    assert result.returncode == 1
    assert "spec.scope: Required value" in result.stderr


def test_log_has_no_token(launch: Launch, capfd: pytest.CaptureFixture[str]) -> None:
    """With --log-requests every request is one line: who, what, status and time, but no token."""
    server = launch("--log-requests")
    with server.client() as client:
        client.get("/api/v1/namespaces?limit=1")
    server.stop()
    lines = capfd.readouterr().err.splitlines()

    assert lines[-1].startswith("kubernetes-admin GET /api/v1/namespaces 200 ")
    assert server.token not in "".join(lines)


def test_help() -> None:
    """The help names the flags and what is not covered."""
    command = [sys.executable, "-m", "sandbox.apiserver", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout

    assert "--watch-history" in shown
    assert "Not covered (404)" in shown
