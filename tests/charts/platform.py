"""The platform's charts as their tests use them: releases, their objects, and the values of the golden files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.charts.engine import documents, render

Manifest = dict[str, Any]

ROOT: Final = Path(__file__).parents[2] / "platform-charts"
GOLDEN: Final = Path(__file__).parent / "golden" / "platform"
SERVICES: Final = ("kafka", "postgres", "rabbitmq", "redis")
NAMESPACES: Final = "namespaces"
CHARTS: Final = (*SERVICES, NAMESPACES)
NAMESPACE: Final = "platform-services"


@dataclass(frozen=True)
class Case:
    """One golden rendering: the file's name, the chart, and the values, as YAML."""

    name: str
    chart: str
    values: str


ALL: Final = """\
imagePullSecrets: [{name: registry}]
priorityClassName: important
nodeSelector: {disk: ssd}
tolerations: [{key: dedicated, operator: Exists, effect: NoSchedule}]
affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}
podDisruptionBudget: {maxUnavailable: 0}
networkPolicy:
  clients: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: dev}}}]
  scrapers: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{protocol: TCP, port: 443}]}]
metrics: {enabled: true}
"""
"""Every switch that all services have, turned."""

BACKUP: Final = "backup: {enabled: true, schedule: '*/30 2-4 * * 1-5', keep: 3, persistence: {size: 20Gi}}\n"

CASES: Final = (
    Case("kafka", "kafka", ""),
    Case("kafka-all", "kafka", ALL + "replicaCount: 3\nconfiguration: {log.retention.hours: 24, a-b_c: 1e6}\n"),
    Case("postgres", "postgres", ""),
    Case(
        "postgres-seed",
        "postgres",
        "primary: {persistence: {size: 10Gi, storageClass: gp3}}\nauth: {database: ecommerce, username: admin}\n",
    ),
    Case(
        "postgres-all",
        "postgres",
        ALL
        + BACKUP
        + "auth: {existingSecret: vault}\nprimary: {configuration: {max_connections: 200, work_mem: 8MB}}\n",
    ),
    Case("rabbitmq", "rabbitmq", ""),
    Case("rabbitmq-seed", "rabbitmq", "replicaCount: 1\npersistence: {size: 8Gi}\n"),
    Case("rabbitmq-all", "rabbitmq", ALL + "replicaCount: 3\nconfiguration: {consumer_timeout: 3600000}\n"),
    Case("redis", "redis", ""),
    Case("redis-all", "redis", ALL + BACKUP + "configuration: {maxmemory: 1gb, save: 60 100}\n"),
    Case("namespaces", "namespaces", "namespaces: [{name: dev}]\n"),
    Case(
        "namespaces-all",
        "namespaces",
        """\
namespaces:
  - name: shop
    labels: {team: checkout, pod-security.kubernetes.io/enforce: baseline}
    annotations: {example.com/owner: "ada: 1e3"}
    quota: {requests.cpu: "4", requests.memory: 8Gi, pods: 50, count/deployments.apps: 20}
    limits:
      default: {cpu: 500m, memory: 256Mi}
      defaultRequest: {cpu: 0.1, memory: 128Mi}
      max: {memory: 2Gi}
    networkPolicy: {from: [ingress-nginx], to: [platform-services]}
    access:
      - {role: view, kind: Group, name: developers}
      - {role: view, kind: User, name: ada@example.com}
      - {role: admin, kind: ServiceAccount, name: ci, namespace: build}
  - name: open
    networkPolicy: {enabled: false}
""",
    ),
)


def release_of(chart: str) -> str:
    """The release that a service or the namespaces of the environment `dev` have."""
    return f"dev-platform-{chart}"


def objects(chart: str, values: str = "", release: str | None = None) -> list[Manifest]:
    """The objects of `chart` with `values`, as the bootstrap function pushes it. Raises Helm's errors."""
    rendered = render(ROOT / chart, values.encode(), release=release or release_of(chart), namespace=NAMESPACE)
    return documents(*rendered.values())


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Those of the objects that are of `kind`."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def stateful_set(chart: str, values: str = "") -> Manifest:
    """The one StatefulSet of the chart of a service."""
    (found,) = of_kind(objects(chart, values), "StatefulSet")
    return found


def pod_specs(manifests: list[Manifest]) -> Iterator[Manifest]:
    """The pod specification of each workload, of a CronJob too."""
    for manifest in manifests:
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield spec["template"]["spec"]


def containers(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Every container of the workloads, those that prepare the others too."""
    for pod in pod_specs(manifests):
        yield from pod.get("initContainers", [])
        yield from pod["containers"]
