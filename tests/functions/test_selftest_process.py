"""What `helm test` runs, as the chart runs it: its process, under its own account."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.apiserver.tls import write_kubeconfig
from shared.kinds import APPLICATION, PLATFORM
from tests.functions.gitea import ROOT
from tests.sandbox.apiserver.conftest import Running, start


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Running]:
    """An API server's process with the chart's CRDs, where no function listens."""
    crds, log = str(ROOT / "knative/files/crds"), str(tmp_path / "audit.log")
    server = start(tmp_path, "--crds", crds, "--namespaces", "platform-system,team-a", "--audit-log", log)
    yield server
    server.stop()


def spawned(cluster: Running, **settings: object) -> "subprocess.Popen[str]":
    """`python -m functions.bootstrap.selftest` as the chart runs it."""
    ours = {"kubeconfig": cluster.kubeconfig, "system_namespace": "platform-system", **settings}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INFRAFORGE_")}
    environment |= {f"INFRAFORGE_{name.upper()}": str(value) for name, value in ours.items()}
    command = [sys.executable, "-m", "functions.bootstrap.selftest"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def left(cluster: Running) -> list[str]:
    """Names of the claims that are there."""
    with cluster.client() as client:
        paths = [f"/apis/platform.infraforge.io/v1alpha1/{kind.resource.plural}" for kind in (APPLICATION, PLATFORM)]
        return [
            one["metadata"]["name"] for path in paths for one in client.get(path).raise_for_status().json()["items"]
        ]


def test_as_the_chart_runs_it_where_nobody_answers(cluster: Running) -> None:
    """1 after its patience, with all that it made gone again."""
    process = spawned(cluster, test_namespace="team-a", patience=1)
    said, complaint = process.communicate()
    assert (process.returncode, complaint) == (1, "")
    assert said.count(": created\n") == 3
    assert said.count("Look at, in this order") == 3
    assert said.count("gone after") == 3
    assert re.search(r"^test failed after \d", said, re.MULTILINE)
    assert left(cluster) == []


def test_ended_in_the_middle(cluster: Running) -> None:
    """`kubectl delete pod`: what was made is deleted before it goes."""
    process = spawned(cluster)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline().endswith(": created\n")
    assert len(left(cluster)) == 2
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert left(cluster) == []


def test_a_namespace_that_is_not_there(cluster: Running) -> None:
    process = spawned(cluster, test_namespace="nowhere")
    said, complaint = process.communicate()
    assert process.returncode == 1
    assert said.count("gone after") == 2
    assert complaint.startswith("test failed (PermanentError): ApplicationClaim nowhere/infraforge-test-")
    assert 'the namespace "nowhere" is not there' in complaint
    assert left(cluster) == []


RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"
ACCOUNT = "system:serviceaccount:platform-system:infraforge-test"


def allowed(cluster: Running, rights: Mapping[str, list[str]]) -> Path:
    """A kubeconfig of an account that may create, get and delete these kinds, by namespace, and nothing else."""
    account = {"kind": "ServiceAccount", "name": "infraforge-test", "namespace": "platform-system"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "test"}
    with cluster.client() as client:
        body: dict[str, Any] = {"metadata": {"name": "infraforge-test"}}
        accounts = "/api/v1/namespaces/platform-system/serviceaccounts"
        client.post(accounts, json=body).raise_for_status()
        for namespace, resources in rights.items():
            rule = {"apiGroups": ["platform.infraforge.io"], "resources": resources}
            body = {"metadata": {"name": "test"}, "rules": [rule | {"verbs": ["create", "delete", "get"]}]}
            client.post(f"{RBAC}/{namespace}/roles", json=body).raise_for_status()
            body = {"metadata": {"name": "test"}, "roleRef": role, "subjects": [account]}
            client.post(f"{RBAC}/{namespace}/rolebindings", json=body).raise_for_status()
        token = client.post(f"{accounts}/infraforge-test/token", json={"spec": {"expirationSeconds": 3600}}).json()
    file = cluster.data / "of-the-account"
    write_kubeconfig(file, cluster.url, cluster.data / "ca.crt", token["status"]["token"])
    return file


def test_what_its_account_needs(cluster: Running) -> None:
    """Exactly what is said at the top of the module, and what the chart grants."""
    rights = {"platform-system": ["infrastructureclaims"], "team-a": ["applicationclaims", "platformclaims"]}
    process = spawned(cluster, test_namespace="team-a", patience=1, kubeconfig=allowed(cluster, rights))
    said, complaint = process.communicate()
    assert complaint == ""
    assert said.count("no answer") == said.count("gone after") == 3
    lines = [json.loads(line) for line in (cluster.data / "audit.log").read_text().splitlines()]
    asked = [line for line in lines if line["user"] == ACCOUNT]
    assert all(line["allowed"] for line in asked)
    assert {(line["namespace"], line["resource"], line["verb"]) for line in asked} == {
        (namespace, resource, verb)
        for namespace, resources in rights.items()
        for resource in resources
        for verb in ("create", "delete", "get")
    }


def test_a_right_that_is_missing(cluster: Running) -> None:
    """The API server's words name the verb, the kind and the account; nothing is left behind."""
    rights = {"platform-system": ["infrastructureclaims", "applicationclaims"]}
    process = spawned(cluster, patience=1, kubeconfig=allowed(cluster, rights))
    _, complaint = process.communicate()
    assert process.returncode == 1
    assert "test failed (Forbidden): PlatformClaim platform-system/infraforge-test-" in complaint
    assert f'User "{ACCOUNT}" cannot create resource "platformclaims"' in complaint
    assert left(cluster) == []
