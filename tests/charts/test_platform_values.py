"""What the values of the platform's charts do, and how bad ones are refused: by path, in Helm's words."""

from typing import Any

import helm_python
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.canonical import yaml_bytes
from tests.charts import platform
from tests.charts.platform import GOLDEN, NAMESPACES, SERVICES
from tests.charts.test_hostile_values import filled, strings, texts

VOLUME = "spec.volumeClaimTemplates.0.spec"
CONTAINER = "spec.template.spec.containers.0"
BAD: list[dict[str, str]] = [
    case | {"chart": chart}
    for case in yaml.safe_load((GOLDEN / "bad-values.yaml").read_text())
    for chart in (case["chart"], *case.get("also", []))
]


@pytest.mark.parametrize(
    ("chart", "values", "path", "expected"),
    [
        ("postgres", "primary: {persistence: {size: 10Gi}}", f"{VOLUME}.resources.requests.storage", "10Gi"),
        ("postgres", "primary: {persistence: {storageClass: gp3}}", f"{VOLUME}.storageClassName", "gp3"),
        ("postgres", "auth: {database: ecommerce}", f"{CONTAINER}.env.0.value", "ecommerce"),
        ("postgres", "auth: {username: admin}", f"{CONTAINER}.env.1.value", "admin"),
        ("rabbitmq", "replicaCount: 3", "spec.replicas", 3),
        ("rabbitmq", "persistence: {size: 20Gi}", f"{VOLUME}.resources.requests.storage", "20Gi"),
        ("redis", "persistence: {size: 2Gi}", f"{VOLUME}.resources.requests.storage", "2Gi"),
        ("kafka", "replicaCount: 3", "spec.replicas", 3),
        ("kafka", "persistence: {size: 2Gi, storageClass: gp3}", f"{VOLUME}.storageClassName", "gp3"),
        (
            "postgres",
            "primary: {configuration: {max_connections: 1000000}}",
            f"{CONTAINER}.args.1",
            "max_connections=1000000",
        ),
        ("redis", "startupSeconds: 60", f"{CONTAINER}.startupProbe.failureThreshold", 30),
        ("postgres", "primary: {resources: {limits: {memory: 4Gi}}}", f"{CONTAINER}.resources.limits.memory", "4Gi"),
    ],
)
def test_a_value_arrives(chart: str, values: str, path: str, expected: object) -> None:
    """The seed's first, as written there."""
    found: Any = platform.stateful_set(chart, values)
    for step in path.split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]

    assert expected == found


