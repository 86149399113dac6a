"""OpenAPI documents: v3 by group and version, which kubectl validates and explains with, and v2 in one piece."""

import hashlib
import json
import re
from typing import Any

from sandbox.apiserver.builtin import META
from sandbox.apiserver.rendering import dumps
from sandbox.apiserver.resources import Registry, Resource
from sandbox.apiserver.schema import REF, compile_type, ordered

Json = dict[str, Any]
_PROPS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_JSON_TYPES = ("application/json", "application/yaml")
_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_TEXTS = {
    "allowWatchBookmarks": ("boolean", "Asks for BOOKMARK events in a watch."),
    "continue": ("string", "The token of a list's next page, as the page before gave it."),
    "dryRun": ("string", "With All, everything but the storing is done."),
    "fieldManager": ("string", "The name of who makes the change; required for apply patches."),
    "fieldSelector": ("string", "Restricts a list to objects with these fields."),
    "fieldValidation": ("string", "What to do with unknown or duplicate fields: Ignore, Warn or Strict."),
    "force": ("boolean", "Takes conflicting fields over from other managers; for apply patches."),
    "gracePeriodSeconds": ("integer", "Seconds before the object is deleted."),
    "ignoreStoreReadErrorWithClusterBreakingPotential": ("boolean", "Has no effect here."),
    "labelSelector": ("string", "Restricts a list to objects with these labels."),
    "limit": ("integer", "The most objects on one page of a list."),
    "orphanDependents": ("boolean", "Deprecated: use propagationPolicy."),
    "propagationPolicy": (
        "string",
        "Whether dependents go after the object (Background), before it (Foreground) or stay (Orphan).",
    ),
    "resourceVersion": ("string", "The version that a read or watch starts from."),
    "resourceVersionMatch": ("string", "How resourceVersion applies to a list."),
    "sendInitialEvents": ("boolean", "Starts a watch with the present objects."),
    "shardSelector": ("string", "Has no effect here."),
    "timeoutSeconds": ("integer", "How long a list or watch may take."),
    "watch": ("boolean", "Watches for changes instead of listing."),
}
_LIST = [
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "shardSelector",
    "timeoutSeconds",
    "watch",
]
_WRITE = ["dryRun", "fieldManager", "fieldValidation"]
_DELETE = [
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "propagationPolicy",
]


class Documents:
    """The documents of a registry, written once and again after it changed."""

    def __init__(self, registry: Registry, types: dict[str, Json]) -> None:
        self._registry = registry
        self._types = types
        self._written: dict[str, bytes] = {}
        self._revision = -1

    def get(self, path: str, accept: str) -> tuple[bytes, str] | None:
        """Return the body and media type of `/openapi/<path>`, or None when there is no such document."""
        self._refresh()
        if path == "v2":
            if "protobuf" in accept:
                return _minimal_protobuf(), _V2_PROTOBUF
            return self._v2(), "application/json"
        if path == "v3":
            paths = {
                name: {"serverRelativeURL": f"/openapi/v3/{name}?hash={hashlib.sha512(body).hexdigest().upper()}"}
                for name, body in self._written.items()
            }
            return dumps({"paths": paths}), "text/plain; charset=utf-8"
        body = self._written.get(path.removeprefix("v3/"))
        return None if body is None else (body, "application/json")

    def _refresh(self) -> None:
        if self._revision == self._registry.revision:
            return
        self._written = {}
        for group, versions in self._registry.groups().items():
            for version, resources in versions.items():
                name = f"apis/{group}/{version}" if group else f"api/{version}"
                self._written[name] = dumps(_document(resources, self._types))
        self._revision = self._registry.revision

    def _v2(self) -> bytes:
        definitions: Json = {}
        for body in self._written.values():
            text = body.decode().replace(REF, "#/definitions/")
            definitions |= json.loads(text)["components"]["schemas"]
        head = {"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.36.0"}, "paths": {}}
        return dumps(head | {"definitions": definitions})


