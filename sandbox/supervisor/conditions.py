"""The statuses that Knative's controllers would write: what kubectl shows, and what Helm waits for.

Sources: knative.dev/serving pkg/apis/serving/v1/service_lifecycle.go, knative.dev/eventing
pkg/apis/{eventing,sources}/v1/*_lifecycle.go.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.supervisor.knative import Address, name_of, namespace_of, uri_of

Json = Mapping[str, Any]

_READY: Final = {
    "Service": ("ConfigurationsReady", "Ready", "RoutesReady"),
    "Broker": ("Addressable", "FilterReady", "IngressReady", "Ready", "TriggerChannelReady"),
    "Trigger": (
        *("BrokerReady", "DeadLetterSinkResolved", "DependencyReady", "Ready", "SubscriberResolved"),
        *("SubscriptionReady", "OIDCIdentityCreated"),
    ),
    "ApiServerSource": ("Deployed", "Ready", "SinkProvided", "SufficientPermissions"),
    "PingSource": ("Deployed", "Ready", "SinkProvided"),
}


def of_service(service: Json, url: str, *, ready: bool, reason: str = "") -> dict[str, Any]:
    """A Knative Service whose process listens at `url`, or does not yet."""
    revision = f"{name_of(service)}-{service['metadata']['generation']:05d}"
    return {
        "observedGeneration": service["metadata"]["generation"],
        "url": url,
        "address": {"url": url},
        "latestCreatedRevisionName": revision,
        **({"latestReadyRevisionName": revision} if ready else {}),
        "traffic": [{"latestRevision": True, "percent": 100, "revisionName": revision}],
        "conditions": _conditions(service, ready=ready, reason=reason),
    }


def of_broker(broker: Json, url: str) -> dict[str, Any]:
    """The Broker, which its process serves at `url`."""
    own = f"{url}/{namespace_of(broker)}/{name_of(broker)}"
    return _observed(broker) | {"address": {"url": own, "name": "http"}}


def of_trigger(trigger: Json, address: Address) -> dict[str, Any]:
    """A Trigger that the broker has taken over."""
    spec = trigger["spec"]
    sink = (spec.get("delivery") or {}).get("deadLetterSink")
    return _observed(trigger) | {
        "subscriberUri": uri_of(trigger, spec["subscriber"], address),
        **({"deadLetterSinkUri": uri_of(trigger, sink, address)} if sink else {}),
    }


def of_source(source: Json, sink: str) -> dict[str, Any]:
    """A source that sends to `sink`."""
    return _observed(source) | {"sinkUri": sink}


def same(before: Json, after: Json) -> bool:
    """Whether a status already says what is to be said; the moments of transition do not count."""
    return all(_plain(before.get(key)) == _plain(value) for key, value in after.items())


def _observed(document: Json) -> dict[str, Any]:
    return {
        "observedGeneration": document["metadata"]["generation"],
        "conditions": _conditions(document, ready=True, reason=""),
    }


def _conditions(document: Json, *, ready: bool, reason: str) -> list[dict[str, str]]:
    before = {one["type"]: one for one in (document.get("status") or {}).get("conditions") or ()}
    status = "True" if ready else "Unknown"
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return [
        {
            "type": name,
            "status": status,
            "lastTransitionTime": (
                before[name]["lastTransitionTime"] if before.get(name, {}).get("status") == status else now
            ),
            **({} if ready else {"reason": reason or "Deploying"}),
        }
        for name in sorted(_READY[str(document["kind"])])
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [
            {key: one for key, one in each.items() if key != "lastTransitionTime"} if isinstance(each, dict) else each
            for each in value
        ]
    return value
