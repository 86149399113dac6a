"""What a pod says of its containers' surroundings, whether it is a Pod or the template of a Knative Service."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

Json = dict[str, Any]

_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Pod:
    """A pod by name, with its spec as the API server holds it. `uid` is empty for what is no object there."""

    namespace: str
    name: str
    spec: Json
    uid: str = ""
    labels: Json = field(default_factory=dict)
    annotations: Json = field(default_factory=dict)

    @classmethod
    def of(cls, document: Json) -> Self:
        """The pod of a Pod."""
        metadata = document["metadata"]
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        return cls(metadata["namespace"], metadata["name"], document["spec"], metadata["uid"], labels, annotations)

    @classmethod
    def of_service(cls, service: Json) -> Self:
        """The pod of a Knative Service, named after it."""
        metadata, template = service["metadata"], service["spec"]["template"]
        own = template.get("metadata") or {}
        labels, annotations = own.get("labels") or {}, own.get("annotations") or {}
        return cls(metadata["namespace"], metadata["name"], template["spec"], "", labels, annotations)

    @property
    def account(self) -> str:
        """The name of its ServiceAccount."""
        return str(self.spec.get("serviceAccountName") or self.spec.get("serviceAccount") or "default")

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the Secrets that are mounted."""
        volumes = self.spec.get("volumes") or ()
        sources = [one["secret"] for one in volumes if "secret" in one]
        for volume in volumes:
            projected = (volume.get("projected") or {}).get("sources") or ()
            sources += [one["secret"] for one in projected if "secret" in one]
        return frozenset(str(one.get("secretName") or one.get("name")) for one in sources)

    def field(self, path: str) -> str | None:
        """The value of a `fieldRef`; None for a path that is not among the kubelet's."""
        if path.startswith(("metadata.labels[", "metadata.annotations[")):
            kept = self.labels if path.startswith("metadata.labels[") else self.annotations
            return str(kept.get(path.partition("[")[2].removesuffix("]").strip("'\""), ""))
        fields = {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "metadata.uid": self.uid,
            "spec.nodeName": "sandbox",
            "spec.serviceAccountName": self.account,
            "status.hostIP": _LOOPBACK,
            "status.hostIPs": _LOOPBACK,
            "status.podIP": _LOOPBACK,
            "status.podIPs": _LOOPBACK,
        }
        return fields.get(path)


def service_root(data: Path, namespace: str, name: str) -> Path:
    """The folder of a Knative Service below the data directory of the node, which the supervisor and it share."""
    return data / "services" / namespace / name


def pod_root(data: Path, uid: str) -> Path:
    """The folder of a Pod below the data directory of the node."""
    return data / "pods" / uid
