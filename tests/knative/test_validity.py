"""Every option renders what Kubernetes and Knative take: held against their own schemas, several versions of them."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import tools
from tests.charts import kubernetes
from tests.charts.engine import documents
from tests.charts.restricted import violations
from tests.knative import schemas
from tests.knative.rendering import ALL, CHART, NAMESPACE, RELEASE, Object, merged, render, text

every_option = pytest.mark.parametrize("option", ALL)
with_schemas = pytest.mark.skipif(
    not schemas.FOLDER.is_dir(), reason=f"Knative's definitions are not at {schemas.FOLDER}"
)
VERSIONS = ("1.30.0", "1.31.0", "1.34.0", "1.37.0")
"""Of Kubernetes, from the oldest that the chart takes."""
NO_SCHEMA = {"ServiceMonitor"}
"""The Prometheus operator's: see test_monitors.py."""


@pytest.fixture(scope="session")
def helm() -> Path:
    """The `helm` command."""
    try:
        return tools.helm()
    except tools.MissingToolError as error:
        pytest.skip(str(error))


@every_option
def test_real_helm_renders_the_same(option: str, helm: Path, tmp_path: Path) -> None:
    """The engine in this process is Helm's own code, and the rest of this suite trusts it."""
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(dict(ALL[option])))
    command = [helm, "template", RELEASE, CHART, "--namespace", NAMESPACE, "-f", values]
    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.stderr == ""
    assert _sorted(documents(run.stdout)) == _sorted(render(ALL[option]))


def test_real_helm_finds_nothing_to_say(helm: Path) -> None:
    run = subprocess.run([helm, "lint", "--strict", CHART], capture_output=True, text=True, check=False)

    assert (run.returncode, "[WARNING]" in run.stdout, "[ERROR]" in run.stdout) == (0, False, False), run.stdout


@every_option
def test_core_objects_are_valid(option: str) -> None:
    """Unknown fields are refused."""
    checked = [one for one in render(ALL[option]) if not schemas.is_knative(one) and one["kind"] not in NO_SCHEMA]

    assert len(checked) >= 20
    assert {_place(one): faults for one in checked if (faults := kubernetes.faults(one, VERSIONS))} == {}


@with_schemas
@every_option
def test_knative_objects_are_valid(option: str) -> None:
    checked = [one for one in render(ALL[option]) if schemas.is_knative(one)]

    assert len(checked) >= 20
    assert {_place(one): faults for one in checked if (faults := schemas.faults(one))} == {}


@with_schemas
@every_option
def test_no_feature_of_knative_is_needed(option: str) -> None:
    """But for emptyDir, which Serving has had on by default since 1.2 (pkg/apis/config/features.go)."""
    found = [where for one in render(ALL[option]) if schemas.is_knative(one) for where in schemas.features(one)]

    assert {where.rpartition(".")[2] for where in found} == {"emptyDir"}


@with_schemas
@pytest.mark.parametrize(
    ("kind", "change", "fault", "why"),
    [
        ("Trigger", {"spec": {"subscribr": {}}}, None, "a Trigger's spec keeps what it does not know"),
        ("Trigger", {"spec": {"subscriber": {"uri": 1}}}, "spec.subscriber.uri: 1 is not", "a type"),
        (
            "ApiServerSource",
            {"spec": {"sink": {"reff": {}}}},
            "ApiServerSource.spec.sink.reff: unknown",
            "a misspelling",
        ),
        ("PingSource", {"spec": {"shedule": ""}}, "PingSource.spec.shedule: unknown field", "a misspelling"),
        (
            "Service",
            {"spec": {"template": {"spec": {"containers": [{"image": "a", "lifecycle": {}}]}}}},
            "Service.spec.template.spec.containers[0].lifecycle: unknown field",
            "what Kubernetes has and Knative has not",
        ),
    ],
)
def test_a_fault_would_be_found(kind: str, change: dict[str, Any], fault: str | None, why: str) -> None:
    document = next(one for one in render() if one["kind"] == kind and schemas.is_knative(one))

    found = schemas.faults(merged(document, change))

    assert (not found) if fault is None else any(fault in one for one in found), (why, found)


@every_option
def test_every_pod_is_restricted(option: str) -> None:
    """The restricted Pod Security Standard; what Knative adds (queue-proxy) keeps to it by itself."""
    found = list(_pods(render(ALL[option])))

    assert len(found) >= 4
    assert {name: broken for name, pod in found if (broken := violations(pod))} == {}
    for name, pod in found:
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert container["securityContext"]["runAsUser"] == 65532, name
            assert container["resources"]["limits"]["memory"], name
            writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
            assert set(writable) <= {"/tmp", "/var/cache/infraforge"}, name
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}, "Knative refuses a volume nobody mounts"


