"""What the chart says of services, definitions, networks and hooks."""

import json
from typing import Any

import pytest
import yaml

from shared.claims import crd
from tests.knative.rendering import (
    ALL,
    CHART,
    NAMESPACE,
    NETWORK,
    OPTIONS,
    Object,
    environment,
    find,
    knative_service,
    render,
)

FUNCTIONS = ("bootstrap", "application", "platform", "deadletters")
KEEP = {"helm.sh/resource-policy": "keep"}


@pytest.mark.parametrize("name", sorted(path.name for path in (CHART / "files" / "crds").iterdir()))
def test_a_definition_is_the_generated_one_and_is_kept(name: str) -> None:
    """Nothing is lost between the file and the cluster: numbers stay whole, text stays text."""
    generated = yaml.safe_load((CHART / "files" / "crds" / name).read_text())
    rendered = find(render(), "CustomResourceDefinition", generated["metadata"]["name"])

    assert rendered["metadata"].pop("annotations") == KEEP
    assert rendered["metadata"].pop("labels")["app.kubernetes.io/part-of"] == "infraforge"
    assert rendered == generated


def test_every_definition_is_there() -> None:
    rendered = {one["metadata"]["name"] for one in render() if one["kind"] == "CustomResourceDefinition"}

    assert rendered == {one["metadata"]["name"] for one in crd.manifests()}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_reachable_inside_the_cluster_only(function: str) -> None:
    for option in ALL.values():
        labels = knative_service(render(option), function)["metadata"]["labels"]
        assert labels["networking.knative.dev/visibility"] == "cluster-local"


def test_every_pod_runs_under_its_own_account() -> None:
    """And needs no other: the account's token is what the least rights hang on."""
    objects = render(NETWORK)
    for name, spec in _specs(objects):
        assert spec["serviceAccountName"] == name
        assert spec["enableServiceLinks"] is False, "other Services' addresses are nobody's settings"
        find(objects, "ServiceAccount", name)


@pytest.mark.parametrize(("function", "bounds"), [("bootstrap", ("1", "2")), ("application", ("1", "4"))])
def test_how_many_pods_there_are(function: str, bounds: tuple[str, str]) -> None:
    annotations = knative_service(render(), function)["spec"]["template"]["metadata"]["annotations"]

    assert annotations == {
        "autoscaling.knative.dev/min-scale": bounds[0],
        "autoscaling.knative.dev/max-scale": bounds[1],
    }


def test_a_policy_that_may_cost_too_much_lets_through() -> None:
    """Its rule is the function's as well; the others are nobody else's."""
    policies = {
        one["metadata"]["name"]: one["spec"]["failurePolicy"]
        for one in render()
        if one["kind"] == "ValidatingAdmissionPolicy"
    }
    bindings = [one for one in render() if one["kind"] == "ValidatingAdmissionPolicyBinding"]

    assert policies == {
        "infraforge-claim-places": "Fail",
        "infraforge-confirmations": "Fail",
        "infraforge-environment-names": "Ignore",
    }
    assert {one["spec"]["policyName"] for one in bindings} == set(policies)
    assert all(one["spec"]["validationActions"] == ["Deny"] for one in bindings)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_pod_has_room_for_a_probe(function: str) -> None:
    """Requests wait in the queue-proxy first, then hear 503; and a probe finds a thread."""
    service = knative_service(render(), function)
    spec, told = service["spec"]["template"]["spec"], environment(service)
    (container,) = spec["containers"]

    assert spec["containerConcurrency"] < int(told["INFRAFORGE_MAX_WAITING"]) < int(told["THREADS"])
    assert container["readinessProbe"]["httpGet"]["path"] == container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["livenessProbe"]["failureThreshold"] * container["livenessProbe"]["periodSeconds"] >= 120


@pytest.mark.parametrize(
    ("function", "command"),
    [
        ("bootstrap", None),
        ("application", None),
        ("platform", None),
        (
            "deadletters",
            "python -m functions_framework --source functions/deadletters/main.py --target deadletters "
            "--signature-type http",
        ),
    ],
)
def test_what_a_container_runs(function: str, command: str | None) -> None:
    """The images start their function; the fourth one is in bootstrap's."""
    (container,) = knative_service(render(), function)["spec"]["template"]["spec"]["containers"]

    assert container.get("command") == (command.split() if command else None)
    assert container["image"].endswith(f"/{'bootstrap' if command else function}:0.1.0")
    if command:
        assert (CHART.parent / command.split()[4]).is_file()


