"""A release's life with the real `helm`, in the sandbox's API server: install, upgrade, uninstall, and again.

Nothing runs here but the API server: no function, no Job. What the objects do is for tests/e2e.
"""

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import tools
from tests.knative.releases import MONITOR, QUIET, Cluster
from tests.knative.rendering import CHART, EVERYTHING, NAMESPACE, RELEASE, merged, render
from tests.sandbox.apiserver.conftest import ROOT, Running, start

CLAIM = {
    "apiVersion": "platform.infraforge.io/v1alpha1",
    "kind": "ApplicationClaim",
    "metadata": {"name": "dev-apps", "namespace": "dev", "finalizers": ["platform.infraforge.io/cleanup"]},
    "spec": {"clusterType": "nonprod", "environment": "dev", "applications": []},
}
OPERATIONS = (CHART.parent / "docs" / "operations.md").read_text()


@pytest.fixture(scope="module")
def helm() -> Path:
    try:
        return tools.helm()
    except tools.MissingToolError as error:
        pytest.skip(str(error))


@pytest.fixture
def cluster(helm: Path, tmp_path: Path) -> Iterator[Cluster]:
    monitor = tmp_path / "monitor.yaml"
    monitor.write_text(yaml.safe_dump(MONITOR))
    flags = [
        flag
        for file in (ROOT / "sandbox/knative/crds.yaml", ROOT / "sandbox/argocd/crds.yaml", monitor)
        for flag in ("--crds", str(file))
    ]
    server = start(tmp_path / "server", "--namespaces", f"{NAMESPACE},argocd,dev", *flags)
    try:
        yield Cluster(server, helm, tmp_path)
    finally:
        server.stop()


def test_a_release_lives_and_leaves_what_is_the_teams(cluster: Cluster) -> None:
    """Install, upgrade to every option, uninstall: definitions and claims stay, and nothing else; then again."""
    printed = cluster.run("install", RELEASE, str(CHART), values={})
    assert "STATUS: deployed" in printed
    assert cluster.ours() == _expected({})

    claims = "/apis/platform.infraforge.io/v1alpha1/namespaces/dev/applicationclaims"
    uid = cluster.create(claims, CLAIM)["metadata"]["uid"]
    everything = merged(EVERYTHING, {"setup": {"enabled": False}})
    assert "STATUS: deployed" in cluster.run("upgrade", RELEASE, str(CHART), values=everything)
    assert cluster.ours() == _expected(everything)

    cluster.run("uninstall", RELEASE)
    definitions = {one for one in _expected({}) if one.startswith("CustomResourceDefinition/")}
    assert cluster.ours() == definitions
    kept = cluster.get(f"{claims}/dev-apps")
    assert kept is not None
    assert kept["metadata"]["uid"] == uid, "the very same, and not deleted"
    assert "deletionTimestamp" not in kept["metadata"]

    assert "STATUS: deployed" in cluster.run("install", RELEASE, str(CHART), values={})
    assert cluster.ours() == _expected({})
    again = cluster.get(f"{claims}/dev-apps")
    assert again is not None
    assert again["metadata"]["uid"] == uid


def test_an_upgrade_brings_new_definitions(cluster: Cluster, tmp_path: Path) -> None:
    """What Helm never does for `crds/`: a field that the next version has is there after the upgrade."""
    name = "applicationclaims.platform.infraforge.io"
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    cluster.run("install", RELEASE, str(CHART), values={})
    chart = tmp_path / "next"
    shutil.copytree(CHART, chart)
    file = chart / "files" / "crds" / "applicationclaims.yaml"
    definition = yaml.safe_load(file.read_text())
    definition["spec"]["names"]["shortNames"].append("ac")
    body = yaml.safe_dump(definition, sort_keys=False)
    file.write_text(body)

    cluster.run("upgrade", RELEASE, str(chart), values={})

    found = cluster.get(path)
    assert found is not None
    assert found["spec"]["names"]["shortNames"] == ["appclaim", "ac"]
    assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_a_missing_administrators_secret_is_said_before_anything_is_made(cluster: Cluster) -> None:
    """Not after five minutes in which the Job's pod waits for its volume."""
    cluster.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
    printed = cluster.run("install", RELEASE, str(CHART), values={"setup": {"enabled": True}}, check=False)

    assert 'setup.adminSecret: there is no Secret "gitea-admin" in namespace "platform-system"' in printed
    assert cluster.ours() == set()


def test_a_missing_namespace_of_argocds_is_said_before_anything_is_made(cluster: Cluster) -> None:
    """Not by eight roles that have nowhere to go, with the definitions made already."""
    cluster.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
    printed = cluster.run("install", RELEASE, str(CHART), values={"settings": {"argocdNamespace": "cd"}}, check=False)

    assert 'settings.argocdNamespace: there is no namespace "cd"' in printed
    assert cluster.ours() == set()


