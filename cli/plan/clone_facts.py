"""What a clone of `voltran` tells of the platform, where no cluster is asked: environments, addresses, charts. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from cli.clone import Clone
from cli.history.commits import Unreadable
from cli.history.standing import standing as claims
from cli.plan.differences import values
from cli.plan.tree import Tree
from cli.plan.wishes import Name
from functions.bootstrap.desired import ROLES
from shared.argocd import IN_CLUSTER, Layout, Role, root_name
from shared.claims import API_VERSION
from shared.environments import BOOTSTRAPPED_PHASE
from shared.kube.client import Document

SYSTEM_NAMESPACE: Final = "platform-system"
GITEA_URL: Final = "http://gitea-http.gitea.svc:3000"
PREFIX: Final = "clone-"
"""Of the names of BootstrapClaims that are made of a clone's files."""
ARGOCD_NAMESPACE: Final = "argocd"


@dataclass(frozen=True)
class Roots:
    """What the root applications in a clone say."""

    gitea_url: str
    organization: str
    argocd_namespace: str


def roots(tree: Tree) -> Roots | None:
    """From the first root application that can be read; None when there is none."""
    for type_ in tree.names("root-apps"):
        manifest = _manifest(tree, f"root-apps/{type_}/apps-rootapp.yaml")
        try:
            url, namespace = manifest["spec"]["source"]["repoURL"], manifest["metadata"]["namespace"]
            server, organization, _ = url.rsplit("/", 2)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        return Roots(server, organization, str(namespace))
    return None


def layout(tree: Tree, gitea_url: str | None = None) -> Layout:
    """The addresses in Git, and how values reach a chart: as the files there have it."""
    found = roots(tree)
    sets = (data for path, data in tree.files.items() if path.startswith("appsets/") and path.endswith("-appset.yaml"))
    is_raw = any(b"/raw/branch/" in data and b"$values/" not in data for data in sets)
    return Layout(
        gitea_url or (found.gitea_url if found else GITEA_URL),
        found.argocd_namespace if found else ARGOCD_NAMESPACE,
        "raw" if is_raw else "ref",
    )


def bootstraps(tree: Tree, embedded: Mapping[Role, str]) -> list[Document]:
    """A BootstrapClaim for each cluster type in the clone, as its status would be.

    `embedded` are the charts' revisions where no set of the type names one: by role.
    """
    found = roots(tree)
    if found is None:
        return []
    types = {type_: list(tree.names(f"environments/{type_}")) for type_ in tree.names("environments")}
    return [
        _bootstrap(found, type_, environments, {role: list(_sets(tree, type_, role)) for role in ROLES}, embedded)
        for type_, environments in types.items()
    ]


def status(documents: Iterable[Document]) -> dict[str, Any]:
    """What the status of one BootstrapClaim would be that stands for all of these."""
    documents = list(documents)
    clusters = [cluster for one in documents for cluster in one["status"]["clusters"]]
    return {**documents[0]["status"], "clusters": clusters} if documents else {}


def standing(clone: Clone, tree: Tree, revision: str, platform: Mapping[str, Any]) -> dict[Name, Document]:
    """The claims that the clone's own records tell of, with what of their statuses follows from the files there.

    `platform` is the status of a BootstrapClaim.
    """
    found: dict[Name, Document] = {}
    for one in claims(clone, revision):
        if isinstance(one.entry, Unreadable):
            continue
        record = one.entry.record
        metadata = {
            "name": record.name,
            "namespace": record.namespace,
            "uid": record.uid or "unknown",
            "resourceVersion": "0",
            "generation": record.generation,
            "creationTimestamp": "1970-01-01T00:00:00Z",
        }
        status = platform if record.kind == "BootstrapClaim" else {"applications": list(_digests(record.spec, tree))}
        found[record.kind, record.namespace, record.name] = {
            "apiVersion": API_VERSION,
            "kind": record.kind,
            "metadata": metadata,
            "spec": record.spec,
            "status": dict(status) if record.kind in ("BootstrapClaim", "ApplicationClaim") else {},
        }
    return found


def _digests(spec: Mapping[str, Any], tree: Tree) -> Iterator[dict[str, str]]:
    """Rows with the digests that are pinned in Git."""
    folder = f"environments/{spec.get('clusterType')}/{spec.get('environment')}/applications"
    for row in spec.get("applications") or ():
        image = values(tree.read(f"{folder}/{row.get('name')}/values.yaml")).get("image")
        if isinstance(image, Mapping) and isinstance(image.get("digest"), str):
            shown = f"{image.get('repository')}:{image.get('tag')}"
            yield {"name": str(row["name"]), "image": shown, "digest": str(image["digest"])}


def _bootstrap(
    found: Roots,
    type_: str,
    environments: list[str],
    sets: Mapping[Role, list[Mapping[str, Any]]],
    embedded: Mapping[Role, str],
) -> Document:
    destination = next((one for role in ROLES for one in map(_destination, sets[role]) if one), None)
    cluster = {"type": type_, "environments": environments} | ({"destination": destination} if destination else {})
    revisions = {role: next(filter(None, map(_revision, sets[role])), embedded[role]) for role in ROLES}
    return {
        "apiVersion": API_VERSION,
        "kind": "BootstrapClaim",
        "metadata": {
            "name": f"{PREFIX}{type_}",
            "namespace": SYSTEM_NAMESPACE,
            "uid": f"clone-{type_}",
            "resourceVersion": "0",
            "generation": 1,
            "creationTimestamp": "1970-01-01T00:00:00Z",
        },
        "spec": {"gitea": {"url": found.gitea_url, "organization": found.organization}, "clusters": [cluster]},
        "status": {
            "phase": BOOTSTRAPPED_PHASE,
            "charts": {"revision": revisions["apps"]},
            "platformCharts": {"revision": revisions["platform"]},
            "rootApps": [root_name(type_, role) for role in ROLES],
            "clusters": [cluster],
        },
    }


def _sets(tree: Tree, type_: str, role: Role) -> Iterator[Mapping[str, Any]]:
    for name in tree.names(f"appsets/{type_}/{role}"):
        if name.endswith("-appset.yaml"):
            yield _manifest(tree, f"appsets/{type_}/{role}/{name}")


def _destination(manifest: Mapping[str, Any]) -> dict[str, str] | None:
    try:
        found = dict(manifest["spec"]["template"]["spec"]["destination"])
    except (KeyError, TypeError, ValueError):
        return None
    where = {key: str(found[key]) for key in ("server", "name") if key in found}
    return None if where == {"server": IN_CLUSTER} else where or None


def _revision(manifest: Mapping[str, Any]) -> str | None:
    """The embedded charts' revision: where applications differ in it, what the rest have stands last."""
    try:
        revision = str(manifest["spec"]["template"]["spec"]["sources"][0]["targetRevision"])
    except (KeyError, TypeError, IndexError):
        return None
    if "{{" not in revision:
        return revision
    return next((word for word in reversed(revision.split('"')) if word.startswith("embedded-")), None)


def _manifest(tree: Tree, path: str) -> Mapping[str, Any]:
    """A file as YAML; empty when it is not there, or none."""
    try:
        found = yaml.safe_load(tree.read(path) or b"")
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