@pytest.mark.parametrize("nodes", [1, 3, 5])
def test_kafkas_voters_are_its_pods(nodes: int) -> None:
    """Each by the name that the headless Service gives it; and internal topics are on as many nodes as there are."""
    found = platform.stateful_set("kafka", f"replicaCount: {nodes}")["spec"]["template"]["spec"]["containers"][0]["env"]
    environment = {variable["name"]: variable.get("value") for variable in found}

    voters = environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
    host = "dev-platform-kafka-{0}.dev-platform-kafka-headless.platform-services.svc:9093"
    assert [f"{number}@{host.format(number)}" for number in range(nodes)] == voters
    assert environment["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == str(min(nodes, 3))


def test_every_listener_of_kafka_wants_the_password() -> None:
    """A reference to it comes before those that quote it, or Kubernetes leaves their `$(…)` as it is."""
    found = platform.stateful_set("kafka")["spec"]["template"]["spec"]["containers"][0]["env"]
    environment = {variable["name"]: variable.get("value") for variable in found}

    protocols = dict(pair.split(":") for pair in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    listeners = [listener.split(":")[0] for listener in environment["KAFKA_LISTENERS"].split(",")]
    assert set(protocols.values()) == {"SASL_PLAINTEXT"}
    assert sorted(protocols) == sorted(listeners)
    for listener in listeners:
        assert 'password="$(SASL_PASSWORD)"' in environment[f"KAFKA_LISTENER_NAME_{listener}_PLAIN_SASL_JAAS_CONFIG"]
    assert found[0]["name"] == "SASL_PASSWORD"


@pytest.mark.parametrize("case", BAD, ids=[f"{case['chart']}-{number}" for number, case in enumerate(BAD)])
def test_bad_values_are_refused(case: dict[str, str]) -> None:
    """One line of Helm's message names the value; the table says what the refusal prevents."""
    with pytest.raises(helm_python.HelmError) as refusal:
        platform.objects(case["chart"], case["values"])

    lines = [line.strip().removeprefix("- ") for line in str(refusal.value).splitlines()]
    assert case["message"] in lines, case["why"]


EVERYWHERE: dict[str, Any] = {
    "image": {"repository": "TEXT", "tag": "TEXT"},
    "imagePullSecrets": [{"name": "TEXT"}],
    "networkPolicy": {"clients": [{"podSelector": {"matchLabels": {"app": "TEXT"}}}]},
    "nodeSelector": {"disk": "TEXT"},
    "tolerations": [{"key": "TEXT", "operator": "Exists"}],
    "priorityClassName": "TEXT",
    "auth": {"existingSecret": "TEXT"},
}
OF_ONE: dict[str, list[dict[str, Any]]] = {
    "postgres": [
        {"auth": {"database": "TEXT"}},
        {"auth": {"username": "TEXT"}},
        {"auth": {"username": "TEXT"}, "backup": {"enabled": True}, "metrics": {"enabled": True}},
        {"primary": {"configuration": {"work_mem": "TEXT"}}},
        {"primary": {"persistence": {"storageClass": "TEXT"}}},
        {"backup": {"enabled": True, "schedule": "TEXT"}},
    ],
    "redis": [{"configuration": {"maxmemory": "TEXT"}}, {"configuration": {"TEXT": "yes"}}],
    "rabbitmq": [{"auth": {"username": "TEXT"}}, {"configuration": {"heartbeat": "TEXT"}}],
    "kafka": [{"auth": {"username": "TEXT"}}, {"heap": "TEXT"}, {"configuration": {"log.retention.hours": "TEXT"}}],
}


@pytest.mark.parametrize("service", SERVICES)
@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_any_string_is_refused_or_comes_through(service: str, data: st.DataObject) -> None:
    """In one place at a time: what the schema lets pass is one string of one manifest, and splits nothing."""
    template = data.draw(st.sampled_from([*({name: value} for name, value in EVERYWHERE.items()), *OF_ONE[service]]))
    text = data.draw(texts | st.sampled_from(["w0rd", "a.b-c"]))
    try:
        hostile = _strings(service, filled(template, text))
    except helm_python.HelmValuesError:
        return
    harmless = _strings(
        service,
        filled(
            template,
            "0 0 * * *" if "schedule" in template.get("backup", {}) else "-Xmx1g" if "heap" in template else "w0rd",
        ),
    )

    assert len(harmless) == len(hostile)
    assert any(text in string or repr(text)[1:-1] in string for string in hostile)


IN_NAMESPACES: list[dict[str, Any]] = [
    {"annotations": {"example.com/note": "TEXT"}},
    {"labels": {"team": "TEXT"}},
    {"labels": {"TEXT": "shop"}},
    {"quota": {"pods": "TEXT"}},
    {"limits": {"max": {"memory": "TEXT"}}},
    {"networkPolicy": {"from": ["TEXT"]}},
    {"access": [{"role": "view", "kind": "Group", "name": "TEXT"}]},
]


@given(template=st.sampled_from(IN_NAMESPACES), text=texts | st.sampled_from(["w0rd", "8", "1Gi"]))
@settings(deadline=None, max_examples=60)
def test_any_string_of_a_namespace_is_refused_or_comes_through(template: dict[str, Any], text: str) -> None:
    """Annotations take any, and names of people almost any; nothing opens a second object or another's rule."""
    harmless = _strings(NAMESPACES, {"namespaces": [{"name": "shop", **filled(template, "8")}]})
    try:
        hostile = _strings(NAMESPACES, {"namespaces": [{"name": "shop", **filled(template, text)}]})
    except helm_python.HelmValuesError:
        assert "annotations" not in template
        return

    assert len(harmless) == len(hostile)
    assert text in hostile


def _strings(service: str, values: dict[str, Any]) -> list[str]:
    return strings(platform.objects(service, yaml_bytes(values, sort_keys=True).decode()))


def test_a_bad_namespace_holds_back_its_good_neighbour() -> None:
    """Helm knows no half of a rendering."""
    with pytest.raises(helm_python.HelmError):
        platform.objects(NAMESPACES, "namespaces: [{name: good}, {name: kube-system}]")
