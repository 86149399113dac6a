"""The embedded charts under Helm's own engine: lint, the examples, and what every chart owes its cluster."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests import tools
from tests.charts.engine import documents, render, unpack
from tests.charts.examples import APPLICATION_CHARTS, CHARTS, PLATFORM_CHARTS, Example, examples
from tests.charts.kubernetes import faults
from tests.charts.restricted import violations

LONGEST_RELEASE = "sandbox-" + "x" * 45
LONGEST_LABEL = 63
LONGEST_STATEFUL_SET = 52
"""Its pods carry a label of its name, a dash and a hash of ten characters; a CronJob's jobs add as much."""

every_chart = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
every_workload = pytest.mark.parametrize(
    "chart",
    [chart for chart in CHARTS if "image" in yaml.safe_load((chart / "values.yaml").read_text())],
    ids=lambda chart: chart.name,
)
every_example = pytest.mark.parametrize("example", examples(), ids=lambda example: example.release)


def manifests(rendered: dict[str, str]) -> list[dict[str, Any]]:
    """Every object of a rendering."""
    return documents(*rendered.values())


def defaults(chart: Path, values: bytes = b"{}", release: str = "dev-some-release") -> list[dict[str, Any]]:
    """The objects of `chart` with its own values, changed by `values`."""
    return manifests(render(chart, values, release=release, namespace="dev"))


def pods(chart: Path, values: bytes = b"{}") -> Iterator[dict[str, Any]]:
    """The pod template of each workload of `chart` with its own values, changed by `values`."""
    for document in defaults(chart, values):
        if document["kind"] in {"Deployment", "StatefulSet"}:
            yield document["spec"]["template"]
        elif document["kind"] == "CronJob":
            yield document["spec"]["jobTemplate"]["spec"]["template"]


@pytest.fixture(scope="session", params=[3, 4])
def helm(request: pytest.FixtureRequest) -> Path:
    """The `helm` command of either version that an ArgoCD may have: 3 knows fewer functions."""
    try:
        return tools.helm(request.param)
    except tools.MissingToolError as error:
        pytest.skip(str(error))


def test_every_chart_of_the_seed_is_here() -> None:
    applications = {"ecommerce-platform", "order-service", "product-service", "user-service"}
    services = {"kafka", "postgres", "rabbitmq", "redis"}

    assert applications | {"cron-job", "web-service", "worker"} == {chart.name for chart in APPLICATION_CHARTS}
    assert services <= {chart.name for chart in PLATFORM_CHARTS}


@every_chart
def test_lint_is_strict(chart: Path, tmp_path: Path) -> None:
    report = helm_python.lint(unpack(chart, tmp_path), strict=True)

    assert report["total_charts_linted"] == 1
    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]
    assert not report["errors"]


@every_example
def test_lint_is_strict_with_the_examples(example: Example, tmp_path: Path) -> None:
    values = helm_python.values_from_yaml(example.values.decode())
    report = helm_python.lint(unpack(example.chart, tmp_path), values, strict=True)

    assert not report["errors"]


@every_example
def test_an_example_renders_valid_objects_and_the_same_twice(example: Example) -> None:
    first = render(example.chart, example.values, release=example.release, namespace=example.namespace)
    second = render(example.chart, example.values, release=example.release, namespace=example.namespace)

    assert first == second
    for document in manifests(first):
        assert faults(document) == []
        assert document["metadata"]["name"].startswith(example.release)


def test_the_helm_command_agrees(helm: Path, tmp_path: Path) -> None:
    """A second witness: the command lints every chart, and its rendering of the examples is the engine's."""
    folders = {chart: unpack(chart, tmp_path) for chart in CHARTS}
    subprocess.run([str(helm), "lint", "--strict", *map(str, folders.values())], check=True, capture_output=True)
    for example in examples():
        values = tmp_path / f"{example.release}.yaml"
        values.write_bytes(example.values)
        arguments = [example.release, str(folders[example.chart]), "-f", str(values), "--namespace", example.namespace]
        printed = subprocess.run([str(helm), "template", *arguments], check=True, capture_output=True).stdout.decode()
        rendered = render(example.chart, example.values, release=example.release, namespace=example.namespace)

        assert sorted(map(str, manifests(rendered))) == sorted(map(str, documents(printed)))


