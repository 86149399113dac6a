"""What the options that are off by default bring: a public webhook, metrics, network policies."""

import json
from typing import Any

import pytest

from tests.knative.rendering import (
    NETWORK,
    OPTIONS,
    Object,
    environment,
    find,
    knative_service,
    merged,
    render,
)

FUNCTIONS = ("bootstrap", "application", "platform", "deadletters")


def test_the_public_way_leads_to_one_path() -> None:
    objects = render(OPTIONS["public-webhook"])
    ingress = find(objects, "Ingress", "infraforge-webhook")
    ((rule,),) = [ingress["spec"]["rules"]]
    (path,) = rule["http"]["paths"]

    assert (path["path"], path["pathType"]) == ("/webhooks/gitea", "Exact")
    service = find(objects, "Service", path["backend"]["service"]["name"])
    assert service["spec"]["selector"] == {"serving.knative.dev/service": "infraforge-bootstrap"}
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": 8012}], "the queue-proxy"
    told = environment(knative_service(objects, "bootstrap"))
    assert told["INFRAFORGE_WEBHOOK_URL"] == "https://hooks.example.com"
    plain = environment(knative_service(render(OPTIONS["public-webhook-plain"]), "bootstrap"))
    assert plain["INFRAFORGE_WEBHOOK_URL"] == "http://hooks.example.com"
    inside = environment(knative_service(render(), "bootstrap"))
    assert inside["INFRAFORGE_WEBHOOK_URL"] == "http://infraforge-bootstrap.platform-system.svc.cluster.local"
    assert [one for one in render() if one["kind"] == "Ingress"] == [], "off by default"


def test_metrics_are_scraped_of_each_pod() -> None:
    objects = render(OPTIONS["metrics"])
    monitor = find(objects, "ServiceMonitor", "infraforge")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    chosen = [
        one
        for one in objects
        if one["apiVersion"] == "v1" and one["kind"] == "Service" and wanted <= one["metadata"]["labels"].items()
    ]

    assert {one["spec"]["selector"]["serving.knative.dev/service"] for one in chosen} == {
        f"infraforge-{name}" for name in FUNCTIONS
    }
    assert {one["spec"]["clusterIP"] for one in chosen} == {"None"}
    (endpoint,) = monitor["spec"]["endpoints"]
    assert {port["name"] for one in chosen for port in one["spec"]["ports"]} == {endpoint["port"]}
    assert {port["targetPort"] for one in chosen for port in one["spec"]["ports"]} == {8080}, "not the queue-proxy"
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert [one for one in render() if one["kind"] == "ServiceMonitor"] == [], "off by default"


REACHES: dict[str, set[str]] = {
    "bootstrap": {"dns", "api", "gitea", "broker", "traces"},
    "application": {"dns", "api", "gitea", "registries", "traces"},
    "platform": {"dns", "api", "gitea", "traces"},
    "deadletters": {"dns", "api", "broker", "traces"},
    "test": {"dns", "api"},
    "setup": {"dns", "api", "gitea"},
}


@pytest.mark.parametrize("name", REACHES)
def test_a_pod_reaches_only_what_it_needs(name: str) -> None:
    policy = find(render(NETWORK), "NetworkPolicy", f"infraforge-{name}")
    spec = policy["spec"]

    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert {_what(rule) for rule in spec["egress"]} == REACHES[name]
    called = [sorted(port["port"] for port in rule["ports"]) for rule in spec.get("ingress", [])]
    assert called == ([] if name in {"test", "setup"} else [[8012, 8112, 9090, 9091], [8080]])


@pytest.mark.parametrize("name", REACHES)
def test_names_are_resolved_where_the_cluster_does(name: str) -> None:
    """On OpenShift not in kube-system and not at port 53; and a cache on each node is in no namespace at all."""
    elsewhere = {"dnsNamespace": "openshift-dns", "dnsPort": 5353, "dnsCidrs": ["169.254.20.10/32"]}
    policy = find(render(merged(NETWORK, {"networkPolicy": elsewhere})), "NetworkPolicy", f"infraforge-{name}")

    (rule,) = (one for one in policy["spec"]["egress"] if "openshift-dns" in json.dumps(one))
    assert rule["to"][1:] == [{"ipBlock": {"cidr": "169.254.20.10/32"}}]
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {(5353, "UDP"), (5353, "TCP")}


@pytest.mark.parametrize("name", REACHES)
def test_a_policy_selects_its_pods(name: str) -> None:
    """By labels that its pods have, and no others."""
    objects = render(NETWORK)
    wanted = find(objects, "NetworkPolicy", f"infraforge-{name}")["spec"]["podSelector"]["matchLabels"].items()

    assert {pod for pod, labels in _pods(objects) if wanted <= labels.items()} == {f"infraforge-{name}"}


def test_the_webhooks_way_is_open_when_it_is_public() -> None:
    values = merged(NETWORK, OPTIONS["public-webhook"])
    for name, opened in (("bootstrap", True), ("application", False)):
        rules = find(render(values), "NetworkPolicy", f"infraforge-{name}")["spec"]["ingress"]
        assert ("ingress-nginx" in json.dumps(rules)) is opened


def _what(rule: dict[str, Any]) -> str:
    """What an egress rule is for."""
    ports = {port["port"] for port in rule["ports"]}
    where = json.dumps(rule.get("to", []))
    for name, port, text in (
        ("dns", 53, "kube-system"),
        ("gitea", 3000, '"gitea"'),
        ("broker", 8080, "knative-eventing"),
        ("traces", 4318, "observability"),
        ("api", 443, "10.0.0.1/32"),
        ("registries", 443, "0.0.0.0/0"),
    ):
        if port in ports and text in where:
            return name
    return f"unexpected: {rule}"


def _pods(objects: list[Object]) -> list[tuple[str, dict[str, str]]]:
    found = []
    for one in objects:
        if one["kind"] == "Pod":
            found.append((one["metadata"]["name"], one["metadata"]["labels"]))
        elif one["kind"] == "Job" or one["apiVersion"].startswith("serving."):
            found.append((one["metadata"]["name"], one["spec"]["template"]["metadata"]["labels"]))
    return found