def test_an_older_release_is_upgraded_as_the_documents_say(cluster: Cluster, tmp_path: Path) -> None:
    """What an operator chose stays, and what the charts differ in is as the newer one has it.

    `--reuse-values` would bring the older chart's own values back: here one that is gone, and none that is new.
    """
    older = tmp_path / "older"
    shutil.copytree(CHART, older)
    file = older / "values.yaml"
    before = file.read_text()
    text = before.replace("  lettersKept: 1000\n", "  lettersOnceKept: 1000\n")
    assert text != before
    file.write_text(text)
    (older / "values.schema.json").unlink()
    chosen = {"functions": {"application": {"maxScale": 7}}}
    cluster.run("install", RELEASE, str(older), values=chosen)

    refused = cluster.run("upgrade", RELEASE, str(CHART), "--reuse-values", check=False)
    assert "'lettersOnceKept' not allowed" in refused
    command = re.search(r"helm upgrade infraforge oci://\S+ --version X\.Y\.Z -n platform-system (.+)", OPERATIONS)
    assert command
    assert "STATUS: deployed" in cluster.run("upgrade", RELEASE, str(CHART), *command[1].split())

    found = cluster.get(f"/apis/serving.knative.dev/v1/namespaces/{NAMESPACE}/services/infraforge-application")
    assert found is not None
    assert found["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/max-scale"] == "7"


def test_a_template_of_the_namespace_would_collide(cluster: Cluster) -> None:
    """Why `namespace.create` is off: whoever installs with Helm has the namespace already, or --create-namespace."""
    printed = cluster.run("install", RELEASE, str(CHART), values={"namespace": {"create": True}}, check=False)

    assert f'Namespace "{NAMESPACE}" in namespace "" exists and cannot be imported' in printed


def test_the_job_comes_first_and_its_rights_go_with_it(cluster: Cluster) -> None:
    """The setup hook as Helm runs it: account, Role and Job, then nothing of them; only then the release's objects."""
    jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gitea-admin", "namespace": NAMESPACE}}
    cluster.create(f"/api/v1/namespaces/{NAMESPACE}/secrets", secret)
    with ThreadPoolExecutor(1) as pool:
        install = pool.submit(cluster.run, "install", RELEASE, str(CHART), values={"setup": {"enabled": True}})
        job = _first(cluster.server, jobs)
        there = cluster.ours()
        _complete(cluster.server, f"{jobs}/{job['metadata']['name']}")
        assert "STATUS: deployed" in install.result(120)

    assert there == {f"{kind}/infraforge-setup" for kind in ("ServiceAccount", "Role", "RoleBinding", "Job")}
    assert cluster.ours() == _expected({})
    cluster.run("uninstall", RELEASE)
    assert {one.partition("/")[0] for one in cluster.ours()} == {"CustomResourceDefinition"}


def _first(server: Running, path: str) -> dict[str, Any]:
    """The first object that comes to be there."""
    with server.client() as client, client.stream("GET", path, params={"watch": "true"}) as answer:
        for line in answer.iter_lines():
            found: dict[str, Any] = json.loads(line)["object"]
            return found
    raise AssertionError(f"the watch of {path} ended")


def _complete(server: Running, path: str) -> None:
    """What the Job controller writes when the Job's pod has ended well."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [
        {"type": type_, "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
        for type_ in ("SuccessCriteriaMet", "Complete")
    ]
    status = {"succeeded": 1, "startTime": now, "completionTime": now, "conditions": conditions}
    with server.client() as client:
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = client.patch(f"{path}/status", content=json.dumps({"status": status}), headers=headers)
    assert answer.status_code == 200, answer.text


def test_the_notes_say_what_comes_next(cluster: Cluster) -> None:
    """With a warning where the namespace enforces nothing, and none where it does."""
    first = cluster.run("install", RELEASE, str(CHART), values={})
    assert f"kubectl label namespace {NAMESPACE} pod-security.kubernetes.io/enforce=restricted" in first
    assert "kubectl create secret generic infraforge-gitea" in first, "the credentials are a person's here"
    assert "[security] ALLOWED_HOST_LIST = private" in first, "where Gitea looks for it since 1.27"
    with cluster.server.client() as client:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        answer = client.patch(
            f"/api/v1/namespaces/{NAMESPACE}",
            content=json.dumps({"metadata": {"labels": labels}}),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.status_code == 200, answer.text

    for name in ("infraforge-gitea", "infraforge-argocd"):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}}
        cluster.create(f"/api/v1/namespaces/{NAMESPACE}/secrets", secret)
    second = cluster.run("upgrade", RELEASE, str(CHART), values={})

    asked = re.findall(r"create secret generic (\S+) -n platform-system --from-file=(\w+)=", second)
    assert asked == [("infraforge-webhook", "secret")], "of what is there nothing is asked"
    assert "WARNING" not in second
    named = {"secrets": {"registry": "pull"}, "certificates": {"gitea": "gitea-ca"}}
    third = cluster.run("upgrade", RELEASE, str(CHART), values=named)
    for line in ("Secret pull (secrets.registry)", "ConfigMap gitea-ca (certificates.gitea)"):
        assert line in third.partition("WARNING: not in namespace")[2], "its pods would wait without a word"
    assert "kubectl wait --for=condition=Ready ksvc,apiserversource," in second
    _, claim = second.split("<<'YAML'")
    bootstrap = yaml.safe_load(claim.partition("    YAML\n")[0])
    created = cluster.create(f"/apis/platform.infraforge.io/v1alpha1/namespaces/{NAMESPACE}/bootstrapclaims", bootstrap)
    assert created["kind"] == "BootstrapClaim", created


def _expected(values: dict[str, Any]) -> set[str]:
    """What is in the cluster under the release's label, beside hooks, which nobody has run."""
    return {
        f"{one['kind']}/{one['metadata']['name']}"
        for one in render(merged(QUIET, values))
        if "helm.sh/hook" not in one["metadata"].get("annotations", {})
    }
