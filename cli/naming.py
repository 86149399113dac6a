"""Claims as a person names them on the command line."""

from collections.abc import Mapping
from typing import Any, Final

from cli.cluster import Cluster, Reference
from cli.exits import USAGE, Failure
from cli.manifests import Manifest
from sandbox.supervisor.eventing import API_VERSION

FORMS: Final = "KIND/NAMESPACE/NAME, or KIND/NAME with -n NAMESPACE; KIND also as kubectl knows it (appclaim)."
"""For the help of an argument."""

_GROUP: Final = API_VERSION.partition("/")[0]
_SHORT, _LONG = 2, 3


def find(cluster: Cluster, text: str, namespace: str | None) -> tuple[Reference, dict[str, Any]]:
    """The claim that `text` names, as it is now.

    Without a namespace in `text` it is `namespace`, or else the kubeconfig's own. `Failure` says what is wrong with the
    name, or that there is no such claim.
    """
    parts = text.split("/")
    if len(parts) not in (_SHORT, _LONG) or not all(parts):
        raise Failure(f'"{text}" does not name a claim: write KIND/NAMESPACE/NAME, or KIND/NAME -n NAMESPACE', USAGE)
    if len(parts) == _LONG:
        if namespace not in (None, parts[1]):
            raise Failure(f'"{text}" names the namespace "{parts[1]}" and -n another: leave one of them out', USAGE)
        namespace = parts[1]
    kind = _kind(cluster, parts[0])
    metadata = {"name": parts[-1]} | ({"namespace": namespace} if namespace else {})
    reference = cluster.reference(Manifest({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata}, text))
    document = cluster.get(reference)
    if document is None:
        raise Failure(
            f"there is no {reference.kind} {reference.namespace}/{reference.name}: `kubectl get {_GROUP.split('.')[1]} "
            "-A` lists what there is"
        )
    return reference, document


def kinds(cluster: Cluster) -> Mapping[str, Mapping[str, Any]]:
    """The kinds of claims that the cluster knows, with their entries in discovery; `Failure` when it knows none."""
    found = cluster.kinds(API_VERSION)
    if not found:
        raise Failure(f"the cluster does not know {API_VERSION}: InfraForge's CRDs are not installed there")
    return found


def _kind(cluster: Cluster, given: str) -> str:
    wanted = given.lower().removesuffix(f".{_GROUP}")
    for kind, entry in kinds(cluster).items():
        names = {kind.lower(), entry["name"], entry.get("singularName"), *(entry.get("shortNames") or ())}
        if wanted in names:
            return kind
    raise Failure(f'there is no kind of claim "{given}": there are {", ".join(sorted(kinds(cluster)))}', USAGE)