def _document(resources: list[Resource], types: dict[str, Json]) -> Json:
    schemas: Json = {}
    paths: Json = {}
    for resource in resources:
        schemas |= _schemas(resource)
        paths |= _paths(resource)
    pending = set(_references([schemas, paths])) - schemas.keys()
    while pending:
        name = pending.pop()
        schemas[name] = types[name]
        pending |= set(_references(types[name])) - schemas.keys()
    custom = resources[0].custom
    info = {"title": "Kubernetes CRD Swagger" if custom else "Kubernetes", "version": "v0.1.0" if custom else "v1.36.0"}
    props = compile_type(_PROPS, types)
    written = {name: ordered(props, schemas[name]) for name in sorted(schemas)}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": written}}


def _schemas(resource: Resource) -> Json:
    raw = resource.openapi
    kind = {"group": resource.group, "kind": resource.kind, "version": resource.version}
    text = {"type": "string"}
    head = {
        "apiVersion": text | {"description": "APIVersion defines the versioned schema of this representation."},
        "kind": text | {"description": "Kind is a string value representing the REST resource this object represents."},
    }
    if resource.custom:
        metadata = {"description": "Standard object's metadata.", "allOf": [{"$ref": f"{REF}{META}ObjectMeta"}]}
        raw = {**raw, "properties": head | {"metadata": metadata} | raw.get("properties", {})}
        raw["x-kubernetes-group-version-kind"] = [kind]
    if not resource.stored:
        return {resource.type_name: raw}
    items = {"description": f"List of {resource.plural}.", "type": "array", "items": {"$ref": REF + resource.type_name}}
    listed = {
        "description": f"{resource.list_kind} is a list of {resource.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": head["apiVersion"],
            "items": items,
            "kind": head["kind"],
            "metadata": {"description": "Standard list metadata.", "allOf": [{"$ref": f"{REF}{META}ListMeta"}]},
        },
        "x-kubernetes-group-version-kind": [kind | {"kind": resource.list_kind}],
    }
    return {resource.type_name: raw, _list_type(resource): listed}


def _list_type(resource: Resource) -> str:
    return resource.type_name.rpartition(".")[0] + f".{resource.list_kind}"


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"].removeprefix(REF)] if isinstance(value.get("$ref"), str) else []
        return own + [name for item in value.values() for name in _references(item)]
    return [name for item in value for name in _references(item)] if isinstance(value, list) else []


def _paths(resource: Resource) -> Json:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    inside = (
        f"{root}/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else f"{root}/{resource.plural}"
    )
    writer = _Operations(resource)
    common = [_in_path("namespace", "object name and auth scope")] if resource.namespaced else []
    pretty = _parameter("pretty", "string", "If 'true', then the output is pretty printed.")
    if not resource.stored:
        return {inside: {"post": writer.write("create", "post"), "parameters": [pretty]}}
    paths: Json = {}
    if resource.namespaced:
        across = sorted([*_parameters(_LIST), pretty], key=lambda parameter: str(parameter["name"]))
        listing = writer.collection("ForAllNamespaces")
        paths[f"{root}/{resource.plural}"] = {"get": listing, "parameters": across}
    collection = {"get": writer.collection(""), "post": writer.write("create", "post")}
    if "deletecollection" in resource.verbs:
        collection["delete"] = writer.delete_all()
    paths[inside] = collection | {"parameters": [*common, pretty]}
    named = [_in_path("name", f"name of the {resource.kind}"), *common, pretty]
    paths[f"{inside}/{{name}}"] = {
        "get": writer.read(""),
        "put": writer.write("replace", "put"),
        "delete": writer.delete(),
        "patch": writer.patch(""),
        "parameters": named,
    }
    if resource.status:
        paths[f"{inside}/{{name}}/status"] = {
            "get": writer.read("Status"),
            "put": writer.write("replace", "put", "Status"),
            "patch": writer.patch("Status"),
            "parameters": named,
        }
    return paths


