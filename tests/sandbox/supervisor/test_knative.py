"""What the broker and the source make of the chart's objects, and of others."""

from typing import Any

import pytest

from sandbox.broker.config import BrokerConfig
from sandbox.source.config import SourcesConfig
from sandbox.supervisor import chart, knative
from sandbox.supervisor.errors import NotUnderstood
from sandbox.supervisor.knative import API_VERSION, Installed
from shared.claims import KINDS

FUNCTIONS = {"bootstrap", "application", "platform"}
OWNERS = dict.fromkeys(KINDS, "bootstrap") | {"ApplicationClaim": "application", "PlatformClaim": "platform"}
CLAIMS = {"apiversion": API_VERSION}
SERVICE = {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "infraforge-a"}}


def address(name: str) -> str:
    return f"http://{name.removeprefix('infraforge-')}.test"


@pytest.fixture(scope="module")
def installed() -> Installed:
    return Installed.of(chart.render({}).objects)


@pytest.fixture(scope="module")
def broker(installed: Installed) -> BrokerConfig:
    return BrokerConfig.model_validate(knative.broker(installed, address))


def receivers(broker: BrokerConfig, **attributes: str) -> set[str]:
    """The functions whose trigger lets an event with these attributes pass."""
    uris = (trigger.subscriber.uri for trigger in broker.triggers if trigger.wants(attributes))
    return {uri.removeprefix("http://").removesuffix(".test/") for uri in uris}


@pytest.mark.parametrize("change", ["add", "update", "delete"])
@pytest.mark.parametrize(("kind", "function"), OWNERS.items())
def test_a_claims_event_goes_to_the_function_of_its_kind(
    broker: BrokerConfig, function: str, kind: str, change: str
) -> None:
    event = CLAIMS | {"type": f"dev.knative.apiserver.resource.{change}", "kind": kind}
    assert receivers(broker, **event) == {function}


@pytest.mark.parametrize(
    ("attributes", "functions", "why"),
    [
        ({"type": "dev.knative.sources.ping"}, FUNCTIONS, "each looks at everything again"),
        ({"type": "io.infraforge.platform.bootstrapped"}, FUNCTIONS, "claims of namespaces wait as the others do"),
        ({"type": "io.infraforge.platform.services"}, {"application"}, "those who bind to them"),
        ({"type": "io.infraforge.gitea.push"}, FUNCTIONS, "each looks for what a stranger touched of its own"),
        ({"type": "io.infraforge.gitea.repository"}, FUNCTIONS, "as above"),
        ({"type": "x", "kind": "Application", "apiversion": "argoproj.io/v1alpha1"}, FUNCTIONS, "only they can tell"),
        ({"type": "x", "kind": "DeadLetter"} | CLAIMS, {"deadletters"}, "to be sent again"),
        ({"type": "dev.knative.apiserver.resource.add", "kind": "Secret", "apiversion": "v1"}, set(), "nobody's"),
    ],
)
def test_who_hears_of_what(broker: BrokerConfig, attributes: dict[str, str], functions: set[str], why: str) -> None:
    assert receivers(broker, **attributes) == functions, why


def test_what_is_given_up_becomes_a_dead_letter_except_a_dead_letter(broker: BrokerConfig) -> None:
    sinks = {
        one.name: (one.delivery.dead_letter_sink.uri if one.delivery and one.delivery.dead_letter_sink else None)
        for one in broker.triggers
    }
    assert sinks.pop("infraforge-deadletter") is None
    assert set(sinks.values()) == {"http://deadletters.test/"}


def test_the_sources_watch_every_kind_of_claim_everywhere_and_what_argocd_is_given(installed: Installed) -> None:
    """What ArgoCD has besides, of other teams, is never told to anybody."""
    parsed = SourcesConfig.model_validate(knative.sources(installed))
    watched = {one.name: one for one in parsed.api_server_sources}
    claims, argocd = watched["infraforge-claims"], watched["infraforge-argocd"]
    assert (claims.namespaces, {one.kind for one in claims.resources}) == ((), set(KINDS))
    assert (argocd.namespaces, [one.kind for one in argocd.resources]) == (
        ("argocd",),
        ["Application", "ApplicationSet"],
    )
    assert {str(one.selector) for one in argocd.resources} == {"app.kubernetes.io/part-of=infraforge"}
    assert watched["infraforge-deadletters"].namespaces == ("platform-system",), "its own"
    assert [ping.every for ping in parsed.ping_sources] == [180]


def test_the_ping_comes_as_often_as_a_person_says(installed: Installed) -> None:
    assert [one["every"] for one in knative.sources(installed, 7)["pingSources"]] == [7]


def made(kind: str, spec: dict[str, Any], *, group: str = "eventing", name: str = "a") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "n"}
    return {"apiVersion": f"{group}.knative.dev/v1", "kind": kind, "metadata": metadata, "spec": spec}


def test_a_path_follows_the_services_address() -> None:
    """Knative resolves a URI beside a reference relative to it."""
    trigger = made("Trigger", {"broker": "b", "subscriber": SERVICE | {"uri": "/hooks"}})
    found = Installed.of([made("Broker", {}, name="b"), trigger])
    assert knative.broker(found, address)["triggers"][0]["subscriber"] == {"uri": "http://a.test/hooks"}


def test_triggers_of_another_broker_are_left_alone() -> None:
    trigger = made("Trigger", {"broker": "other", "subscriber": SERVICE})
    assert knative.broker(Installed.of([made("Broker", {}, name="b"), trigger]), address)["triggers"] == []


def test_without_a_broker_nothing_is_delivered() -> None:
    assert knative.broker(Installed(), address) == {"triggers": []}


@pytest.mark.parametrize(
    ("selector", "namespaces", "why"),
    [
        (None, ["n"], "the source's own"),
        ({}, [], "all"),
        ({"matchLabels": {knative.NAMESPACE: "x"}}, ["x"], "one by name"),
        ({"matchExpressions": [{"key": knative.NAMESPACE, "operator": "In", "values": ["x", "y"]}]}, ["x", "y"], "two"),
    ],
)
def test_the_namespaces_of_a_source(selector: Any, namespaces: list[str], why: str) -> None:
    spec = {"mode": "Resource", "resources": []} | ({} if selector is None else {"namespaceSelector": selector})
    found = Installed.of([made("ApiServerSource", spec, group="sources")])
    assert knative.sources(found)["apiServerSources"][0]["namespaces"] == namespaces, why


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (made("ApiServerSource", {"mode": "Reference", "resources": []}, group="sources"), "only the mode Resource"),
        (
            made(
                "ApiServerSource",
                {"mode": "Resource", "namespaceSelector": {"matchLabels": {"team": "a"}}},
                group="sources",
            ),
            "by the label kubernetes.io/metadata.name",
        ),
        (made("PingSource", {"schedule": "0 4 * * 1"}, group="sources"), 'not "0 4 \\* \\* 1"'),
        (made("Broker", {}, name="b"), "2 Brokers: the sandbox has one"),
        (
            made("Trigger", {"broker": "first", "subscriber": {"ref": {"apiVersion": "v1", "kind": "Service"}}}),
            "the sandbox knows Knative Services and URIs",
        ),
    ],
)
def test_what_is_not_understood_is_named(document: dict[str, Any], message: str) -> None:
    found = Installed.of([made("Broker", {}, name="first"), document])
    with pytest.raises(NotUnderstood, match=message):
        knative.sources(found), knative.broker(found, address)