IMAGE = "spec.template.spec.containers.0.image"
VOLUME = "spec.volumeClaimTemplates.0.spec"


@pytest.mark.parametrize(
    ("release", "kind", "path", "expected"),
    [
        ("dev-ecommerce-platform", "Deployment", "spec.replicas", 2),
        ("dev-ecommerce-platform", "Deployment", IMAGE, "ghcr.io/infraforge/ecommerce-platform:v1.2.3"),
        ("dev-ecommerce-platform", "Ingress", "spec.rules.0.host", "ecommerce-dev.example.com"),
        ("dev-user-service", "Deployment", IMAGE, "ghcr.io/infraforge/user-service:latest"),
        ("dev-platform-postgres", "StatefulSet", f"{VOLUME}.storageClassName", "gp3"),
        ("dev-platform-postgres", "StatefulSet", f"{VOLUME}.resources.requests.storage", "10Gi"),
        ("dev-platform-postgres", "StatefulSet", "spec.template.spec.containers.0.env.0.value", "ecommerce"),
        ("dev-platform-postgres", "StatefulSet", "spec.template.spec.containers.0.env.1.value", "admin"),
        ("prod-platform-rabbitmq", "StatefulSet", "spec.replicas", 3),
        ("prod-platform-rabbitmq", "StatefulSet", f"{VOLUME}.resources.requests.storage", "20Gi"),
    ],
)
def test_the_seeds_values_arrive(release: str, kind: str, path: str, expected: object) -> None:
    (example,) = [example for example in examples() if example.release == release]
    (found,) = [
        document
        for document in manifests(render(example.chart, example.values, release=release, namespace="dev"))
        if document["kind"] == kind
    ]
    for step in path.split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]

    assert expected == found


@every_chart
def test_pods_keep_to_the_restricted_standard(chart: Path) -> None:
    """And ask for no more of the API server than most programs need: nothing."""
    for template in pods(chart):
        pod = template["spec"]
        assert violations(pod, template["metadata"].get("annotations")) == []
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert {"cpu", "memory"} == container["resources"]["requests"].keys()
            assert {"memory"} == container["resources"]["limits"].keys()
        for container in pod["containers"]:
            # Who listens can be asked; a worker's own way to tell is for its team to name.
            if container.get("ports"):
                assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()


@every_chart
def test_no_chart_makes_a_secret(chart: Path) -> None:
    """A password made in a template changes with every rendering, and one in the values stands in Git."""
    assert "Secret" not in {document["kind"] for document in defaults(chart)}


@every_chart
def test_the_longest_release_has_valid_names(chart: Path) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in defaults(chart, release=LONGEST_RELEASE)]

    assert all(len(name) <= LONGEST_LABEL for _, name in names)
    assert all(len(name) <= LONGEST_STATEFUL_SET for kind, name in names if kind in {"CronJob", "StatefulSet"})


@every_chart
def test_the_longest_releases_do_not_share_a_name(chart: Path) -> None:
    """They differ in what a shortened name leaves out."""
    names = [
        {document["metadata"]["name"] for document in defaults(chart, release=release)}
        for release in (LONGEST_RELEASE, LONGEST_RELEASE[:-1] + "y")
    ]

    assert names[0].isdisjoint(names[1])


@every_workload
def test_a_digest_takes_the_tags_place(chart: Path) -> None:
    digest = "sha256:" + "a" * 64

    values = f"image: {{repository: some/image, tag: v1, digest: '{digest}'}}".encode()

    assert {f"some/image@{digest}"} == {
        container["image"] for template in pods(chart, values) for container in template["spec"]["containers"]
    }
