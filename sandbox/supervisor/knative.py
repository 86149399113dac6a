"""From the Knative objects of an installation to what the sandbox's broker and source are told.

The objects are those of the chart `knative/`, as the API server holds them (or as they were rendered): Broker, Trigger
(eventing.knative.dev/v1), ApiServerSource, PingSource (sources.knative.dev/v1). What Knative would understand and the
stand-ins do not is refused by name.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sandbox.supervisor.errors import NotUnderstood

Json = Mapping[str, Any]
Address = Callable[[str], str]
"""Of a Knative Service, by its name."""

SERVICES: Final = ("bootstrap", "application", "platform", "deadletters")
"""What the chart installs as Knative Services, `infraforge-<name>` each."""
API_VERSION: Final = "platform.infraforge.io/v1alpha1"
PING: Final = "dev.knative.sources.ping"
NAMESPACE: Final = "kubernetes.io/metadata.name"
"""The label by which a namespace is selected by its name."""

_DELIVERY: Final = ("retry", "backoffPolicy", "backoffDelay", "timeout")
_EVERY: Final = re.compile(r"(?:\*|\*/(?P<minutes>[1-9]|[1-5]\d)) \* \* \* \*")
_MINUTE: Final = 60


@dataclass(frozen=True)
class Installed:
    """The Knative objects of one installation, each kind in the order of its names."""

    services: tuple[Json, ...] = ()
    brokers: tuple[Json, ...] = ()
    triggers: tuple[Json, ...] = ()
    api_server_sources: tuple[Json, ...] = ()
    ping_sources: tuple[Json, ...] = ()

    @classmethod
    def of(cls, objects: Iterable[Json]) -> "Installed":
        """Those among `objects`."""
        found = sorted(objects, key=name_of)

        def kind(group: str, kind: str) -> tuple[Json, ...]:
            return tuple(one for one in found if one["kind"] == kind and one["apiVersion"].startswith(f"{group}/"))

        return cls(
            kind("serving.knative.dev", "Service"),
            kind("eventing.knative.dev", "Broker"),
            kind("eventing.knative.dev", "Trigger"),
            kind("sources.knative.dev", "ApiServerSource"),
            kind("sources.knative.dev", "PingSource"),
        )

    @property
    def complete(self) -> bool:
        """Whether there is something of each kind, and all of the Services."""
        kinds = (self.brokers, self.triggers, self.api_server_sources, self.ping_sources)
        return all(kinds) and len(self.services) == len(SERVICES)


def name_of(document: Json) -> str:
    """An object's name."""
    return str(document["metadata"]["name"])


def namespace_of(document: Json) -> str:
    """An object's namespace."""
    return str(document["metadata"]["namespace"])


def broker(installed: Installed, address: Address) -> dict[str, Any]:
    """The broker's configuration (sandbox/broker/config.py); without a Broker one that delivers nothing."""
    if not installed.brokers:
        return {"triggers": []}
    (own, *others) = installed.brokers
    if others:
        raise NotUnderstood(f"{len(installed.brokers)} Brokers: the sandbox has one")
    delivery = (own.get("spec") or {}).get("delivery")
    return {
        "namespace": namespace_of(own),
        "name": name_of(own),
        **({"delivery": _delivery(own, delivery, address)} if delivery else {}),
        "triggers": [_trigger(one, address) for one in installed.triggers if one["spec"].get("broker") == name_of(own)],
    }


def _trigger(trigger: Json, address: Address) -> dict[str, Any]:
    spec = trigger["spec"]
    return {
        "name": name_of(trigger),
        "subscriber": {"uri": uri_of(trigger, spec["subscriber"], address)},
        **{key: spec[key] for key in ("filter", "filters") if spec.get(key)},
        **({"delivery": _delivery(trigger, spec["delivery"], address)} if spec.get("delivery") else {}),
    }


def _delivery(owner: Json, delivery: Json, address: Address) -> dict[str, Any]:
    sink = delivery.get("deadLetterSink")
    return {
        **{key: delivery[key] for key in _DELIVERY if key in delivery},
        **({"deadLetterSink": {"uri": uri_of(owner, sink, address)}} if sink else {}),
    }


def uri_of(owner: Json, destination: Json, address: Address) -> str:
    """Where a Knative destination leads: a Knative Service by reference, with a path perhaps, or a URI."""
    reference = destination.get("ref")
    if reference is None:
        return str(destination["uri"])
    if not reference.get("apiVersion", "").startswith("serving.knative.dev/") or reference.get("kind") != "Service":
        raise NotUnderstood(
            f"{owner['kind']} {name_of(owner)} leads to {reference.get('kind')} {reference.get('name')}: "
            "the sandbox knows Knative Services and URIs"
        )
    return address(str(reference["name"])).rstrip("/") + "/" + str(destination.get("uri") or "").lstrip("/")


def sources(installed: Installed, every: int | None = None) -> dict[str, Any]:
    """The sources' configuration (sandbox/source/config.py), with a ping each `every` seconds if that is given."""
    return {
        "apiServerSources": [_api_server_source(one) for one in installed.api_server_sources],
        "pingSources": [_ping_source(one, every) for one in installed.ping_sources],
    }


def _api_server_source(source: Json) -> dict[str, Any]:
    spec = source["spec"]
    if spec.get("mode") != "Resource":
        raise NotUnderstood(f"ApiServerSource {name_of(source)}: the sandbox knows only the mode Resource")
    return {
        "name": name_of(source),
        "namespace": namespace_of(source),
        "namespaces": _namespaces(source),
        "resources": [
            {key: one[key] for key in ("apiVersion", "kind", "selector") if one.get(key)} for one in spec["resources"]
        ],
        **_overrides(spec),
    }


def _namespaces(source: Json) -> list[str]:
    """Those that a source watches; none for all. Without a selector it is the source's own."""
    selector = source["spec"].get("namespaceSelector")
    if selector is None:
        return [namespace_of(source)]
    labels, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or []
    if not labels and not expressions:
        return []
    if set(labels) == {NAMESPACE} and not expressions:
        return [labels[NAMESPACE]]
    if not labels and [(one["key"], one["operator"]) for one in expressions] == [(NAMESPACE, "In")]:
        return list(expressions[0]["values"])
    raise NotUnderstood(f"ApiServerSource {name_of(source)}: the sandbox selects namespaces by the label {NAMESPACE}")


def _ping_source(source: Json, every: int | None) -> dict[str, Any]:
    spec = source["spec"]
    return {
        "name": name_of(source),
        "namespace": namespace_of(source),
        "every": every or seconds_of(source),
        "data": json.loads(spec["data"]) if spec.get("data") else {},
        **_overrides(spec),
    }


def seconds_of(source: Json) -> int:
    """The seconds between two ticks of a PingSource whose schedule is `*/N * * * *`."""
    schedule = str(source["spec"].get("schedule", ""))
    match = _EVERY.fullmatch(schedule)
    if match is None:
        raise NotUnderstood(f'PingSource {name_of(source)}: the sandbox knows "*/N * * * *", not "{schedule}"')
    return int(match["minutes"] or 1) * _MINUTE


def _overrides(spec: Json) -> dict[str, Any]:
    return {"ceOverrides": spec["ceOverrides"]} if spec.get("ceOverrides") else {}
