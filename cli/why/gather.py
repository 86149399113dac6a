"""Looking at the cluster for what the chain is made of. Nothing is changed, and no Secret is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from cli.cluster import Cluster, Reference, Refused
from cli.manifests import Manifest
from cli.why import health
from cli.why.facts import BOOTSTRAP, Facts, Rendered, Station, rows_of
from cli.why.links import Document, conditions, items, part, text
from sandbox.supervisor.knative import API_VERSION

ARGOCD: Final = "argoproj.io/v1alpha1"
IN_CLUSTER: Final = ({"server": "https://kubernetes.default.svc"}, {"name": "in-cluster"})
MAX_FETCHED: Final = 30
"""Objects of one Application that are looked at."""
_KNATIVE: Final = (
    ("sources.knative.dev/v1", "ApiServerSource"),
    ("sources.knative.dev/v1", "PingSource"),
    ("eventing.knative.dev/v1", "Broker"),
    ("eventing.knative.dev/v1", "Trigger"),
    ("serving.knative.dev/v1", "Service"),
)
_OURS: Final = {"labelSelector": "app.kubernetes.io/part-of=infraforge"}
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job")


@dataclass(frozen=True)
class Gather:
    """Looks at one cluster; `argocd` is the namespace of ArgoCD there."""

    cluster: Cluster
    argocd: str
    path: tuple[Station, ...] = ()
    """The way of events where the cluster does not know of it: a sandbox's."""

    def facts(self, reference: Reference, claim: Document, wanted: str | None) -> Facts:
        """All that the chain of `claim` needs, or of its row `wanted`."""
        rows = rows_of(claim, wanted)
        base = Facts(reference, claim, datetime.now(UTC), rows, self._bootstraps(), self.path or tuple(self._knative()))
        known = self.cluster.kinds(ARGOCD)
        if "Application" not in known:
            blind = "the cluster has no ArgoCD: what is in Git is deployed from elsewhere, or by nobody"
            return replace(base, argocd=None, blind=blind)
        try:
            return self._with_argocd(base)
        except Refused as error:
            return replace(base, argocd=None, blind=f"ArgoCD's objects may not be read: {error}")

    def _with_argocd(self, base: Facts) -> Facts:
        if base.reference.kind == BOOTSTRAP:
            names: Sequence[str] = part(base.claim, "status").get("rootApps") or ()
            return replace(base, argocd=self.argocd, roots=self._applications(names))
        found = self._applications([row.application for row in base.rows])
        return replace(
            base,
            argocd=self.argocd,
            roots=self._applications([base.root_name]),
            set=self._read(ARGOCD, "ApplicationSet", self.argocd, base.set_name),
            applications=found,
            objects={name: tuple(self._objects(one)) for name, one in found.items() if _is_open(one)},
        )

    def _applications(self, names: Sequence[str]) -> dict[str, Document]:
        found = {name: self._read(ARGOCD, "Application", self.argocd, name) for name in dict.fromkeys(names)}
        return {name: one for name, one in found.items() if one is not None}

    def _bootstraps(self) -> tuple[Document, ...] | None:
        try:
            return tuple(self.cluster.every(API_VERSION, BOOTSTRAP))
        except Refused:
            return None

    def _knative(self) -> Iterator[Station]:
        """What of Knative is labelled as InfraForge's, in the order in which an event passes it."""
        for api_version, kind in _KNATIVE:
            try:
                entry = self.cluster.kinds(api_version).get(kind)
                found = list(self.cluster.every(api_version, kind, query=_OURS)) if entry else []
            except Refused:
                continue
            for one in found:
                yield _station(one, f"{(entry or {}).get('name')}.{api_version.partition('/')[0]}")

    def _read(self, api_version: str, kind: str, namespace: str | None, name: str) -> Document | None:
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        document = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
        found = self.cluster.get(self.cluster.reference(Manifest(document, f"{kind} {name}")))
        return {"apiVersion": api_version, "kind": kind} | found if found else None

    def _objects(self, application: Document) -> Iterator[Rendered]:
        is_here = _is_here(part(application, "spec", "destination"))
        for entry in items(part(application, "status"), "resources")[:MAX_FETCHED]:
            if text(entry, "kind") != "Secret":
                yield self._rendered(entry, is_here=is_here)

    def _rendered(self, entry: Document, *, is_here: bool) -> Rendered:
        group, version, kind = (text(entry, name) for name in ("group", "version", "kind"))
        namespace, name, sync = (text(entry, name) for name in ("namespace", "name", "status"))
        if not is_here:
            return Rendered(kind, namespace, name, sync, is_seen=False)
        try:
            live = self._read(f"{group}/{version}" if group else version, kind, namespace or None, name)
        except Refused:
            return Rendered(kind, namespace, name, sync, is_seen=False)
        if live is None or health.of(live).state == "ok":
            return Rendered(kind, namespace, name, sync, live)
        pods = tuple(self._pods(live)) if kind in _WORKLOADS else ()
        return Rendered(kind, namespace, name, sync, live, True, pods, self._warnings([live, *pods]))

    def _pods(self, workload: Document) -> list[Document]:
        """Its pods, the newest first."""
        labels: Mapping[str, str] = part(workload, "spec", "selector", "matchLabels")
        namespace = text(part(workload, "metadata"), "namespace")
        if not labels:
            return []
        query = {"labelSelector": ",".join(f"{name}={value}" for name, value in labels.items())}
        try:
            found = list(self.cluster.every("v1", "Pod", namespace, query=query))
        except Refused:
            return []
        return sorted(found, key=lambda one: text(part(one, "metadata"), "creationTimestamp"), reverse=True)

    def _warnings(self, documents: Sequence[Document]) -> tuple[Document, ...]:
        found: list[Document] = []
        for one in documents:
            metadata = part(one, "metadata")
            query = {"fieldSelector": f"involvedObject.uid={text(metadata, 'uid')},type=Warning"}
            try:
                events = list(self.cluster.every("v1", "Event", text(metadata, "namespace"), query=query))
            except Refused:
                continue
            found += [one for one in events if text(one, "type") == "Warning"]
        return tuple(sorted(found, key=_when, reverse=True))


def _when(event: Document) -> str:
    return (
        text(event, "lastTimestamp") or text(event, "eventTime") or text(part(event, "metadata"), "creationTimestamp")
    )


def _is_here(destination: Document) -> bool:
    """Whether ArgoCD deploys to the cluster that it runs in, which is the one that is looked at."""
    return any(all(destination.get(name) == value for name, value in one.items()) for one in IN_CLUSTER)


def _is_open(application: Document) -> bool:
    return text(part(application, "status", "health"), "status") not in ("Healthy", "Suspended")


def _station(document: Document, resource: str) -> Station:
    metadata = part(document, "metadata")
    name, namespace = text(metadata, "name"), text(metadata, "namespace")
    ready = conditions(document).get("Ready")
    said = f"{text(ready, 'reason')}: {text(ready, 'message')}".strip(": ") if ready else "nobody has looked at it yet"
    look = f"kubectl describe {resource}/{name} -n {namespace}"
    return Station(f"{text(document, 'kind')} {namespace}/{name}", text(ready, "status") == "True", said, look)
