"""The chart `knative/`, rendered by Helm's engine in this process, and the options that it is rendered with."""

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from shared.helm import Engine
from tests.charts.engine import documents

CHART: Final = Path(__file__).parents[2] / "knative"
RELEASE: Final = "infraforge"
NAMESPACE: Final = "platform-system"

Object = dict[str, Any]
Values = Mapping[str, Any]

KAFKA: Final[Values] = {"broker": {"kafka": {"enabled": True}}}
ORDERED: Final[Values] = {"broker": {"kafka": {"enabled": True, "order": "ordered"}}}
OIDC: Final[Values] = {"oidc": {"enabled": True, "issuer": "https://kubernetes.default.svc"}}
METRICS: Final[Values] = {"metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}}
NETWORK: Final[Values] = {
    "networkPolicy": {
        "enabled": True,
        "apiServer": [{"cidr": "10.0.0.1/32", "port": 443}],
        "metricsNamespaces": ["monitoring"],
        "tracesNamespace": "observability",
    }
}
WEBHOOK: Final[Values] = {
    "webhook": {
        "public": {
            "enabled": True,
            "host": "hooks.example.com",
            "className": "nginx",
            "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
            "tlsSecret": "hooks-tls",
        }
    }
}
OPTIONS: Final[Mapping[str, Values]] = {
    "default": {},
    "kafka": KAFKA,
    "kafka-ordered": ORDERED,
    "broker-class": {
        "broker": {
            "class": "RabbitMQBroker",
            "config": {
                "apiVersion": "eventing.knative.dev/v1alpha1",
                "kind": "RabbitmqBrokerConfig",
                "name": "rabbit",
                "namespace": "rabbit",
            },
        }
    },
    "oidc": OIDC,
    "metrics": METRICS,
    "network-policies": NETWORK,
    "network-policies-open": {"networkPolicy": {"enabled": True, "giteaNamespace": "", "giteaCidr": "192.0.2.7/32"}},
    "public-webhook": WEBHOOK,
    "public-webhook-plain": {"webhook": {"public": {"enabled": True, "host": "hooks.example.com"}}},
    "own-credentials": {"setup": {"enabled": False}, "secrets": {"argocd": "", "webhook": "", "registry": "pull"}},
    "some-credentials": {"setup": {"makes": {"argocd": False}}, "secrets": {"argocd": "mine"}},
    "any-organization": {"rbac": {"organizations": [], "aggregate": False}},
    "bare": {
        "crds": {"enabled": False},
        "test": {"enabled": False},
        "admissionPolicies": {"enabled": False},
        "setup": {"enabled": False},
    },
    "certificates": {"certificates": {"gitea": "gitea-ca"}},
    "namespace": {"namespace": {"create": True}},
    "tested-elsewhere": {"test": {"namespace": "sandbox"}},
    "images": {
        "image": {
            "repository": "registry.example.com:5000/platform",
            "tag": "1.2.3",
            "digests": {"application": f"sha256:{'a' * 64}"},
            "pullPolicy": "Always",
            "pullSecrets": ["pull"],
        }
    },
    "settings": {
        "settings": {
            "giteaEndpoint": "http://127.0.0.1:3000",
            "clusterTypes": ["nonprod"],
            "environmentNamespaces": {"dev": ["dev", "dev-tools"]},
            "registryMirrors": {"ghcr.io": "http://127.0.0.1:5000"},
            "allowedRegistries": ["ghcr.io"],
            "chartRegistries": ["ghcr.io/infraforge"],
            "tracesEndpoint": "http://collector.observability:4318",
            "webhookUrl": "http://127.0.0.1:8080",
            "brokerUrl": "http://127.0.0.1:8081",
        },
        "resync": {"schedule": "0 * * * *", "timezone": "Europe/Berlin"},
    },
}
"""Every option by itself; `everything` below is all that go together at once (a Namespace is for who has no Helm)."""


def merged(*values: Values) -> dict[str, Any]:
    """`values` over each other, maps within maps too, as Helm lays one `-f` over the one before."""
    result: dict[str, Any] = {}
    for one in values:
        for key, value in one.items():
            there = result.get(key)
            both_maps = isinstance(there, Mapping) and isinstance(value, Mapping)
            result[key] = merged(there, value) if both_maps else value  # type: ignore[arg-type]  # both are maps
    return result


EVERYTHING: Final[Values] = merged(
    *(ORDERED, OIDC, METRICS, NETWORK, WEBHOOK),
    *(OPTIONS[name] for name in ("images", "settings", "certificates")),
)
ALL: Final[Mapping[str, Values]] = {**OPTIONS, "everything": EVERYTHING}


def text(values: Values, *, namespace: str = NAMESPACE) -> str:
    """The chart as one YAML stream."""
    return _text(json.dumps(values), namespace)


def render(values: Values | None = None, *, namespace: str = NAMESPACE) -> list[Object]:
    """The chart's objects, hooks included."""
    return documents(text(values or {}, namespace=namespace))


def find(objects: Iterable[Object], kind: str, name: str, namespace: str | None = None) -> Object:
    """The one object of that kind and name (and namespace, where several have the name)."""
    (found,) = [
        one
        for one in objects
        if (one["kind"], one["metadata"]["name"]) == (kind, name)
        and namespace in {None, one["metadata"].get("namespace")}
    ]
    return found


def knative_service(objects: Iterable[Object], function: str) -> Object:
    """A function's Knative Service (a metrics Service of the same kind has another name)."""
    return find(objects, "Service", f"{RELEASE}-{function}")


def environment(service: Object) -> dict[str, str]:
    """What a Knative Service's container is told."""
    (container,) = service["spec"]["template"]["spec"]["containers"]
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names)), f"a variable is said twice: {sorted(names)}"
    return {one["name"]: one["value"] for one in container["env"]}


@functools.cache
def _text(values: str, namespace: str) -> str:
    engine = Engine.load()
    assert engine is not None, "the package helm-python-sdk is a dependency of the project"
    return engine.render(_files(), release=RELEASE, namespace=namespace, values=json.loads(values))


@functools.cache
def _files() -> dict[str, bytes]:
    return {str(path.relative_to(CHART)): path.read_bytes() for path in sorted(CHART.rglob("*")) if path.is_file()}
