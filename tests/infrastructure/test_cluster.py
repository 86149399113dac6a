"""The cluster stack: in what order it installs, what it asks of each chart, and what gets into its state.

The helm and kubernetes providers are stood in for (schema_provider.py): Terraform's part is real, theirs is not. What
the releases would bring is rendered here by Helm's own engine from the values that Terraform ended up with.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from shared.claims.parse import parse
from tests.charts import kubernetes, restricted
from tests.charts.engine import documents, render
from tests.infrastructure import terraform
from tests.infrastructure.life import ROOT, Life

CHARTS = terraform.AWS / "cluster" / "charts"
CHART = ROOT / "knative"
RESOURCES = 10
NAMESPACES = {
    "platform-system": "restricted",
    "gitea": "baseline",
    "argocd": "baseline",
    "knative-operator": "baseline",
    "knative-serving": "baseline",
    "knative-eventing": "baseline",
}
CLAIMS = ("deployments/bootstrap-claim.yaml", "deployments/dev/dev-infrastructure-claim.yaml")


def values_of(life: Life, release: str) -> dict[str, Any]:
    """The values that Terraform gives to a release, as Helm lays them over each other."""
    (text,) = life.resources("cluster")[f"helm_release.{release}"]["values"]
    values: dict[str, Any] = yaml.safe_load(text)
    return values


def rendered(chart: Path, values: Mapping[str, Any], namespace: str) -> list[Any]:
    """What Helm's engine makes of a local chart."""
    texts = render(chart, json.dumps(values).encode(), release="test", namespace=namespace)
    return documents(*(text for path, text in texts.items() if path.endswith(".yaml")))


@pytest.fixture(scope="module")
def created(life: Life) -> list[str]:
    """The cluster's resources as they were created, each when it began and when it was complete."""
    return re.findall(
        r"^((?:helm_release|kubernetes_\w+)\.\S+): (?:Creating\.|Creation complete)", life.said["up"], re.M
    )


def test_all_is_installed(life: Life) -> None:
    """After the cloud, in the same `make up`, and taken down before it."""
    assert f"Apply complete! Resources: {RESOURCES} added, 0 changed, 0 destroyed." in life.said["up"]
    assert len(life.resources("cluster")) == RESOURCES
    cluster, cloud = (life.said["down"].index(f"Resources: {number} destroyed.") for number in (RESOURCES, 64))
    assert cluster < cloud


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("helm_release.namespaces", 'kubernetes_secret_v1.gitea_admin["gitea"]', "a Secret needs its namespace"),
        ('kubernetes_secret_v1.gitea_admin["gitea"]', "helm_release.gitea", "Gitea's pod reads its administrator"),
        ("kubernetes_storage_class_v1.gp3", "helm_release.gitea", "Gitea's volume is of that class"),
        ("helm_release.knative_operator", "helm_release.knative", "the operator's kinds are in its chart"),
        ("helm_release.knative", "helm_release.infraforge", "Services, Triggers and sources are Knative's kinds"),
        ("helm_release.gitea", "helm_release.infraforge", "the setup Job asks Gitea for tokens"),
        ("helm_release.argocd", "helm_release.infraforge", "the chart has Roles in ArgoCD's namespace"),
        (
            'kubernetes_secret_v1.gitea_admin["platform-system"]',
            "helm_release.infraforge",
            "the setup Job reads Gitea's administrator",
        ),
        ("helm_release.infraforge", "helm_release.claims", "the claims' kinds are in the chart"),
    ],
)
def test_the_order_is_the_timeline(created: list[str], before: str, after: str, reason: str) -> None:
    """One is complete before the other begins: the seed's timeline."""
    complete = [place for place, name in enumerate(created) if name == before][-1]
    begins = created.index(after)

    assert complete < begins, reason


