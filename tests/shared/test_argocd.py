"""What ArgoCD is given: valid by its own schemas, and each application with its own chart once Go has rendered it."""

import copy
import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import SecretStr

from shared.argocd import (
    Chart,
    Layout,
    Manifest,
    Workloads,
    application_set,
    credential,
    destination,
    root_application,
)
from shared.claims.parts import Destination
from shared.environments import Environment
from shared.projects import Fence, infrastructure_project, root_project, workload_project
from tests.shared.argocd_templates import Renderer

SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "schemas" / "argocd"
GITEA = "http://gitea-http.gitea.svc:3000"
LAYOUT = Layout(GITEA, "argocd")
ENVIRONMENT = Environment("nonprod", "dev", "platform", None, "c-1", "p-1")
FOLDER = "environments/nonprod/dev/applications"
IN_CLUSTER = {"server": "https://kubernetes.default.svc"}
CHARTS = {
    "shop": Chart("shop", "c-1"),
    "checkout": Chart("order-service", "c-1"),
    "billing": Chart("order-service", "c-1"),
    "team": Chart("team", "main"),
    "team-web": Chart("web", "main"),
    "vendor": Chart("nginx", "1.2.3", "ghcr.io/acme/charts"),
    "vendor-too": Chart("redis", "0.1.0-rc.1+build", "registry.example.com:5000/charts"),
    "1e3": Chart("0x1f", "c-1"),
}


def workloads(charts: dict[str, Chart]) -> Workloads:
    return Workloads("dev-apps", FOLDER, "dev-", "dev", "charts", charts, "c-1")


