"""The platform's charts: golden renderings, and what each object owes its cluster, with every switch off and on.

After an intended change: `UPDATE_GOLDEN=1 pytest tests/charts/test_platform_charts.py`, and read the difference.
"""

import json
import os
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.charts import platform
from tests.charts.engine import render, unpack
from tests.charts.generated import values_of
from tests.charts.kubernetes import faults
from tests.charts.platform import CASES, CHARTS, GOLDEN, NAMESPACE, ROOT, SERVICES, Case, Manifest
from tests.charts.platform_readme import readme
from tests.charts.restricted import violations

RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
LONGEST_RELEASE = "sandbox-platform-" + "x" * 36
"""53 characters, the most that Helm takes."""
LONGEST_CONTROLLER = 52
"""Of a StatefulSet's and a CronJob's name: their pods and Jobs carry longer ones."""
MUTABLE = {
    *("minReadySeconds", "ordinals", "persistentVolumeClaimRetentionPolicy"),
    *("replicas", "revisionHistoryLimit", "template", "updateStrategy"),
}
"""The fields of a StatefulSet's specification that an API server lets change."""

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_chart = pytest.mark.parametrize("chart", CHARTS)
every_service = pytest.mark.parametrize("service", SERVICES)


def of(case: Case) -> list[Manifest]:
    """The objects of a golden case."""
    return platform.objects(case.chart, case.values)


@every_case
def test_golden(case: Case) -> None:
    rendered = yaml.safe_dump_all(of(case), sort_keys=False, width=120)
    file = GOLDEN / f"{case.name}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(rendered)

    assert file.read_text() == rendered


@every_case
def test_a_second_rendering_has_the_same_bytes(case: Case) -> None:
    arguments = (ROOT / case.chart, case.values.encode())
    release = platform.release_of(case.chart)

    first = render(*arguments, release=release, namespace=NAMESPACE)

    assert first == render(*arguments, release=release, namespace=NAMESPACE)


@every_case
def test_every_object_is_valid(case: Case) -> None:
    """To every version of Kubernetes that is looked at, unknown fields refused; and no two have one name."""
    manifests = of(case)

    for manifest in manifests:
        assert faults(manifest) == []
    names = [
        (manifest["kind"], manifest["metadata"].get("namespace"), manifest["metadata"]["name"])
        for manifest in manifests
    ]
    assert len(names) == len(set(names)) > 0


@every_case
def test_lint_is_strict(case: Case, tmp_path: Path) -> None:
    chart = unpack(ROOT / case.chart, tmp_path)

    report = helm_python.lint(chart, helm_python.values_from_yaml(case.values), strict=True)

    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]
    assert not report["errors"]


@every_case
def test_pods_keep_to_the_restricted_standard(case: Case) -> None:
    """Each container of each workload, sidecars, preparation and backups too; and no pod has a token."""
    manifests = of(case)
    for pod in platform.pod_specs(manifests):
        assert violations(pod) == []
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert all(len(volume.keys() & RESTRICTED_VOLUMES) == 1 for volume in pod["volumes"])
        assert pod["serviceAccountName"] in {
            item["metadata"]["name"] for item in platform.of_kind(manifests, "ServiceAccount")
        }
    for container in platform.containers(manifests):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert {"cpu", "memory"} == container["resources"]["requests"].keys()
        assert {"memory"} == container["resources"]["limits"].keys()
        assert all("hostPort" not in port for port in container.get("ports", []))


@every_case
def test_no_password_is_in_a_rendering(case: Case) -> None:
    """No Secret, and no variable that is named like a password and has a value of its own."""
    manifests = of(case)

    assert not platform.of_kind(manifests, "Secret")
    variables = [variable for container in platform.containers(manifests) for variable in container.get("env", [])]
    words = ("PASSWORD", "PASS", "AUTH", "COOKIE")
    secret = [variable for variable in variables if variable["name"].endswith(words)]
    assert all(variable["valueFrom"]["secretKeyRef"]["key"] == "password" for variable in secret)