def test_the_chart_takes_the_values(life: Life) -> None:
    """Every value is one that the chart knows, of the right type, and the images are those of this installation."""
    values = values_of(life, "infraforge")
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    unknown = [f"{key}.{name}" for key, part in values.items() for name in part if name not in defaults.get(key, {})]
    merged = defaults | {key: defaults[key] | part for key, part in values.items()}
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert unknown == []
    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(merged)] == []
    objects = rendered(CHART, values, "platform-system")
    images = {
        container["image"]
        for it in objects
        if it["kind"] == "Service" and it["apiVersion"].startswith("serving.knative.dev")
        for container in it["spec"]["template"]["spec"]["containers"]
    }
    assert images
    assert {image.rpartition("/")[0] for image in images} == {life.outputs["cloud"]["image_repository"]}
    (setup,) = (it for it in objects if it["kind"] == "Job" and it["metadata"]["name"] == "infraforge-setup")
    assert '"secretName": "gitea-admin"' in json.dumps(setup)


def test_the_images_have_a_repository_each(life: Life) -> None:
    """Every image that the chart names can be pushed to the registry that the cloud stack makes."""
    repositories = {it["repositoryUri"] for it in life.facts["repositories"]}
    found = set(
        re.findall(r'"image": "([^"]+):[^":]+"', json.dumps(rendered(CHART, values_of(life, "infraforge"), "x")))
    )

    assert found == repositories


def test_what_gitea_is_told(life: Life) -> None:
    """It calls addresses of the cluster, knows nobody's password but its own, and nobody signs up."""
    values = values_of(life, "gitea")

    assert values["gitea"]["admin"] == {"existingSecret": "gitea-admin", "passwordMode": "keepUpdated"}
    assert values["gitea"]["podAnnotations"] == {"platform.infraforge.io/admin-generation": "1"}  # a new one: a new pod
    assert values["gitea"]["config"]["security"] == {"ALLOWED_HOST_LIST": "private"}
    assert values["gitea"]["config"]["service"]["DISABLE_REGISTRATION"] is True
    url = values["gitea"]["config"]["server"]["ROOT_URL"]
    assert values["gitea"]["config"]["server"]["DOMAIN"] == urlsplit(url).hostname
    assert url.rstrip("/") == yaml.safe_load((CHART / "values.yaml").read_text())["settings"]["giteaUrl"]


def test_gitea_is_told_what_a_developers_is(life: Life) -> None:
    """One set of values with the developer's cluster, but for the volume and the password's renewal."""
    theirs = yaml.safe_load((ROOT / "infrastructure" / "kind" / "gitea-values.yaml").read_text())
    ours = values_of(life, "gitea")

    assert ours["gitea"]["config"] == theirs["gitea"]["config"]
    for part in ("postgresql", "postgresql-ha", "valkey", "valkey-cluster", "strategy"):
        assert ours[part] == theirs[part]


def test_argocd_is_told_what_a_developers_is(life: Life) -> None:
    """The same values, by which an ApplicationSet's own policy counts."""
    theirs = yaml.safe_load((ROOT / "infrastructure" / "kind" / "argocd-values.yaml").read_text())

    assert values_of(life, "argocd") == theirs


@pytest.mark.parametrize("namespace", ["gitea", "platform-system"])
def test_no_password_gets_into_the_state(life: Life, namespace: str) -> None:
    """The Secrets' data is write-only."""
    secret = life.resources("cluster")[f'kubernetes_secret_v1.gitea_admin["{namespace}"]']

    assert (secret["data"], secret["data_wo"], secret["data_wo_revision"]) == (None, None, 1)
    assert secret["metadata"][0] | {"name": "gitea-admin", "namespace": namespace} == secret["metadata"][0]