@pytest.mark.parametrize(("kind", "name"), [("Job", "infraforge-setup"), ("Pod", "infraforge-test")])
def test_a_module_that_is_run_is_there(kind: str, name: str) -> None:
    spec = find(render(), kind, name)["spec"]
    (container,) = (spec if kind == "Pod" else spec["template"]["spec"])["containers"]

    assert container["command"][:2] == ["python", "-m"]
    assert (CHART.parent / f"{container['command'][2].replace('.', '/')}.py").is_file()


def test_images_by_tag_and_by_digest() -> None:
    objects = render(OPTIONS["images"])
    images = {
        name: knative_service(objects, name)["spec"]["template"]["spec"]["containers"][0]["image"] for name in FUNCTIONS
    }

    assert images["bootstrap"] == images["deadletters"] == "registry.example.com:5000/platform/bootstrap:1.2.3"
    assert images["application"] == f"registry.example.com:5000/platform/application@sha256:{'a' * 64}"
    spec = knative_service(objects, "platform")["spec"]["template"]["spec"]
    assert spec["imagePullSecrets"] == [{"name": "pull"}]


def test_hooks_come_in_order_and_leave_a_log_at_most() -> None:
    """Who runs before what: account and Role before the Job; all of them gone when it went well.

    But for the Pod of `helm test`: Helm 3 takes away what says so before `--logs` reads of it, and fails a good test.
    """
    hooks = [one for one in render(NETWORK) if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    weights: dict[str, dict[str, int]] = {}
    for one in hooks:
        annotations = one["metadata"]["annotations"]
        kept = one["kind"] == "Pod"
        policy = "before-hook-creation" if kept else "before-hook-creation,hook-succeeded"
        assert annotations["helm.sh/hook-delete-policy"] == policy
        weights.setdefault(annotations["helm.sh/hook"], {})[one["kind"]] = int(annotations["helm.sh/hook-weight"])

    assert set(weights) == {"pre-install,pre-upgrade", "test"}
    for event, worker in (("pre-install,pre-upgrade", "Job"), ("test", "Pod")):
        others = {kind: weight for kind, weight in weights[event].items() if kind != worker}
        assert set(others) == {"ServiceAccount", "Role", "RoleBinding", "NetworkPolicy"}
        assert max(others.values()) < weights[event][worker]


@pytest.mark.parametrize("option", ALL)
def test_the_logs_of_a_test_can_be_asked_for(option: str) -> None:
    """`helm test --logs` reads the log of a pod of every test hook's name, whatever the hook's kind is."""
    hooks = [
        one["metadata"]["name"]
        for one in render(ALL[option])
        if one["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"
    ]

    assert set(hooks) <= {"infraforge-test"}
    assert bool(hooks) is (option != "bare")


def test_the_job_makes_what_the_functions_mount() -> None:
    job = find(render(), "Job", "infraforge-setup")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    told = {one["name"]: one["value"] for one in container["env"]}

    assert [told[f"INFRAFORGE_{name}_SECRET_NAME"] for name in ("GITEA", "ARGOCD", "WEBHOOK")] == [
        "infraforge-gitea",
        "infraforge-argocd",
        "infraforge-webhook",
    ]
    some = find(render(OPTIONS["some-credentials"]), "Job", "infraforge-setup")
    (container,) = some["spec"]["template"]["spec"]["containers"]
    told = {one["name"]: one["value"] for one in container["env"]}
    assert told["INFRAFORGE_ARGOCD_SECRET_NAME"] == "", "that one is a person's"


def test_a_namespace_only_for_those_who_ask() -> None:
    assert [one for one in render() if one["kind"] == "Namespace"] == []
    namespace = find(render(OPTIONS["namespace"]), "Namespace", NAMESPACE)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert namespace["metadata"]["annotations"] == KEEP


def test_another_namespace_is_said_everywhere() -> None:
    """Nothing in the chart knows `platform-system`."""
    moved = [one for one in render(namespace="infra") if one["kind"] != "CustomResourceDefinition"]

    assert "platform-system" not in json.dumps(moved)
    assert environment(knative_service(moved, "platform"))["INFRAFORGE_SYSTEM_NAMESPACE"] == "infra"


def test_the_metadata_is_that_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["name"] == "infraforge"
    assert chart["kubeVersion"].startswith(">=1.30"), "ValidatingAdmissionPolicy v1"


def _specs(objects: list[Object]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for one in objects:
        if one["kind"] == "Pod":
            found.append((one["metadata"]["name"], one["spec"]))
        elif one["kind"] == "Job" or one["apiVersion"].startswith("serving."):
            found.append((one["metadata"]["name"], one["spec"]["template"]["spec"]))
    return found