@every_service
@pytest.mark.parametrize(("values", "suffix"), [("", "-auth"), ("auth: {existingSecret: vault}", None)])
def test_every_secret_is_the_one_of_the_release(service: str, values: str, suffix: str | None) -> None:
    """The platform function makes <release>-auth, also of the longest release; another is used where it is named."""
    switches = platform.ALL + (platform.BACKUP if service in {"postgres", "redis"} else "")
    for release in (platform.release_of(service), LONGEST_RELEASE):
        names = set(_secrets(platform.objects(service, switches + values, release)))

        assert names == {release + suffix if suffix else "vault"}


def _secrets(part: Any) -> list[str]:
    """The name of every Secret that something in `part` reads, registry credentials aside."""
    if isinstance(part, list):
        return [name for item in part for name in _secrets(item)]
    if not isinstance(part, dict):
        return []
    here = [part["secretKeyRef"]["name"]] if "secretKeyRef" in part else []
    here += [part["secret"]["secretName"]] if "secretName" in part.get("secret", {}) else []
    return here + [name for item in part.values() for name in _secrets(item)]


@every_service
def test_volume_claims_are_found_by_their_release(service: str) -> None:
    """And neither ArgoCD nor Kubernetes takes them away: with the StatefulSet, its scale, or the label it tracks by."""
    spec = platform.stateful_set(service)["spec"]
    (template,) = spec["volumeClaimTemplates"]

    assert template["metadata"]["labels"] == {
        "app.kubernetes.io/name": service,
        "app.kubernetes.io/instance": platform.release_of(service),
    }
    assert template["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}


IMAGE = f"image: {{repository: mirror.example/x, digest: 'sha256:{'a' * 64}'}}\n"


@pytest.mark.parametrize(
    ("service", "values"),
    [
        (service, values)
        for service in SERVICES
        for values in (platform.ALL, IMAGE, "podDisruptionBudget: {enabled: false}")
    ]
    + [(service, "auth: {existingSecret: other}") for service in SERVICES]
    + [(service, platform.BACKUP) for service in ("postgres", "redis")]
    + [(service, "replicaCount: 3") for service in ("rabbitmq", "kafka")]
    + [(service, "resources: {requests: {cpu: 1}}") for service in ("rabbitmq", "kafka", "redis")]
    + [(service, "configuration: {some.setting: 7}") for service in ("rabbitmq", "kafka", "redis")]
    + [
        ("postgres", "primary: {configuration: {work_mem: 8MB}, resources: {limits: {memory: 2Gi}}}"),
        ("postgres", "auth: {database: other, username: other}"),
        ("kafka", "heap: -Xmx2g"),
    ],
)
def test_an_edit_keeps_what_is_immutable(service: str, values: str) -> None:
    """An API server refuses a StatefulSet whose other fields change, and ArgoCD would try for ever."""
    assert _immutable(service, "") == _immutable(service, values)


@every_service
@pytest.mark.parametrize("edit", ["size: 9Gi", "storageClass: fast"])
def test_the_edits_that_do_change_it(service: str, edit: str) -> None:
    """The README names these two, and how a volume grows."""
    values = f"persistence: {{{edit}}}"
    before = _immutable(service, "")
    after = _immutable(service, f"primary: {{{values}}}" if service == "postgres" else values)

    assert {name for name in before if before[name] != after[name]} == {"volumeClaimTemplates"}


def _immutable(service: str, values: str) -> dict[str, Any]:
    spec = platform.stateful_set(service, values)["spec"]
    return {name: value for name, value in spec.items() if name not in MUTABLE}


@every_service
def test_services_and_the_budget_select_the_pods_and_only_them(service: str) -> None:
    """A backup's pods are of the same release, but no members."""
    values = platform.ALL + (platform.BACKUP if service in {"postgres", "redis"} else "")
    manifests = platform.objects(service, values)
    pods = platform.stateful_set(service)["spec"]["template"]["metadata"]["labels"]
    jobs = [
        item["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
        for item in platform.of_kind(manifests, "CronJob")
    ]

    assert len(platform.of_kind(manifests, "Service")) == 2
    for found in platform.of_kind(manifests, "Service"):
        assert found["spec"]["selector"] == pods
    (budget,) = platform.of_kind(manifests, "PodDisruptionBudget")
    assert budget["spec"]["selector"]["matchLabels"] == pods
    assert all(pods.items() - labels.items() for labels in jobs)
    policies = [item["spec"]["podSelector"]["matchLabels"] for item in platform.of_kind(manifests, "NetworkPolicy")]
    assert sorted(map(str, policies)) == sorted(map(str, [pods, *jobs]))


CLIENTS = {"kafka": {9092}, "postgres": {5432}, "rabbitmq": {5672, 15672}, "redis": {6379}}


@every_service
def test_clients_reach_their_ports_and_no_others(service: str) -> None:
    """What the members use among themselves is open to themselves; metrics, where they are on, to readers."""
    ingress = _ingress(service, "")
    assert _ports(ingress[0]) == CLIENTS[service]
    assert len(ingress) == 2
    assert [peer.keys() for peer in ingress[1]["from"]] == [{"podSelector"}]
    with_all = _ingress(service, platform.ALL)
    assert with_all[0]["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dev"}}}]
    assert with_all[2]["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    assert len(_ports(with_all[2])) == 1


def _ingress(service: str, values: str) -> list[dict[str, Any]]:
    (policy,) = platform.of_kind(platform.objects(service, values), "NetworkPolicy")
    rules: list[dict[str, Any]] = policy["spec"]["ingress"]
    return rules


def _ports(rule: dict[str, Any]) -> set[int]:
    return {port["port"] for port in rule["ports"]}


@every_service
def test_the_longest_release_has_valid_names(service: str) -> None:
    values = platform.BACKUP if service in {"postgres", "redis"} else ""
    manifests = platform.objects(service, values, LONGEST_RELEASE)
    other = platform.objects(service, values, LONGEST_RELEASE[:-1] + "y")

    names = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}
    assert all(len(name) <= 63 for _, name in names)
    assert all(len(name) <= LONGEST_CONTROLLER for kind, name in names if kind in {"StatefulSet", "CronJob"})
    assert names.isdisjoint({(manifest["kind"], manifest["metadata"]["name"]) for manifest in other})