@functools.cache
def schema(kind: str) -> dict[str, Any]:
    """ArgoCD's own schema of a kind, closed wherever it names fields: a misspelt one is an error."""
    file = SCHEMAS / f"{kind.lower()}-crd.yaml"
    if not file.exists():
        pytest.skip(f"ArgoCD's own CRDs are not beside this repository ({file.name})")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # these are long
    document = yaml.load(file.read_text(), loader)  # noqa: S506 - both are safe loaders
    found: dict[str, Any] = _closed(document["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    return found


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and "type" in node:
        closed.setdefault("additionalProperties", bool(node.get("x-kubernetes-preserve-unknown-fields")))
    return closed


PROD = Destination(name="prod")
OPEN = Fence(None, ("argocd", "platform-system"), ("ghcr.io/acme",), ("ResourceQuota", "*.rbac.authorization.k8s.io"))
FENCES = [(OPEN, "of all namespaces"), (replace(OPEN, namespaces=frozenset({"shop", "team-a"})), "bound to some")]
MIXED = Workloads(
    "dev-platform",
    FOLDER,
    "dev-platform-",
    "services",
    "platform-charts",
    {},
    "p-1",
    only=("namespaces", "db"),
    without=("old",),
    namespaces={"namespaces": "dev", "db": "services"},
    projects={"namespaces": "infraforge-namespaces-nonprod"},
)
MANIFESTS = [
    (application_set(ENVIRONMENT, workloads({}), LAYOUT), "a set without applications"),
    (application_set(ENVIRONMENT, workloads(CHARTS), LAYOUT), "a set with every kind of chart"),
    (application_set(ENVIRONMENT, workloads(CHARTS), Layout(GITEA, "argocd", "raw")), "raw value files"),
    (application_set(ENVIRONMENT, MIXED, LAYOUT), "a set of some folders, one of them in a project of its own"),
    (root_application("nonprod", "apps", "platform", LAYOUT), "a root application"),
    (root_project("platform", LAYOUT), "the root project"),
    *((workload_project("prod", PROD, "platform", one, LAYOUT), f"a type's project, {why}") for one, why in FENCES),
    *(
        (infrastructure_project("prod", PROD, "platform", one, LAYOUT), f"its namespaces', {why}")
        for one, why in FENCES
    ),
]


@pytest.mark.parametrize(("manifest", "why"), MANIFESTS, ids=[case[1] for case in MANIFESTS])
def test_valid_by_argocds_own_schema(manifest: Manifest, why: str) -> None:
    jsonschema.Draft202012Validator(schema(manifest["kind"])).validate(manifest)


def test_the_schema_would_find_a_misspelt_field() -> None:
    """The test above is worth something."""
    wrong = copy.deepcopy(application_set(ENVIRONMENT, workloads({}), LAYOUT))
    wrong["spec"]["syncPolicy"]["preserveResourceOnDeletion"] = True
    with pytest.raises(jsonschema.ValidationError, match="preserveResourceOnDeletion"):
        jsonschema.Draft202012Validator(schema("ApplicationSet")).validate(wrong)


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    return Renderer(tmp_path_factory.mktemp("argocd"))


@pytest.mark.parametrize("name", [*CHARTS, "unheard-of"])
def test_what_go_makes_of_each_folder(renderer: Renderer, name: str) -> None:
    """Name, release, chart, revision and values of every application, whatever its chart and wherever it is from."""
    application = renderer.application(application_set(ENVIRONMENT, workloads(CHARTS), LAYOUT), f"{FOLDER}/{name}")
    chart = CHARTS.get(name, Chart(name, "c-1"))
    source, values = application["spec"]["sources"]
    assert application["metadata"]["name"] == f"dev-{name}"
    assert source["helm"] == {"releaseName": f"dev-{name}", "valueFiles": [f"$values/{FOLDER}/{name}/values.yaml"]}
    assert values == {"repoURL": f"{GITEA}/platform/voltran.git", "targetRevision": "main", "ref": "values"}
    assert source["targetRevision"] == chart.revision
    if chart.registry is None:
        assert (source["repoURL"], source["path"]) == (f"{GITEA}/platform/charts.git", chart.name)
        assert "chart" not in source
    else:
        assert (source["repoURL"], source["chart"]) == (chart.registry, chart.name)
        assert "path" not in source
    assert "{{" not in json.dumps(application)


@pytest.mark.parametrize("name", ["shop", "vendor"])
def test_raw_value_files(renderer: Renderer, name: str) -> None:
    """The seed's form, a URL in one source; it needs a public repository."""
    manifest = application_set(ENVIRONMENT, workloads(CHARTS), Layout(GITEA, "argocd", "raw"))
    (source,) = renderer.application(manifest, f"{FOLDER}/{name}")["spec"]["sources"]
    assert source["helm"]["valueFiles"] == [f"{GITEA}/platform/voltran/raw/branch/main/{FOLDER}/{name}/values.yaml"]


def test_ordinary_applications_leave_no_trace_in_the_set() -> None:
    """So the set stays the same bytes while they come and go."""
    plain = application_set(ENVIRONMENT, workloads({}), LAYOUT)
    assert plain == application_set(ENVIRONMENT, workloads({"a": Chart("a", "c-1"), "b": Chart("b", "c-1")}), LAYOUT)
    assert "templatePatch" not in plain["spec"]
    assert plain["spec"]["template"]["spec"]["sources"][0]["path"] == "{{ .path.basename }}"


def test_the_order_of_a_claim_does_not_show() -> None:
    backwards = dict(reversed(CHARTS.items()))
    assert application_set(ENVIRONMENT, workloads(CHARTS), LAYOUT) == application_set(
        ENVIRONMENT, workloads(backwards), LAYOUT
    )


def test_a_set_deletes_nothing_by_itself() -> None:
    """Seen to be needed: a set that matches no folder deletes every workload in 0.6 s."""
    manifest = application_set(ENVIRONMENT, workloads(CHARTS), LAYOUT)
    assert manifest["spec"]["syncPolicy"] == {
        "applicationsSync": "create-update",
        "preserveResourcesOnDeletion": True,
    }
    assert manifest["spec"]["goTemplateOptions"] == ["missingkey=error"]
    assert manifest["metadata"]["annotations"] == {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}
    template = manifest["spec"]["template"]
    assert "finalizers" not in template["metadata"]
    assert template["spec"]["syncPolicy"]["syncOptions"] == ["CreateNamespace=true"]


DESTINATIONS = [
    (None, IN_CLUSTER, "ArgoCD's own cluster"),
    (Destination(server="https://1.2.3.4"), {"server": "https://1.2.3.4"}, "by address"),
    (Destination(name="prod"), {"name": "prod"}, "by ArgoCD's name for it, and then by nothing else"),
]


@pytest.mark.parametrize(("target", "expected", "why"), DESTINATIONS, ids=[case[2] for case in DESTINATIONS])
def test_destinations(target: Destination | None, expected: dict[str, str], why: str) -> None:
    assert expected == destination(target), why


def test_folders_that_a_set_is_about_and_those_that_it_leaves(renderer: Renderer) -> None:
    """One with a namespace and a project of its own, and its neighbour as usual."""
    manifest = application_set(ENVIRONMENT, MIXED, LAYOUT)
    assert manifest["spec"]["generators"][0]["git"]["directories"] == [
        {"path": f"{FOLDER}/namespaces"},
        {"path": f"{FOLDER}/db"},
        {"path": f"{FOLDER}/old", "exclude": True},
    ]
    made = [renderer.application(manifest, f"{FOLDER}/{name}")["spec"] for name in ("namespaces", "db")]
    assert [one["project"] for one in made] == ["infraforge-namespaces-nonprod", "nonprod"]
    assert [one["destination"]["namespace"] for one in made] == ["dev", "services"]


def test_a_root_application_is_of_the_root_project_and_reads_its_types_sets() -> None:
    manifest = root_application("nonprod", "platform", "platform", LAYOUT)
    assert manifest["metadata"]["name"] == "nonprod-platform"
    assert manifest["spec"]["project"] == root_project("platform", LAYOUT)["metadata"]["name"]
    assert manifest["spec"]["source"]["path"] == "appsets/nonprod/platform"


@pytest.mark.parametrize(
    ("organization", "name", "why"),
    [
        ("platform", "infraforge-platform-repositories", "a usual one"),
        ("Acme", "infraforge-acme-repositories", "Gitea keeps capitals, an object's name has none"),
        ("acme_shop.eu", "infraforge-acme--shop.eu-repositories", "an object's name has no underscore"),
        ("acme-shop.eu", "infraforge-acme-shop.eu-repositories", "and this is another organization"),
    ],
)
def test_the_credentials_name_is_one_that_kubernetes_takes(organization: str, name: str, why: str) -> None:
    manifest = credential(organization, SecretStr("t0k3n"), LAYOUT)
    assert manifest["metadata"]["name"] == name, why
    assert manifest["stringData"]["url"].endswith(f"/{organization}"), "as Gitea has it"


def test_the_credential_is_for_every_repository_of_the_organization() -> None:
    """`repo-creds` matches by prefix."""
    manifest = credential("platform", SecretStr("t0k3n"), LAYOUT)
    assert manifest["metadata"]["labels"]["argocd.argoproj.io/secret-type"] == "repo-creds"
    assert manifest["stringData"]["password"] == "t0k3n"
    assert LAYOUT.repository("platform", "voltran").startswith(f"{manifest['stringData']['url']}/")
