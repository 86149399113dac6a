"""Who hears of what, and for how long it is tried: Broker, sources and Triggers of the chart."""

import fnmatch
import hashlib
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from shared import events
from shared.claims import KINDS
from tests.knative.rendering import (
    ALL,
    EVERYTHING,
    NAMESPACE,
    OIDC,
    OPTIONS,
    Object,
    environment,
    find,
    knative_service,
    render,
)

CLAIMS = "platform.infraforge.io/v1alpha1"
ARGOCD = "argoproj.io/v1alpha1"
OUTAGE = timedelta(minutes=15)
DURATION = re.compile(r"PT(?:(\d+)M)?(?:([\d.]+)S)?")
LONGEST_WAIT = 30
"""Tries; the chart's schema takes no more."""


def triggers(values: dict[str, Any] | None = None) -> list[Object]:
    return [one for one in render(values or {}) if one["kind"] == "Trigger"]


def matches(trigger: Object, event: dict[str, str]) -> bool:
    """As Knative filters: `filters` counts where it is given, `filter` otherwise; attributes match exactly."""
    spec = trigger["spec"]
    if "filters" in spec:
        return all(_matches(one, event) for one in spec["filters"])
    return all(event.get(name) == value for name, value in spec["filter"]["attributes"].items())


def _matches(expression: dict[str, Any], event: dict[str, str]) -> bool:
    ((dialect, content),) = expression.items()
    match dialect:
        case "any":
            return any(_matches(one, event) for one in content)
        case "exact":
            return all(event.get(name) == value for name, value in content.items())
        case "prefix":
            return all(event.get(name, "").startswith(value) for name, value in content.items())
        case _:
            raise AssertionError(f"the chart uses no {dialect}")


def claim(kind: str, change: str) -> dict[str, str]:
    return {"type": f"dev.knative.apiserver.resource.{change}", "apiversion": CLAIMS, "kind": kind}


def of_argocd(kind: str) -> dict[str, str]:
    return {"type": "dev.knative.apiserver.resource.update", "apiversion": ARGOCD, "kind": kind}


ALL_THREE = {"application", "bootstrap", "platform"}
EVENTS = [
    *((claim("BootstrapClaim", change), {"bootstrap"}, change) for change in ("add", "update", "delete")),
    *((claim("InfrastructureClaim", change), {"bootstrap"}, change) for change in ("add", "update", "delete")),
    *((claim("ApplicationClaim", change), {"application"}, change) for change in ("add", "update", "delete")),
    *((claim("PlatformClaim", change), {"platform"}, change) for change in ("add", "update", "delete")),
    (claim("DeadLetter", "update"), {"deadletters"}, "a replay is asked for by an annotation"),
    (of_argocd("Application"), ALL_THREE, "no filter sees labels"),
    (of_argocd("ApplicationSet"), ALL_THREE, "no filter sees labels"),
    ({"type": "dev.knative.sources.ping"}, ALL_THREE, "the resync"),
    ({"type": "io.infraforge.gitea.push"}, ALL_THREE, "drift"),
    ({"type": "io.infraforge.gitea.delete"}, ALL_THREE, "a branch went"),
    ({"type": "io.infraforge.gitea.repository"}, ALL_THREE, "a repository went"),
    ({"type": "io.infraforge.platform.bootstrapped"}, ALL_THREE, "claims that waited"),
    ({"type": "io.infraforge.platform.services"}, {"application"}, "bindings"),
    ({"type": "io.infraforge.platform.others"}, set(), "nobody's"),
    ({"type": "com.example.thing", "kind": "ApplicationClaim"}, set(), "another's kind of that name"),
    (claim("Widget", "add"), set(), "no claim"),
]


@pytest.mark.parametrize(("event", "functions", "why"), EVENTS, ids=[case[2] for case in EVENTS])
def test_an_event_goes_to_whom_it_concerns_once(event: dict[str, str], functions: set[str], why: str) -> None:
    found = [one["spec"]["subscriber"]["ref"]["name"] for one in triggers() if matches(one, event)]

    assert sorted(found) == sorted(f"infraforge-{function}" for function in functions), why


def test_every_event_that_functions_know_has_a_way() -> None:
    """The types of shared/events.py that are no resource's."""
    own = [type_ for type_ in events.KNOWN if not type_.startswith("dev.knative.apiserver.")]

    assert len(own) >= 5
    assert [type_ for type_ in own if not any(matches(one, {"type": type_}) for one in triggers())] == []


