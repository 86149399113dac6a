"""A node process beside a real API server process, and what tests ask of them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox.apiserver.conftest import ROOT, Running, free_port

Json = dict[str, Any]

NAMESPACE = "platform-system"
OURS = {"app.kubernetes.io/part-of": "infraforge"}
IMAGE = "ghcr.io/infraforge/bootstrap:0.1.0"
LIMIT = 60.0
MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass
class World:
    """An API server, its client, and the nodes that a test starts one after another on one data directory."""

    server: Running
    client: httpx.Client
    data: Path
    flags: tuple[str, ...] = ()
    _node: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start a node and wait until it works."""
        port = free_port()
        where = ("--kubeconfig", str(self.server.kubeconfig), "--data-dir", str(self.data), "--port", str(port))
        self._node = subprocess.Popen(
            [sys.executable, "-m", "sandbox.node", *where, *self.flags], cwd=ROOT, env=os.environ
        )
        probe = f"http://127.0.0.1:{port}/healthz"
        node = self._node

        def works() -> bool:
            assert node.poll() is None, "the node ended"
            try:
                return httpx.get(probe, trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        until(works)

    def stop(self) -> int:
        """Ask the node to end; its exit code."""
        assert self._node is not None
        self._node.terminate()
        code = self._node.wait(30)
        self._node = None
        return code

    def kill(self) -> None:
        """End the node without a chance to see anything off."""
        assert self._node is not None
        self._node.kill()
        self._node.wait(30)
        self._node = None

    def end(self) -> None:
        """End what still runs."""
        if self._node is not None:
            self.stop()

    def create(self, path: str, name: str, **content: Any) -> Json:
        """Create an object of ours; `path` is as in `batch/v1/jobs`."""
        labels = content.pop("labels", OURS)
        version, _, plural = path.rpartition("/")
        kind = {"serviceaccounts": "ServiceAccount"}.get(plural, plural.removesuffix("s").capitalize())
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels}, **content}
        answer = self.client.post(url(path), json=body)
        assert answer.status_code == 201, answer.text
        created: Json = answer.json()
        return created

    def get(self, path: str, name: str) -> Json | None:
        """An object, if it is there."""
        answer = self.client.get(f"{url(path)}/{name}")
        return answer.json() if answer.status_code == 200 else None

    def status(self, path: str, name: str) -> Json:
        """What an object's status says by now."""
        return (self.get(path, name) or {}).get("status") or {}

    def pods_of(self, job: str) -> list[Json]:
        """The Pods of a Job, the oldest first."""
        found = self.client.get(url("v1/pods"), params={"labelSelector": f"job-name={job}"}).json()["items"]
        return sorted(found, key=lambda one: int(one["metadata"]["resourceVersion"]))

    def events(self, name: str) -> set[str]:
        """The reasons of the Events about an object."""
        items = self.client.get(url("v1/events")).json()["items"]
        return {one["reason"] for one in items if one["involvedObject"]["name"] == name}


def url(path: str) -> str:
    """Where the objects of a kind are: `v1/pods` or `batch/v1/jobs`, in the tests' namespace."""
    *version, plural = path.split("/")
    root = "apis" if len(version) > 1 else "api"
    return f"/{root}/{'/'.join(version)}/namespaces/{NAMESPACE}/{plural}"


def until(true: Callable[[], object], limit: float = LIMIT) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.03)  # another process is to do it, which tells nobody


def pod_spec(
    program: str, *, volumes: tuple[Json, ...] = (), image: str = IMAGE, policy: str = "Never", **container: Any
) -> Json:
    """The spec of a pod of one container that runs a Python program."""
    made = {"name": "main", "image": image, "command": ["python", "-c", program], **container}
    return {"restartPolicy": policy, "containers": [made], "volumes": list(volumes)}


def job_spec(program: str, *, pod: Json | None = None, **more: Any) -> Json:
    """The spec of a Job with such a pod."""
    return {"template": {"spec": {**pod_spec(program), **(pod or {})}}, **more}


def conditions(status: Json) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition."""
    return {one["type"]: (one["status"], one.get("reason", "")) for one in status.get("conditions") or ()}


@contextmanager
def world(server: Running, data: Path, *flags: str) -> Iterator[World]:
    """A node at work."""
    with server.client() as client:
        made = World(server, client, data, flags)
        made.start()
        try:
            yield made
        finally:
            made.end()