class _Operations:
    """Writes the operations of one resource, as kubectl looks for them: by action, kind and fieldValidation."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        words = re.split(r"[.\-]", resource.group.removesuffix(".k8s.io") or "core")
        self._tag = f"{words[0]}{''.join(word.capitalize() for word in words[1:])}_{resource.version}"
        group = "".join(word.capitalize() for word in words)
        scope = "Namespaced" if resource.namespaced else ""
        self._name = f"{group}{resource.version.capitalize()}{{}}{resource.kind}"
        self._scope = scope

    def collection(self, suffix: str) -> Json:
        scope = "" if suffix else self._scope
        operation = f"list{self._name.format(scope)}{suffix}"
        parameters = [] if suffix else _parameters(_LIST)
        answer = {"200": _answer("OK", _list_type(self._resource))}
        return self._operation("list", f"list objects of kind {self._resource.kind}", operation, parameters, answer)

    def read(self, part: str) -> Json:
        what = "status of the" if part else "the"
        operation = f"read{self._name.format(self._scope)}{part}"
        answer = {"200": self._one("OK")}
        text = f"read {what} specified {self._resource.kind}"
        return self._operation("get", text, operation, _parameters(["resourceVersion"]), answer)

    def write(self, verb: str, action: str, part: str = "") -> Json:
        answer = {"200": self._one("OK"), "201": self._one("Created")}
        answer |= {"202": self._one("Accepted")} if verb == "create" else {}
        content = {kind: {"schema": {"$ref": REF + self._resource.type_name}} for kind in _JSON_TYPES}
        operation = f"{verb}{self._name.format(self._scope)}{part}"
        text = f"{verb} {self._resource.kind}{part}"
        body = {"content": content, "required": True}
        return self._operation(action, text, operation, _parameters(_WRITE), answer, body=body)

    def patch(self, part: str) -> Json:
        kinds = ["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"]
        kinds += [] if self._resource.custom else ["application/strategic-merge-patch+json"]
        content = {kind: {"schema": {"$ref": f"{REF}{META}Patch"}} for kind in kinds}
        operation = f"patch{self._name.format(self._scope)}{part}"
        text = f"partially update {'status of ' if part else ''}the specified {self._resource.kind}"
        body = {"content": content, "required": True}
        answer = {"200": self._one("OK")}
        return self._operation("patch", text, operation, _parameters([*_WRITE, "force"]), answer, body=body)

    def delete(self) -> Json:
        answer = {"200": _answer("OK", f"{META}Status"), "202": _answer("Accepted", f"{META}Status")}
        body = {"content": {kind: {"schema": {"$ref": f"{REF}{META}DeleteOptions"}} for kind in _JSON_TYPES}}
        operation = f"delete{self._name.format(self._scope)}"
        text = f"delete {self._resource.kind}"
        return self._operation("delete", text, operation, _parameters(_DELETE), answer, body=body)

    def delete_all(self) -> Json:
        operation = f"delete{self._name.format('Collection' + self._scope)}"
        text = f"delete collection of {self._resource.kind}"
        answer = {"200": _answer("OK", f"{META}Status")}
        return self._operation("deletecollection", text, operation, _parameters(_LIST), answer)

    def _one(self, text: str) -> Json:
        return _answer(text, self._resource.type_name)

    def _operation(
        self, action: str, text: str, name: str, parameters: list[Json], answers: Json, *, body: Json | None = None
    ) -> Json:
        resource = self._resource
        operation: Json = {"tags": [self._tag], "description": text, "operationId": name}
        operation |= {"parameters": parameters} if parameters else {}
        operation |= {"requestBody": body} if body else {}
        return operation | {
            "responses": answers | {"401": {"description": "Unauthorized"}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": {
                "group": resource.group,
                "version": resource.version,
                "kind": resource.kind,
            },
        }


def _answer(text: str, type_name: str) -> Json:
    return {"description": text, "content": {kind: {"schema": {"$ref": REF + type_name}} for kind in _JSON_TYPES}}


def _parameters(names: list[str]) -> list[Json]:
    return [_parameter(name, *_TEXTS[name]) for name in names]


def _parameter(name: str, kind: str, text: str) -> Json:
    return {"name": name, "in": "query", "description": text, "schema": {"type": kind, "uniqueItems": True}}


def _in_path(name: str, text: str) -> Json:
    schema = {"type": "string", "uniqueItems": True}
    return {"name": name, "in": "path", "description": text, "required": True, "schema": schema}


def _minimal_protobuf() -> bytes:
    """Return a v2 document without definitions: kubectl asks for one and has no use for custom resources in it.

    Fields of openapi.v2.Document: 1 swagger, 2 info (1 title, 2 version), 8 paths.
    """

    def text(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value

    return text(1, b"2.0") + text(2, text(1, b"Kubernetes") + text(2, b"v1.36.0")) + text(8, b"")