@pytest.mark.parametrize("option", ALL)
def test_retries_outlast_an_outage(option: str) -> None:
    """Knative ignores Retry-After: pauses of its own are all that there is (PROTOCOLS, Retried)."""
    for trigger in triggers(dict(ALL[option])):
        delivery = trigger["spec"]["delivery"]
        first = _seconds(delivery["backoffDelay"])
        pauses = [first * 2**number for number in range(delivery["retry"])]

        assert delivery["backoffPolicy"] == "exponential"
        assert timedelta(seconds=sum(pauses)) >= OUTAGE, trigger["metadata"]["name"]
        assert sum(pauses) == 1023.5
        assert delivery["retry"] <= LONGEST_WAIT


def test_what_is_given_up_is_kept_and_not_twice() -> None:
    """A letter about a letter would go round for ever."""
    sinks = {
        one["metadata"]["name"]: one["spec"]["delivery"].get("deadLetterSink", {}).get("ref", {}).get("name")
        for one in triggers()
    }

    assert sinks.pop("infraforge-deadletter") is None
    assert set(sinks.values()) == {"infraforge-deadletters"}
    assert len(sinks) == len(KINDS) + 2 * len(ALL_THREE)


def test_a_try_ends_before_the_pod_ends_it() -> None:
    """The Trigger's time-out is the shorter one: what Knative Serving cuts off is a 504 that nobody asked for."""
    objects = render()
    for trigger in triggers():
        service = find(objects, "Service", trigger["spec"]["subscriber"]["ref"]["name"])
        served = service["spec"]["template"]["spec"]["timeoutSeconds"]

        assert _seconds(trigger["spec"]["delivery"]["timeout"]) <= served


def test_the_sources_watch_what_there_is() -> None:
    objects = render({"settings": {"argocdNamespace": "gitops"}})
    watched = {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == "ApiServerSource"}

    assert {one["kind"] for one in watched["infraforge-claims"]["resources"]} == set(KINDS)
    assert watched["infraforge-claims"]["namespaceSelector"] == {}, "of all namespaces"
    assert watched["infraforge-argocd"]["namespaceSelector"] == {
        "matchLabels": {"kubernetes.io/metadata.name": "gitops"}
    }
    assert all(
        one["selector"] == {"matchLabels": {"app.kubernetes.io/part-of": "infraforge"}}
        for one in watched["infraforge-argocd"]["resources"]
    )
    assert "namespaceSelector" not in watched["infraforge-deadletters"], "its own namespace alone"
    assert {spec["mode"] for spec in watched.values()} == {"Resource"}
    assert {spec["serviceAccountName"] for spec in watched.values()} == {"infraforge-source"}


def test_knative_guesses_the_plurals_right() -> None:
    """It makes them of the kinds (s→es, y→ies, else +s); a CRD with another one is skipped with a line in a log."""
    for document in render():
        if document["kind"] == "CustomResourceDefinition":
            names = document["spec"]["names"]
            assert names["plural"] == f"{names['kind'].lower()}s"


def test_the_resync_is_a_ping() -> None:
    ping = find(render(), "PingSource", "infraforge-resync")

    assert ping["spec"]["schedule"] == "*/3 * * * *"
    assert json.loads(ping["spec"]["data"]) == {}


@pytest.mark.parametrize("option", ALL)
def test_everything_goes_through_the_one_broker(option: str) -> None:
    objects = render(ALL[option])
    broker = find(objects, "Broker", "infraforge")
    sources = [one for one in objects if one["kind"] in {"ApiServerSource", "PingSource"}]

    assert broker["metadata"]["namespace"] == NAMESPACE
    assert {one["spec"]["broker"] for one in objects if one["kind"] == "Trigger"} == {"infraforge"}
    assert len(sources) == 4
    assert {(one["spec"]["sink"]["ref"]["kind"], one["spec"]["sink"]["ref"]["name"]) for one in sources} == {
        ("Broker", "infraforge")
    }


def test_the_kafka_broker() -> None:
    objects = render(OPTIONS["kafka"])
    broker = find(objects, "Broker", "infraforge")

    assert broker["metadata"]["annotations"]["eventing.knative.dev/broker.class"] == "Kafka"
    assert broker["spec"]["config"] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "kafka-broker-config",
        "namespace": "knative-eventing",
    }
    address = environment(knative_service(objects, "bootstrap"))["INFRAFORGE_BROKER_URL"]
    assert address == "http://kafka-broker-ingress.knative-eventing.svc.cluster.local/platform-system/infraforge"
    for option, order in (("kafka", "unordered"), ("kafka-ordered", "ordered")):
        said = {
            one["metadata"]["annotations"]["kafka.eventing.knative.dev/delivery.order"]
            for one in triggers(dict(OPTIONS[option]))
        }
        assert said == {order}


