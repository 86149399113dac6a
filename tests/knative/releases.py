"""A release in the sandbox's API server, with the commands that a person has for it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.knative.rendering import NAMESPACE, RELEASE, merged
from tests.sandbox.apiserver.conftest import Running

QUIET = {"setup": {"enabled": False}}
"""No Job: nothing here runs one."""
MONITOR = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {
            "kind": "ServiceMonitor",
            "listKind": "ServiceMonitorList",
            "plural": "servicemonitors",
            "singular": "servicemonitor",
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


HOMES = ("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
"""Where helm leaves what it has seen of a cluster, as variables."""


@dataclass
class Cluster:
    """The API server, and the commands that a person has for it."""

    server: Running
    helm: Path
    folder: Path

    def run(self, *arguments: str, values: dict[str, Any] | None = None, check: bool = True) -> str:
        """What `helm` prints, both ways."""
        command = [str(self.helm), *arguments, "--kubeconfig", str(self.server.kubeconfig), "-n", NAMESPACE]
        if values is not None:
            file = self.folder / "values.yaml"
            file.write_text(yaml.safe_dump(merged(QUIET, values)))
            command += ["-f", str(file)]
        home = {name: str(self.folder / name) for name in HOMES}
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=home)
        assert (run.returncode == 0) is check, run.stdout + run.stderr
        return run.stdout + run.stderr

    def get(self, path: str) -> dict[str, Any] | None:
        with self.server.client() as client:
            answer = client.get(path)
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 else None

    def create(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        with self.server.client() as client:
            answer = client.post(path, json=document)
        assert answer.status_code in {201, 409}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ours(self) -> set[str]:
        """Everything in the cluster that carries the release's label, by kind and name."""
        found: set[str] = set()
        with self.server.client() as client:
            served = client.get("/apis").json()["groups"]
            groups = [f"/apis/{version['groupVersion']}" for one in served for version in one["versions"]]
            for group in ["/api/v1", *groups]:
                for resource in client.get(group).json()["resources"]:
                    if "list" not in resource["verbs"]:
                        continue
                    selector = {"labelSelector": f"app.kubernetes.io/instance={RELEASE}"}
                    items = client.get(f"{group}/{resource['name']}", params=selector).json()["items"]
                    found |= {f"{resource['kind']}/{one['metadata']['name']}" for one in items}
        return found