RESERVED = {"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"}
RESERVED_PORTS = {8012, 8013, 8022, 8112, 9090, 9091, 8008}


@every_option
def test_knatives_webhooks_would_let_it_in(option: str) -> None:
    """What Serving and Eventing check beside their schemas (pkg/apis/serving/k8s_validation.go and the like)."""
    for one in render(ALL[option]):
        name, spec = one["metadata"]["name"], one.get("spec", {})
        if one["apiVersion"].startswith("serving."):
            pod = spec["template"]["spec"]
            (container,) = pod["containers"]
            (port,) = container["ports"]
            read_only = {volume["name"] for volume in pod["volumes"] if "emptyDir" not in volume}
            assert not RESERVED & {variable["name"] for variable in container["env"]}, name
            assert port["containerPort"] not in RESERVED_PORTS, name
            assert all("port" not in container[probe]["httpGet"] for probe in ("readinessProbe", "livenessProbe")), name
            assert all(mount.get("readOnly") for mount in container["volumeMounts"] if mount["name"] in read_only), name
            assert "name" not in spec["template"]["metadata"], "a revision's name can be given once only"
        elif one["kind"] == "Trigger":
            assert ("filter" in spec) != ("filters" in spec), name
            assert all(re.fullmatch(r"[a-z][a-z0-9]*", key) for key in _attributes(spec)), name
            assert all(len(expression) == 1 for one in spec.get("filters", []) for expression in one["any"]), name
        elif one["kind"] == "EventPolicy":
            assert all("*" not in sender["sub"][:-1] for sender in spec["from"]), "a star is allowed at the end only"
        elif one["kind"] == "PingSource":
            assert len(spec["schedule"].split()) == 5, name


def _attributes(spec: dict[str, Any]) -> Iterator[str]:
    yield from spec.get("filter", {}).get("attributes", {})
    for one in spec.get("filters", []):
        for expression in one["any"]:
            for content in expression.values():
                yield from content


def test_a_cluster_that_is_too_old_is_refused(helm: Path) -> None:
    """Before anything is made: it would not know ValidatingAdmissionPolicies."""
    command = [helm, "template", CHART, "--kube-version"]
    old = subprocess.run([*command, "1.29.9"], capture_output=True, text=True, check=False)
    clouds = subprocess.run([*command, "1.30.4-eks-1"], capture_output=True, text=True, check=False)

    assert (old.returncode, "incompatible with Kubernetes v1.29.9" in old.stderr) == (1, True), old.stderr
    assert clouds.returncode == 0, clouds.stderr


@every_option
def test_every_object_says_what_it_is(option: str) -> None:
    for document in render(ALL[option]):
        metadata, place = document["metadata"], _place(document)
        labels = metadata["labels"]
        expected = {"name": "infraforge", "instance": RELEASE, "managed-by": "Helm", "part-of": "infraforge"}
        assert {key: labels[f"app.kubernetes.io/{key}"] for key in expected} == expected, place
        assert labels["helm.sh/chart"] == "infraforge-0.1.0", place
        assert labels["app.kubernetes.io/version"], place
        if document["kind"] not in {"CustomResourceDefinition", "Namespace"}:
            assert metadata["name"].startswith("infraforge"), place


@every_option
def test_no_two_objects_are_one(option: str) -> None:
    places = [_place(one) for one in render(ALL[option])]

    assert sorted(places) == sorted(set(places))


@every_option
def test_nothing_of_a_secret_is_rendered(option: str) -> None:
    """No Secret comes of the chart, and no credential of an environment variable."""
    assert "kind: Secret\n" not in text(ALL[option])
    for name, pod in _pods(render(ALL[option])):
        for container in pod["containers"]:
            named = [one["name"] for one in container["env"]]
            assert [one for one in named if one.endswith(("_TOKEN", "_SECRET", "_PASSWORD"))] == [], name


def _pods(objects: list[Object]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in objects:
        if one["kind"] == "Pod":
            yield one["metadata"]["name"], one["spec"]
        elif one["kind"] == "Job" or one["apiVersion"].startswith("serving."):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def _place(document: Object) -> str:
    metadata = document["metadata"]
    group = document["apiVersion"].partition("/")[0]
    return f"{group} {document['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def _sorted(objects: list[Object]) -> list[Object]:
    return sorted(objects, key=_place)
