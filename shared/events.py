"""CloudEvents in and out (cloudevents.io, HTTP binding 1.0), in the binary and the structured mode.

An event is only a hint to look: of a claim's event the functions take the claim's identity, and from its data no more
than where to look and whether that was done already.
"""

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cloudevents.conversion import to_binary
from cloudevents.exceptions import GenericException
from cloudevents.http import CloudEvent, from_http

from shared.errors import InvalidEvent
from shared.tracing import traceparent

PING: Final = "dev.knative.sources.ping"
BOOTSTRAPPED: Final = "io.infraforge.platform.bootstrapped"
SERVICES: Final = "io.infraforge.platform.services"
"""An environment offers other services than before, or their passwords are there now."""
GITEA_PREFIX: Final = "io.infraforge.gitea."
DELIVERIES: Final = frozenset(f"{GITEA_PREFIX}{event}" for event in ("push", "delete", "repository"))
CLAIM_CHANGES: Final = frozenset(
    f"dev.knative.apiserver.{mode}.{change}" for mode in ("resource", "ref") for change in ("add", "update", "delete")
)
ARGOCD_KINDS: Final = frozenset({"Application", "ApplicationSet"})
"""Kinds that are no claims, and whose changes say how far a claim's deployment is."""
WAKE_UPS: Final = frozenset({PING, BOOTSTRAPPED, SERVICES})
KNOWN: Final = CLAIM_CHANGES | WAKE_UPS | DELIVERIES

_SUBJECT = re.compile(
    r"/apis/(?P<group>[^/]+)/(?P<version>[^/]+)/namespaces/(?P<namespace>[^/]+)/[^/]+/(?P<name>[^/]+)"
)
_KIND = re.compile(r"[A-Z][A-Za-z]{0,62}")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@dataclass(frozen=True)
class ClaimRef:
    """Which claim an event speaks of."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Version:
    """Which state of which object an event was sent for; two that are equal are the same bytes in the API server."""

    uid: str
    resource_version: str


@dataclass(frozen=True)
class Delivery:
    """What Gitea says of a push, a deleted branch or a repository. It cuts `messages` at five commits of `total`."""

    repository: str
    """`organization/name`."""
    action: str = ""
    """Of a repository: `created`, `deleted` …"""
    ref: str = ""
    before: str = ""
    after: str = ""
    messages: tuple[str, ...] = ()
    total: int = 0


@dataclass(frozen=True)
class DeploymentRef:
    """Which of ArgoCD's objects an event speaks of; `environment` is None for what is a whole cluster type's."""

    kind: str
    """`Application` or `ApplicationSet`."""
    name: str
    cluster_type: str
    environment: str | None


@dataclass(frozen=True)
class Event:
    """What the functions use of a CloudEvent."""

    id: str
    type: str
    claim: ClaimRef | None = None
    version: Version | None = None
    environment: tuple[str, str] | None = None
    """Cluster type and environment of the claim, as the event's data has them; a wake-up with one is for it alone."""
    delivery: Delivery | None = None
    deployment: DeploymentRef | None = None
    traceparent: str = ""
    """The trace that it belongs to (W3C Trace Context), if its sender said so."""

    @property
    def is_deletion(self) -> bool:
        """Whether the claim is gone."""
        return self.type in CLAIM_CHANGES and self.type.endswith(".delete")

    @property
    def wake_up(self) -> "Event":
        """An event that says no more than that it is time to look."""
        return Event(self.id, self.type, traceparent=self.traceparent)


def parse(headers: Mapping[str, str], body: bytes) -> Event:
    """The event in a request. Raises `InvalidEvent` with a message that names the mend."""
    try:
        raw = from_http(headers, body, data_unmarshaller=_unparsed)
    except GenericException as error:
        raise InvalidEvent(
            "not a CloudEvent: send the binary mode (ce-id, ce-source, ce-type and ce-specversion headers) or the "
            "structured mode (content type application/cloudevents+json with those attributes in the body)"
        ) from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:  # the SDK does not check shapes
        raise InvalidEvent("not a CloudEvent: the body cannot be read as a JSON object in UTF-8") from error
    event_id, kind = raw["id"], raw["type"]
    if not (isinstance(event_id, str) and event_id and isinstance(kind, str) and kind):
        raise InvalidEvent("not a CloudEvent: its attributes id and type are not both strings with something in them")
    event_id, trace = event_id[:128], traceparent(headers, raw.get_attributes())
    if kind in CLAIM_CHANGES:
        data, ref = _data(raw), _object_of(raw)
        if ref.kind in ARGOCD_KINDS:
            return Event(event_id, kind, deployment=_deployment(ref, data), traceparent=trace)
        version, environment = _version(data), _environment(data)
        return Event(event_id, kind, ref, version=version, environment=environment, traceparent=trace)
    if kind == SERVICES:
        return Event(event_id, kind, environment=_environment(_data(raw)), traceparent=trace)
    told = _delivery(_data(raw)) if kind in DELIVERIES else None
    return Event(event_id, kind, delivery=told, traceparent=trace)