def test_each_function_takes_tokens_for_itself_from_its_own_triggers() -> None:
    """Sender identity: the audience in the Trigger is the one that the function asks for."""
    objects = render(OIDC)
    for trigger in triggers(dict(OIDC)):
        spec, name = trigger["spec"], trigger["metadata"]["name"]
        subscriber = spec["subscriber"]
        told = environment(find(objects, "Service", subscriber["ref"]["name"]))
        assert subscriber["audience"] == told["INFRAFORGE_SENDER_AUDIENCE"] == subscriber["ref"]["name"]
        senders = [(told, name)]
        if "deadLetterSink" in spec["delivery"]:
            sink = spec["delivery"]["deadLetterSink"]
            keeper = environment(find(objects, "Service", sink["ref"]["name"]))
            assert sink["audience"] == keeper["INFRAFORGE_SENDER_AUDIENCE"]
            senders.append((keeper, name))
        for one, sender in senders:
            patterns = json.loads(one["INFRAFORGE_SENDER_SUBJECTS"])
            subject = f"system:serviceaccount:{NAMESPACE}:{account_of(sender)}"
            assert [pattern for pattern in patterns if fnmatch.fnmatchcase(subject, pattern)], subject


def test_nobody_else_is_taken_for_a_trigger() -> None:
    for function in ("bootstrap", "application", "platform", "deadletters"):
        told = environment(knative_service(render(OIDC), function))
        patterns = json.loads(told["INFRAFORGE_SENDER_SUBJECTS"])
        for account in ("default", "infraforge-application", "infraforge-test", "infraforge-source"):
            subject = f"system:serviceaccount:{NAMESPACE}:{account}"
            assert not [pattern for pattern in patterns if fnmatch.fnmatchcase(subject, pattern)], subject
        elsewhere = [pattern for pattern in patterns if fnmatch.fnmatchcase("system:serviceaccount:dev:x", pattern)]
        assert elsewhere == []


def test_what_a_channel_gave_up_is_taken_from_its_dispatcher() -> None:
    """It sends as the account of the Subscription that Knative makes below a Trigger."""
    told = environment(knative_service(render(OIDC), "deadletters"))
    patterns = json.loads(told["INFRAFORGE_SENDER_SUBJECTS"])
    for trigger in triggers(dict(OIDC)):
        name = trigger["metadata"]["name"]
        subscription = child_name(f"infraforge-{name}-", "0f2d9e6c-8a3b-4d51-9a57-6a1f5b8f9c01")
        account = child_name(subscription, "-oidc-messaging.knative.dev-Subscription").lower()
        subject = f"system:serviceaccount:{NAMESPACE}:{account}"
        taken = any(fnmatch.fnmatchcase(subject, pattern) for pattern in patterns)
        assert taken is ("deadLetterSink" in trigger["spec"]["delivery"]), subject


def account_of(trigger: str) -> str:
    """The account as which a Trigger sends (knative.dev/eventing, pkg/auth)."""
    return child_name(trigger, "-oidc-eventing.knative.dev-Trigger").lower()


def child_name(parent: str, suffix: str) -> str:
    """A name made of two, in at most 63 characters, as Knative makes it (knative.dev/pkg/kmeta, ChildName)."""
    if len(parent) + len(suffix) <= 63:
        return parent + suffix
    assert len(suffix) >= 31, "another form, which no name here takes"
    digest = hashlib.md5((parent + suffix).encode(), usedforsecurity=False).hexdigest()
    name = parent[:31] + digest
    return (name + suffix[: 63 - len(name)]).rstrip("-.")


def test_only_ours_may_send_to_the_broker() -> None:
    policy = find(render(OIDC), "EventPolicy", "infraforge")

    assert policy["spec"] == {
        "to": [{"ref": {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "infraforge"}}],
        "from": [{"sub": f"system:serviceaccount:{NAMESPACE}:infraforge-*"}],
    }
    assert [one for one in render() if one["kind"] == "EventPolicy"] == [], "off by default"


def test_who_sends_to_the_broker_has_a_token_for_it() -> None:
    for function, sends in (("bootstrap", True), ("deadletters", True), ("application", False), ("platform", False)):
        service = knative_service(render(EVERYTHING), function)
        tokens = [
            source["serviceAccountToken"]["audience"]
            for volume in service["spec"]["template"]["spec"]["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
        ]
        assert tokens == (["eventing.knative.dev/broker/platform-system/infraforge"] if sends else [])
        assert ("INFRAFORGE_BROKER_TOKEN_FILE" in environment(service)) is sends


def _seconds(duration: str) -> float:
    found = DURATION.fullmatch(duration)
    assert found, duration
    return 60 * float(found[1] or 0) + float(found[2] or 0)
