"""What the application charts render: held against committed files, Kubernetes' schemas and the rules of the library.

After an intended change: `UPDATE_GOLDEN=1 pytest tests/charts/test_applications.py`, and read the difference.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.charts.engine import documents, render, unpack
from tests.charts.examples import APPLICATION_CHARTS, ROOT, Example, examples
from tests.charts.generated import files, main, values_of
from tests.charts.kubernetes import faults
from tests.charts.restricted import violations

GOLDEN = Path(__file__).parent / "golden"
WEB = ["user-service", "order-service", "product-service", "ecommerce-platform", "web-service"]
DIGEST = "sha256:" + "0123456789abcdef" * 4
EVERYTHING = f"""
image: {{tag: v2, digest: "{DIGEST}"}}
imagePullSecrets: [{{name: regcred}}]
command: [/bin/shop]
args: [--port, "8080"]
ingress:
  enabled: true
  host: shop.example.com
  path: /shop
  className: nginx
  tlsSecret: shop-tls
  annotations: {{nginx.ingress.kubernetes.io/proxy-body-size: 8m}}
autoscaling: {{enabled: true, minReplicas: 3, maxReplicas: 9, targetMemoryUtilizationPercentage: 70}}
serviceAccount: {{annotations: {{eks.amazonaws.com/role-arn: "arn:aws:iam::1:role/shop"}}, automountToken: true}}
networkPolicy:
  from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: ingress-nginx}}}}}}]
  internet: false
  egress: [{{to: [{{ipBlock: {{cidr: 10.1.0.0/16}}}}], ports: [{{port: 443, protocol: TCP}}]}}]
bindings:
  postgres:
    host: dev-platform-postgres.platform-services
    port: 5432
    database: shop
    username: shop
    secretName: dev-platform-postgres-auth
    namespace: platform-services
    release: dev-platform-postgres
  event-bus: {{host: bus.example.com, port: 9092}}