def test_volumes_are_encrypted_and_kept(life: Life) -> None:
    """Git is on one of them."""
    storage = life.resources("cluster")["kubernetes_storage_class_v1.gp3"]

    assert storage["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert (storage["reclaim_policy"], storage["volume_binding_mode"]) == ("Retain", "WaitForFirstConsumer")


def test_the_namespaces(life: Life) -> None:
    """Pod Security is enforced in each, and an uninstall takes none: claims and Git are in them."""
    objects = rendered(CHARTS / "namespaces", values_of(life, "namespaces"), "kube-system")
    level = "pod-security.kubernetes.io/enforce"

    assert {it["metadata"]["name"]: it["metadata"]["labels"][level] for it in objects} == NAMESPACES
    assert {it["metadata"]["annotations"]["helm.sh/resource-policy"] for it in objects} == {"keep"}
    assert [fault for it in objects for fault in kubernetes.faults(it)] == []


def test_the_claims(life: Life) -> None:
    """The seed's own, every field as it is written, of kinds that functions know; an uninstall leaves them."""
    objects = rendered(CHARTS / "claims", values_of(life, "claims"), "platform-system")

    for claim, path in zip(objects, CLAIMS, strict=True):
        written = yaml.safe_load((ROOT / path).read_text())
        assert claim["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert claim == written
        parse(claim["kind"], claim)
        assert not list(jsonschema.Draft202012Validator(_definition(claim["kind"])).iter_errors(claim))
    assert life.outputs["claims"] == ["bootstrapclaim/platform-bootstrap", "infrastructureclaim/dev-infrastructure"]


def _definition(kind: str) -> Any:
    text = (CHART / "files" / "crds" / f"{kind.lower()}s.yaml").read_text()
    (definition,) = (it for it in yaml.safe_load_all(text) if it)
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def test_knative(life: Life) -> None:
    """Serving without a public address, and Eventing."""
    objects = rendered(CHARTS / "knative", values_of(life, "knative"), "knative-operator")
    by_kind = {it["kind"]: it for it in objects}

    assert {by_kind[kind]["spec"]["version"] for kind in ("KnativeServing", "KnativeEventing")} == {"1.23.0"}
    assert by_kind["KnativeServing"]["spec"]["ingress"]["kourier"] == {"enabled": True, "service-type": "ClusterIP"}
    core = [it for it in objects if not it["apiVersion"].startswith("operator.knative.dev")]
    assert [fault for it in core for fault in kubernetes.faults(it)] == []


@pytest.mark.parametrize(
    ("job", "events", "waits_for"),
    [
        ("knative-ready", "post-install,post-upgrade", "--for=condition=Ready"),
        ("knative-gone", "post-delete", "--for=delete"),
    ],
)
def test_knative_is_waited_for(life: Life, job: str, events: str, waits_for: str) -> None:
    """By a hook for each end of its life, under the restricted profile."""
    objects = rendered(CHARTS / "knative", values_of(life, "knative"), "knative-operator")
    (found,) = (it for it in objects if it["kind"] == "Job" and it["metadata"]["name"] == job)
    pod = found["spec"]["template"]["spec"]

    assert found["metadata"]["annotations"]["helm.sh/hook"] == events
    assert restricted.violations(pod) == []
    assert [container["args"][1] for container in pod["containers"]] == [waits_for] * 2
    assert [container["args"][-1] for container in pod["containers"]] == [
        "knativeserving.operator.knative.dev/knative-serving",
        "knativeeventing.operator.knative.dev/knative-eventing",
    ]


def test_the_jobs_may_only_look(life: Life) -> None:
    """A look at Knative's two objects is all that it is allowed."""
    objects = rendered(CHARTS / "knative", values_of(life, "knative"), "knative-operator")
    rules = {it["metadata"]["namespace"]: it["rules"] for it in objects if it["kind"] == "Role"}

    assert rules == {
        f"knative-{part}": [
            {"apiGroups": ["operator.knative.dev"], "resources": [f"knative{part}s"], "verbs": ["get", "list", "watch"]}
        ]
        for part in ("serving", "eventing")
    }


def test_outputs(life: Life) -> None:
    """What was installed, by version, and how to go on."""
    assert life.outputs["installed"] == {
        "knative-operator": "v1.23.0",
        "gitea": "12.7.0",
        "argocd": "10.9.6",
        "infraforge": "0.1.0",
    }
    assert life.outputs["kubeconfig_command"] == "aws eks update-kubeconfig --region eu-central-1 --name infraforge"