def named(attributes: Mapping[str, Any]) -> ClaimRef | None:
    """The object of Kubernetes that an event's attributes name, if they do so properly."""
    subject = _SUBJECT.fullmatch(_text(attributes.get("subject")))
    place = subject.groupdict() if subject else {}
    namespace = _text(attributes.get("namespace")) or place.get("namespace", "")
    name = _text(attributes.get("name")) or place.get("name", "")
    kind = _text(attributes.get("kind"))
    good = _KIND.fullmatch(kind) and _LABEL.fullmatch(namespace) and _SUBDOMAIN.fullmatch(name)
    return ClaimRef(kind=kind, namespace=namespace, name=name) if good else None


def bootstrapped(source: str, claim: ClaimRef) -> tuple[dict[str, str], bytes]:
    """Headers and body of the event that tells the other functions that there is a platform to deploy to."""
    event = CloudEvent(
        {
            "type": BOOTSTRAPPED,
            "source": source,
            "id": str(uuid.uuid4()),
            "subject": str(claim),
            "datacontenttype": "application/json",
        },
        {"namespace": claim.namespace, "name": claim.name},
    )
    return _binary(event)


def services(claim: ClaimRef, environment: tuple[str, str]) -> tuple[dict[str, str], bytes]:
    """Headers and body of the event that tells the applications of `environment` to look at its services again.

    `claim` is the PlatformClaim, `environment` cluster type and name.
    """
    event = CloudEvent(
        {
            "type": SERVICES,
            "source": "/infraforge/platform",
            "id": str(uuid.uuid4()),
            "subject": str(claim),
            "datacontenttype": "application/json",
        },
        {"spec": {"clusterType": environment[0], "environment": environment[1]}},
    )
    return _binary(event)


def combined(replies: Iterable[tuple[dict[str, str], bytes]]) -> tuple[dict[str, str], bytes] | None:
    """One event for several of a kind, since an answer carries one: that of services wakes every environment then."""
    found = list(replies)
    if not found:
        return None
    headers, body = found[-1]
    return headers, body if all(one[1] == body for one in found) or headers.get("ce-type") != SERVICES else b"{}"


def delivery(source: str, event: str, delivery_id: str, body: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and body of the event that carries a webhook delivery, whose JSON body goes on unchanged.

    `event` is Gitea's event name (`X-Gitea-Event`); `delivery_id` becomes the event's id, so that a delivery
    that is sent twice is the same event twice.
    """
    attributes = {
        "type": f"{GITEA_PREFIX}{event}",
        "source": source,
        "id": delivery_id,
        "datacontenttype": "application/json",
    }
    headers, _ = _binary(CloudEvent(attributes, None))
    return headers, body


def _binary(event: CloudEvent) -> tuple[dict[str, str], bytes]:
    headers, body = to_binary(event)
    return dict(headers), body or b""


def _unparsed(data: Any) -> Any:
    """Event data stays as it came: nothing of it is trusted, so nothing of it is parsed."""
    return data


def _data(raw: CloudEvent) -> dict[str, Any]:
    """The event's data as far as it is a JSON object; it only hints, so a broken one says nothing."""
    data = raw.data
    try:
        document = json.loads(data) if isinstance(data, bytes | str) else data
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _version(data: Mapping[str, Any]) -> Version | None:
    """None also for a reference, which does not say which state it was sent for."""
    metadata = _part(data, "metadata")
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    return Version(uid, version) if isinstance(uid, str) and isinstance(version, str) and uid and version else None


def _environment(data: Mapping[str, Any]) -> tuple[str, str] | None:
    spec = _part(data, "spec")
    kind, name = spec.get("clusterType"), spec.get("environment")
    good = isinstance(kind, str) and isinstance(name, str) and _LABEL.fullmatch(kind) and _LABEL.fullmatch(name)
    return (kind, name) if good else None  # type: ignore[return-value]  # both are strings here


def _deployment(ref: ClaimRef, data: Mapping[str, Any]) -> DeploymentRef | None:
    """None for an object without our labels."""
    labels = _part(_part(data, "metadata"), "labels")
    type_, environment = (labels.get(f"infraforge.io/{name}") for name in ("cluster-type", "environment"))
    if not (isinstance(type_, str) and _LABEL.fullmatch(type_)):
        return None
    if environment is None:
        return DeploymentRef(ref.kind, ref.name, type_, None)
    good = isinstance(environment, str) and _LABEL.fullmatch(environment)
    return DeploymentRef(ref.kind, ref.name, type_, environment) if good else None


def _delivery(data: Mapping[str, Any]) -> Delivery:
    commits = data.get("commits")
    messages = [one.get("message") for one in commits if isinstance(one, dict)] if isinstance(commits, list) else []
    total = data.get("total_commits")
    texts = {name: data[name] for name in ("action", "ref", "before", "after") if isinstance(data.get(name), str)}
    return Delivery(
        repository=_text(_part(data, "repository").get("full_name")),
        messages=tuple(one for one in messages if isinstance(one, str)),
        total=total if isinstance(total, int) else 0,
        **texts,
    )


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = data.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object_of(raw: CloudEvent) -> ClaimRef:
    attributes = raw.get_attributes()
    if not _KIND.fullmatch(_text(attributes.get("kind"))):
        raise InvalidEvent("not a claim's event: the extension attribute ce-kind is missing or is not a kind")
    found = named(attributes)
    if found is None:
        raise InvalidEvent(
            "not a claim's event: ce-namespace and ce-name (or the subject) do not name an object of Kubernetes"
        )
    return found