env:
  DATABASE_URL: postgres://$(POSTGRES_USERNAME):$(POSTGRES_PASSWORD)@$(POSTGRES_HOST)/$(POSTGRES_DATABASE)
  CACHE: true
  POD: {{valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
envFrom: {{configMaps: [shop], secrets: [shop-keys]}}
existingSecret: shop-old
volumes:
  settings: {{mountPath: /etc/shop, configMap: shop, readOnly: true}}
  certificate: {{mountPath: /etc/tls/tls.crt, secret: shop-tls, subPath: tls.crt}}
  cache: {{mountPath: /cache, emptyDir: 1Gi}}
  data: {{mountPath: /data, persistentVolumeClaim: shop}}
nodeSelector: {{kubernetes.io/arch: amd64}}
tolerations: [{{key: spot, operator: Exists, effect: NoSchedule}}]
podAnnotations: {{prometheus.io/scrape: "true"}}
"""
"""Everything that a team may ask for; each chart is given what it knows of it."""

every_chart = pytest.mark.parametrize("chart", APPLICATION_CHARTS, ids=lambda chart: chart.name)
every_deployment = pytest.mark.parametrize("chart", [*WEB, "worker"])


def everything(chart: Path) -> str:
    """`EVERYTHING`, less what `chart` does not know."""
    known = {value.path for value in values_of(chart)}
    names = {path[0] for path in known}
    values = {name: value for name, value in yaml.safe_load(EVERYTHING).items() if name in names}
    if ("networkPolicy", "from") not in known:
        del values["networkPolicy"]["from"]
    return yaml.safe_dump(values)


def text(chart: Path, values: str = "{}") -> str:
    """The whole rendering, as `helm template` prints it."""
    rendered = render(chart, values.encode(), release="dev-shop", namespace="dev")
    return "".join(
        f"---\n# Source: {path}\n{manifest.strip()}\n" for path, manifest in rendered.items() if manifest.strip()
    )


def objects(chart: str, values: str = "{}") -> dict[str, dict[str, Any]]:
    """Kind → object of a rendering, which has one of each."""
    found = documents(text(ROOT / "charts" / chart, values))
    assert len({document["kind"] for document in found}) == len(found)
    return {document["kind"]: document for document in found}


def pod(chart: str, values: str = "{}") -> dict[str, Any]:
    """The pod specification of a rendering."""
    found = objects(chart, values)
    template = (found["CronJob"]["spec"]["jobTemplate"] if "CronJob" in found else found["Deployment"])["spec"][
        "template"
    ]
    specification: dict[str, Any] = template["spec"]
    return specification


@every_chart
@pytest.mark.parametrize("case", ["defaults", "everything"])
def test_a_rendering_is_as_committed_twice_and_valid(chart: Path, case: str) -> None:
    values = everything(chart) if case == "everything" else "{}"
    rendered = text(chart, values)
    golden = GOLDEN / f"{chart.name}-{case}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(rendered)

    assert rendered == golden.read_text()
    assert rendered == text(chart, values)
    for document in documents(rendered):
        assert faults(document) == []
    assert violations(pod(chart.name, values)) == []


@every_chart
def test_lint_is_strict_with_everything(chart: Path, tmp_path: Path) -> None:
    report = helm_python.lint(unpack(chart, tmp_path), helm_python.values_from_yaml(everything(chart)), strict=True)

    assert not report["errors"]


@pytest.mark.parametrize(
    ("chart", "values", "kinds"),
    [
        *((chart, "{}", "Deployment NetworkPolicy PodDisruptionBudget Service ServiceAccount") for chart in WEB),
        ("worker", "{}", "Deployment NetworkPolicy PodDisruptionBudget ServiceAccount"),
        ("cron-job", "{}", "CronJob NetworkPolicy ServiceAccount"),
        (
            "web-service",
            "{ingress: {enabled: true, host: a.example.com}, autoscaling: {enabled: true}}",
            "Deployment HorizontalPodAutoscaler Ingress NetworkPolicy PodDisruptionBudget Service ServiceAccount",
        ),
        (
            "web-service",
            "{networkPolicy: {enabled: false}, podDisruptionBudget: {enabled: false}, serviceAccount: {create: false}}",
            "Deployment Service",
        ),
    ],
)
def test_these_objects_and_no_others(chart: str, values: str, kinds: str) -> None:
    found = objects(chart, values)

    assert kinds.split() == sorted(found)
    assert {"dev-shop"} == {document["metadata"]["name"] for document in found.values()}


@pytest.mark.parametrize("chart", WEB)
def test_an_upgrade_from_the_first_version_changes_no_name_and_no_selector(chart: str) -> None:
    """A Deployment's selector is immutable: another one could not be applied where 0.1.0 is deployed."""
    selector = {"app.kubernetes.io/name": chart, "app.kubernetes.io/instance": "dev-shop"}
    found = objects(chart)

    assert found["Deployment"]["spec"]["selector"] == {"matchLabels": selector}
    assert found["Deployment"]["spec"]["template"]["metadata"] == {"labels": selector}
    assert found["Service"]["spec"] == {
        "selector": selector,
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    }
    assert [container["name"] for container in pod(chart)["containers"]] == ["app"]


@pytest.mark.parametrize(
    "example",
    [example for example in examples() if example.chart in APPLICATION_CHARTS],
    ids=lambda example: example.release,
)
def test_the_seeds_replicas_and_host_work_as_written(example: Example) -> None:
    values = yaml.safe_load(example.values)
    found = documents(*render(example.chart, example.values, release=example.release, namespace="dev").values())
    hosts = [document["spec"]["rules"][0]["host"] for document in found if document["kind"] == "Ingress"]
    replicas = [document["spec"]["replicas"] for document in found if document["kind"] == "Deployment"]

    assert replicas == [values["replicas"]]
    assert hosts == ([values["ingress"]["host"]] if "ingress" in values else [])


@every_deployment
def test_the_autoscalers_number_is_not_in_git(chart: str) -> None:
    """Or every sync would take it back."""
    found = objects(chart, "{replicas: 4, autoscaling: {enabled: true}}")

    assert "replicas" not in found["Deployment"]["spec"]
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "dev-shop"
    assert objects(chart, "replicas: 4")["Deployment"]["spec"]["replicas"] == 4


@every_deployment
def test_a_node_can_always_be_drained(chart: str) -> None:
    """Also with one pod: a budget of `minAvailable: 1` would hold the node for ever."""
    assert objects(chart)["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    assert objects(chart, "podDisruptionBudget: {maxUnavailable: 50%}")["PodDisruptionBudget"]["spec"][
        "maxUnavailable"
    ] == ("50%")


BINDING = "bindings: {my-db: {host: db.services, port: 5432, username: u, secretName: db-auth, secretKey: secret"


@every_chart
def test_a_binding_is_variables_and_a_way_out(chart: Path) -> None:
    values = f"{BINDING}, namespace: services, release: dev-platform-my-db}}}}"
    (container,) = pod(chart.name, values)["containers"]
    egress = objects(chart.name, values)["NetworkPolicy"]["spec"]["egress"]

    assert container["env"] == [
        {"name": "MY_DB_HOST", "value": "db.services"},
        {"name": "MY_DB_PORT", "value": "5432"},
        {"name": "MY_DB_USERNAME", "value": "u"},
        {"name": "MY_DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db-auth", "key": "secret"}}},
    ]
    assert {
        "ports": [{"protocol": "TCP", "port": 5432}],
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "services"}},
                "podSelector": {"matchLabels": {"app.kubernetes.io/instance": "dev-platform-my-db"}},
            }
        ],
    } in egress


