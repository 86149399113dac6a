"""Claims as a person names them on the command line."""

from collections.abc import Mapping
from typing import Any, Final

from cli.cluster import Cluster, Reference
from cli.exits import USAGE, Failure
from cli.manifests import Manifest
from sandbox.supervisor.knative import API_VERSION

FORMS: Final = "KIND/NAMESPACE/NAME, or KIND/NAME with -n NAMESPACE; KIND also as kubectl knows it (appclaim)."
"""For the help of an argument."""

_GROUP: Final = API_VERSION.partition("/")[0]
_SHORT, _LONG = 2, 3


def find(cluster: Cluster, text: str, namespace: str | None) -> tuple[Reference, dict[str, Any]]:
    """The claim that `text` names, as it is now.

    Without a namespace in `text` it is `namespace`, or else the kubeconfig's own. `Failure` says what is wrong with the
    name, or that there is no such claim.
    """
    reference = locate(cluster, text, namespace)
    document = cluster.get(reference)
    if document is None:
        raise Failure(
            f"there is no {reference.kind} {reference.namespace}/{reference.name}: `kubectl get {_GROUP.split('.')[1]} "
            "-A` lists what there is"
        )
    return reference, document


def locate(cluster: Cluster, text: str, namespace: str | None) -> Reference:
    """Where the claim that `text` names is, or would be; otherwise as `find`."""
    given, namespace, name = parts(text, namespace)
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    document = {"apiVersion": API_VERSION, "kind": _kind(cluster, given), "metadata": metadata}
    return cluster.reference(Manifest(document, text))


def parts(text: str, namespace: str | None) -> tuple[str, str | None, str]:
    """Kind as it is given, namespace and name; `Failure` says what is wrong with them."""
    found = text.split("/")
    if len(found) not in (_SHORT, _LONG) or not all(found):
        raise Failure(f'"{text}" does not name a claim: write KIND/NAMESPACE/NAME, or KIND/NAME -n NAMESPACE', USAGE)
    if len(found) == _LONG:
        if namespace not in (None, found[1]):
            raise Failure(f'"{text}" names the namespace "{found[1]}" and -n another: leave one of them out', USAGE)
        namespace = found[1]
    return found[0], namespace, found[-1]


def kinds(cluster: Cluster) -> Mapping[str, Mapping[str, Any]]:
    """The kinds of claims that the cluster knows, with their entries in discovery; `Failure` when it knows none."""
    found = {kind: entry for kind, entry in cluster.kinds(API_VERSION).items() if kind.endswith("Claim")}
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
