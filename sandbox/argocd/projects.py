"""What an AppProject allows (pkg/apis/application/v1alpha1: AppProject.IsSourcePermitted and its like)."""

import re
from typing import Any, Final

from sandbox.argocd.api import APPLICATION, APPLICATION_SET, PROJECT, Json

IN_CLUSTER: Final = "https://kubernetes.default.svc"
IN_CLUSTER_NAME: Final = "in-cluster"
ANY: Final[Json] = {"group": "*", "kind": "*"}


def default_project(namespace: str) -> Json:
    """The project that ArgoCD makes when it starts where there is none."""
    return {
        "apiVersion": PROJECT.api_version,
        "kind": PROJECT.kind,
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"namespace": "*", "server": "*"}],
            "clusterResourceWhitelist": [ANY],
        },
    }


def sources_of(spec: Json) -> list[Json]:
    """An Application's sources, of which there may be one under a name of its own."""
    sources: list[Json] = spec.get("sources") or ([spec["source"]] if spec.get("source") else [])
    return sources


def violations(spec: Json, project: Json | None) -> list[str]:
    """What makes an Application's spec invalid: a missing project, a source or a destination that it does not allow."""
    name = spec.get("project", "")
    if project is None:
        return [f"Application referencing project {name} which does not exist"]
    sources = sources_of(spec)
    if not sources:
        return ["spec.source.repoURL and either spec.source.path, spec.source.chart, or spec.source.ref are required"]
    refused = [
        f"application repo {source['repoURL']} is not permitted in project '{name}'"
        for source in sources
        if not source_permitted(project, source["repoURL"])
    ]
    return refused or _destination_violations(spec.get("destination") or {}, name, project)


def source_permitted(project: Json, url: str) -> bool:
    """Whether a repository may be a source.

    A pattern with `!` wins over all others when it matches, and allows everything else when it does not.
    """
    patterns = project["spec"].get("sourceRepos") or []
    denied = [one[1:] for one in patterns if one.startswith("!")]
    if any(_is_source(one, url) for one in denied):
        return False
    return bool(denied) or any(_is_source(one, url) for one in patterns)


def destination_permitted(project: Json, namespace: str) -> bool:
    """Whether a namespace of this cluster may be deployed to; a pattern with `!` that it matches wins over others."""
    found = False
    for allowed in project["spec"].get("destinations") or []:
        patterns = {name: allowed.get(name, "") for name in ("name", "server", "namespace")}
        matched = {
            "name": _negatable(patterns["name"], IN_CLUSTER_NAME),
            "server": _negatable(patterns["server"], IN_CLUSTER),
            "namespace": _negatable(patterns["namespace"], namespace),
        }
        if (matched["server"] or matched["name"]) and matched["namespace"]:
            found = True
        elif any(pattern.startswith("!") and not matched[name] for name, pattern in patterns.items()):
            return False
    return found


def kind_permitted(project: Json, group: str, kind: str, *, namespaced: bool) -> bool:
    """Whether objects of a kind may be deployed."""
    spec = project["spec"]
    if namespaced:
        white, black = spec.get("namespaceResourceWhitelist"), spec.get("namespaceResourceBlacklist")
        return (white is None or _listed(white, group, kind)) and not _listed(black, group, kind)
    return _listed(spec.get("clusterResourceWhitelist"), group, kind) and not _listed(
        spec.get("clusterResourceBlacklist"), group, kind
    )


def is_application(group: str, kind: str) -> bool:
    """Whether objects of this kind make an Application one "of applications"."""
    return group == APPLICATION.group and kind in (APPLICATION.kind, APPLICATION_SET.kind)


def _destination_violations(destination: Json, name: str, project: Json) -> list[str]:
    server, cluster = destination.get("server", ""), destination.get("name", "")
    if server and cluster:
        return [
            "application destination spec is invalid: application destination can't have both name and server "
            f"defined: {cluster} {server}"
        ]
    if not server and not cluster:
        return ["Destination server missing from app spec"]
    if cluster and cluster != IN_CLUSTER_NAME:
        return [
            "application destination spec is invalid: unable to find destination server: there are no clusters with "
            f"this name: {cluster}"
        ]
    if server and server != IN_CLUSTER:
        return [f'application destination spec is invalid: cluster "{server}" not found']
    if not destination_permitted(project, destination.get("namespace", "")):
        where = f"name '{cluster}'" if cluster else f"server '{server}'"
        return [
            f"application destination {where} and namespace '{destination.get('namespace', '')}' do not match any of "
            f"the allowed destinations in project '{name}'"
        ]
    return []


def _negatable(pattern: str, text: str) -> bool:
    return not _glob(pattern[1:], text) if pattern.startswith("!") else _glob(pattern, text)


def _is_source(pattern: str, url: str) -> bool:
    if pattern == "*":
        return True
    plain = [text.removeprefix("oci://").removesuffix("/").removesuffix(".git") for text in (pattern, url)]
    return _glob(plain[0], plain[1], separator="/")


def _listed(entries: Any, group: str, kind: str) -> bool:
    return any(_glob(one["group"], group) and _glob(one["kind"], kind) for one in entries or [])


def _glob(pattern: str, text: str, *, separator: str = "") -> bool:
    """gobwas/glob as ArgoCD uses it: `*` stops at a separator, `**` at none."""
    inner = f"[^{re.escape(separator)}]*" if separator else ".*"
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    tokens = {"**": ".*", "*": inner, "?": "."}
    return re.fullmatch("".join(tokens.get(part, re.escape(part)) for part in parts), text, re.DOTALL) is not None