def test_a_binding_outside_the_cluster_opens_its_port_only() -> None:
    egress = objects("worker", f"{BINDING}}}}}")["NetworkPolicy"]["spec"]["egress"]

    assert {"ports": [{"protocol": "TCP", "port": 5432}]} in egress


def test_a_variable_of_the_teams_own_replaces_the_bindings() -> None:
    """Two variables of one name are one that nobody can predict."""
    (container,) = pod("worker", f"env: {{MY_DB_HOST: other, MY_DB_PASSWORD: x}}\n{BINDING}}}}}")["containers"]
    names = [variable["name"] for variable in container["env"]]

    assert names == ["MY_DB_PORT", "MY_DB_USERNAME", "MY_DB_HOST", "MY_DB_PASSWORD"]
    assert {"name": "MY_DB_HOST", "value": "other"} in container["env"]


def test_the_network_is_closed_but_for_what_is_named() -> None:
    """Private ranges and the cloud's metadata server are no public addresses, and a worker is reached by nobody."""
    web = objects("web-service")["NetworkPolicy"]["spec"]
    worker = objects("worker", "networkPolicy: {internet: false}")["NetworkPolicy"]["spec"]
    blocks = [peer["ipBlock"] for rule in web["egress"] for peer in rule.get("to", []) if "ipBlock" in peer]

    assert web["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8080}]}]
    assert "169.254.0.0/16" in blocks[0]["except"]
    assert worker["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in worker
    assert worker["egress"] == [
        {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
        {"to": [{"podSelector": {}}]},
    ]


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_null_turns_a_probe_off(probe: str) -> None:
    (container,) = pod("web-service", f"{probe}: null")["containers"]

    assert probe not in container
    assert len({"startupProbe", "readinessProbe", "livenessProbe"} & container.keys()) == 2


@pytest.mark.parametrize(
    ("values", "account"),
    [
        ("{}", "dev-shop"),
        ("serviceAccount: {name: shop}", "shop"),
        ("serviceAccount: {create: false, name: shop}", "shop"),
        ("serviceAccount: {create: false}", None),
    ],
)
def test_pods_run_as_the_account_that_is_named(values: str, account: str | None) -> None:
    found = objects("worker", values)

    assert pod("worker", values).get("serviceAccountName") == account
    assert ("ServiceAccount" in found) == ("create: false" not in values)
    assert pod("worker", values)["automountServiceAccountToken"] is False


def test_long_schedules_do_not_share_a_name() -> None:
    """A CronJob's name has 52 characters, a release's 53."""
    names = set()
    for last in "ab":
        release = "dev-" + "x" * 48 + last
        rendered = render(ROOT / "charts" / "cron-job", b"{}", release=release, namespace="dev")
        names.add(yaml.safe_load(rendered["cron-job/templates/cronjob.yaml"])["metadata"]["name"])

    assert len(names) == 2
    assert {52} == {len(name) for name in names}


@every_chart
def test_templates_only_call_the_library(chart: Path) -> None:
    """No template is copied between charts: what stands in one is one line that names an object of the library."""
    templates = sorted((chart / "templates").iterdir())

    assert templates
    for template in templates:
        assert re.fullmatch(r'\{\{ include "library\.[a-z-]+" \. \}\}\n', template.read_text())


@every_chart
def test_generated_files_are_not_stale(chart: Path) -> None:
    """Else: `python -m tests.charts.generated --write`."""
    wanted = files(chart)

    assert {path: path.read_text() for path in wanted} == wanted


def test_the_generator_says_what_is_stale_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    charts = tmp_path / "charts"
    shutil.copytree(ROOT / "charts", charts)
    assert main(["--check"], charts) == 0
    values = charts / "worker" / "values.yaml"
    values.write_text(values.read_text().replace("replicas: 1", "replicas: 3"))

    assert main(["--check"], charts) == 1
    assert capsys.readouterr().out == "stale: charts/worker/README.md\n"
    assert main(["--write"], charts) == 0
    assert "| `replicas` | `3` |" in (charts / "worker" / "README.md").read_text()
    assert main(["--check"], charts) == 0


@every_chart
def test_every_value_is_explained(chart: Path) -> None:
    assert [value.path for value in values_of(chart) if not value.description] == []


@pytest.mark.parametrize("chart", WEB)
def test_the_shops_values_differ_by_their_image_only(chart: str) -> None:
    """What is said in one chart of a web service is said in all."""
    own, generic = ((ROOT / "charts" / name / "values.yaml").read_text() for name in (chart, "web-service"))

    assert own.replace(f"ghcr.io/infraforge/{chart}", "ghcr.io/infraforge/web-service", 1) == generic
