"""Discovery: which groups, versions and resources there are, in the legacy and the aggregated form."""

import hashlib
from typing import Any

from sandbox.apiserver.rendering import accepted
from sandbox.apiserver.resources import Registry, Resource

Json = dict[str, Any]
AGGREGATED = "apidiscovery.k8s.io"
_STATUS_VERBS = ["get", "patch", "update"]
VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.0+infraforge-sandbox",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "python",
    "compiler": "cpython",
    "platform": "linux/amd64",
}


def wants_aggregated(header: str) -> str:
    """Return the version of the aggregated form (`v2`, `v2beta1`) that an Accept header puts first, or nothing."""
    first = accepted(header)[0]
    return first.get("v", "") if first.get("g") == AGGREGATED and first.get("as") == "APIGroupDiscoveryList" else ""


def aggregated(registry: Registry, *, core: bool, version: str) -> Json:
    """Return the APIGroupDiscoveryList of `/api` (core) or `/apis`."""
    items = []
    for group, versions in registry.groups().items():
        if (group == "") is core:
            rows = [
                {"version": name, "resources": [_aggregated_resource(r) for r in found], "freshness": "Current"}
                for name, found in versions.items()
            ]
            items.append({"metadata": {"name": group} if group else {}, "versions": rows})
    head = {"kind": "APIGroupDiscoveryList", "apiVersion": f"{AGGREGATED}/{version}", "metadata": {}}
    return head | {"items": items}


def api_versions(address: str) -> Json:
    """Return the legacy `/api`."""
    served = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": served}


def group_list(registry: Registry) -> Json:
    """Return the legacy `/apis`."""
    names = [name for name in registry.groups() if name]
    groups = [_group(name, list(registry.groups()[name])) for name in names]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(registry: Registry, name: str) -> Json | None:
    """Return the legacy `/apis/<group>`, or None when nothing serves it."""
    versions = registry.groups().get(name)
    return None if versions is None else {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, list(versions))


def resource_list(registry: Registry, group: str, version: str) -> Json | None:
    """Return the legacy `/apis/<group>/<version>` (or `/api/v1`), or None when nothing serves it."""
    found = registry.groups().get(group, {}).get(version)
    if found is None:
        return None
    rows: list[Json] = []
    for resource in found:
        row = _named(resource, resource.plural, resource.singular, list(resource.verbs))
        row |= {"shortNames": list(resource.short_names)} if resource.short_names else {}
        row |= {"categories": list(resource.categories)} if resource.categories else {}
        row |= {"storageVersionHash": resource.storage_version_hash} if resource.stored else {}
        rows.append(row)
        for more in resource.subresources:
            other: Json = {key: more[key] for key in ("group", "version", "kind") if key in more}
            rows.append(_named(resource, f"{resource.plural}/{more['name']}", "", more["verbs"], other))
        if resource.status and resource.stored:
            rows.append(_named(resource, f"{resource.plural}/status", "", _STATUS_VERBS))
    head: Json = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
    return head | {"groupVersion": found[0].group_version, "resources": rows}


def etag(body: bytes) -> str:
    """Return the entity tag under which clients cache a discovery or OpenAPI document."""
    return f'"{hashlib.sha512(body).hexdigest().upper()}"'


def _group(name: str, versions: list[str]) -> Json:
    rows = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": rows, "preferredVersion": rows[0]}


def _named(resource: Resource, name: str, singular: str, verbs: list[str], other: Json | None = None) -> Json:
    return {
        "name": name,
        "singularName": singular,
        "namespaced": resource.namespaced,
        **(other or {"kind": resource.kind}),
        "verbs": verbs,
    }


def _aggregated_resource(resource: Resource) -> Json:
    # The real server leaves group and version empty for built-in kinds.
    custom = {"group": resource.group, "version": resource.version} if resource.custom else {"group": "", "version": ""}
    kind = custom | {"kind": resource.kind}
    row: Json = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    row |= {"shortNames": list(resource.short_names)} if resource.short_names else {}
    row |= {"categories": list(resource.categories)} if resource.categories else {}
    below = [
        {
            "subresource": more["name"],
            "responseKind": {key: more.get(key, kind[key]) for key in ("group", "version", "kind")},
            "verbs": more["verbs"],
        }
        for more in resource.subresources
    ]
    if resource.status and resource.stored:
        below.append({"subresource": "status", "responseKind": kind, "verbs": _STATUS_VERBS})
    return row | ({"subresources": below} if below else {})