@every_service
def test_images_are_official_and_pinned(service: str) -> None:
    """By a full version: `latest` or `17` is another image tomorrow."""
    official = {"kafka": "docker.io/apache/kafka"}.get(service, f"docker.io/library/{service}")
    (main, *sidecars) = platform.stateful_set(service, platform.ALL)["spec"]["template"]["spec"]["containers"]

    assert main["image"].rpartition(":")[0] == official
    for container in (main, *sidecars):
        _, _, tag = container["image"].rpartition(":")
        assert len(tag.removeprefix("v").split("-")[0].split(".")) >= 2
        assert tag.removeprefix("v").split("-")[0].replace(".", "").isdecimal()
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    assert len(sidecars) == (0 if service == "rabbitmq" else 1)


@every_service
def test_a_digest_takes_the_tags_place(service: str) -> None:
    values = IMAGE + (platform.BACKUP if service in {"postgres", "redis"} else "")

    images = {container["image"] for container in platform.containers(platform.objects(service, values))}

    assert images == {f"mirror.example/x@sha256:{'a' * 64}"}


@every_chart
def test_the_readme_is_made_of_the_values(chart: str) -> None:
    """Stale? `python -m tests.charts.platform_readme`."""
    assert (ROOT / chart / "README.md").read_text() == readme(chart)


def test_what_the_schemas_share_is_the_same() -> None:
    """A schema has to stand alone, so what several hold is repeated: a change is made to all of them."""
    shared: dict[str, str] = {}
    for chart in CHARTS:
        definitions = json.loads((ROOT / chart / "values.schema.json").read_text())["$defs"]
        for name, definition in definitions.items():
            if chart not in SERVICES:
                continue
            assert shared.setdefault(name, json.dumps(definition)) == json.dumps(definition), (chart, name)
    assert "persistence" in shared


@every_chart
def test_a_schema_knows_every_value(chart: str) -> None:
    """And no other, but what Helm itself puts there."""
    properties = set(json.loads((ROOT / chart / "values.schema.json").read_text())["properties"])

    assert properties - {"global", "library"} == yaml.safe_load((ROOT / chart / "values.yaml").read_text()).keys()


@every_chart
def test_every_value_is_explained(chart: str) -> None:
    assert [value.path for value in values_of(ROOT / chart) if not value.description] == []
