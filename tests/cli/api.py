"""A real API-server stand-in with our kinds in it, and what commands and kubectl do to it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.conftest import Infraforge
from tests.sandbox.apiserver.conftest import Running, start

CRDS = Path(__file__).resolve().parents[2] / "knative" / "files" / "crds"
GROUP = "/apis/platform.infraforge.io/v1alpha1"
PLURALS = {
    "ApplicationClaim": "applicationclaims",
    "PlatformClaim": "platformclaims",
    "BootstrapClaim": "bootstrapclaims",
}
CLEANUP = "platform.infraforge.io/cleanup"
OTHER = "example.com/backup"

Document = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """The server; no function and no Gitea is anywhere near."""

    running: Running

    @classmethod
    def start(cls, folder: Path) -> "Api":
        return cls(start(folder, "--crds", str(CRDS), "--namespaces", "dev,platform-system"))

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        with self.running.client() as client:
            answer = client.request(method, path, json=body, headers={"Content-Type": kind})
        assert answer.is_success or answer.status_code == 404, answer.text
        return answer.json() if answer.is_success else None

    def path(self, kind: str, namespace: str, name: str = "") -> str:
        return f"{GROUP}/namespaces/{namespace}/{PLURALS[kind]}/{name}".rstrip("/")

    def namespace(self, name: str) -> str:
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def create(self, kind: str, namespace: str, name: str, spec: Document, *finalizers: str) -> Document:
        metadata = {"name": name, "namespace": namespace, "finalizers": list(finalizers)}
        body = {"apiVersion": "platform.infraforge.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
        made: Document = self.ask("POST", self.path(kind, namespace), body)
        return made

    def set_status(self, kind: str, namespace: str, name: str, status: Document) -> None:
        merge = "application/merge-patch+json"
        self.ask("PATCH", f"{self.path(kind, namespace, name)}/status", {"status": status}, merge)

    def get(self, kind: str, namespace: str, name: str) -> Any:
        return self.ask("GET", self.path(kind, namespace, name))

    def delete(self, kind: str, namespace: str, name: str) -> None:
        self.ask("DELETE", self.path(kind, namespace, name))

    def run(self, infraforge: Infraforge, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return infraforge(*arguments, "--kubeconfig", str(self.running.kubeconfig))

    def json(self, infraforge: Infraforge, *arguments: str) -> Any:
        done = self.run(infraforge, *arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def kubectl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"KUBECONFIG": str(self.running.kubeconfig), "HOME": str(self.running.data)}
        command = [str(Path(sys.executable).with_name("kubectl")), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def environment(name: str = "dev") -> Document:
    """The beginning of a spec."""
    return {"clusterType": "nonprod", "environment": name}


def application(name: str, **more: Any) -> Document:
    """An application of a spec."""
    image = {"repository": f"ghcr.io/infraforge/{name}", "tag": "v1.0.0"}
    return {"name": name, "chart": {"name": name}, "image": image} | more


def contexts(api: Api, name: str) -> str:
    """A kubeconfig of that server with one context, which is not the current one."""
    config = json.loads(api.kubectl("config", "view", "--raw", "-o", "json").stdout)
    used = config["contexts"][0]["context"]
    return json.dumps(config | {"contexts": [{"name": name, "context": used}], "current-context": ""})
