"""From a request's body to an object of a resource: identity, unknown fields, types of built-in kinds, defaults."""

import json
from collections.abc import Sequence
from typing import Any

from sandbox.apiserver.errors import ApiError, StrictDecodingError, bad_request
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.schema import apply_defaults, prune
from sandbox.apiserver.validation import validate

Json = dict[str, Any]


def decode_object(
    resource: Resource, body: Any, namespace: str, validation: str, warnings: list[str], *, again: Sequence[str] = ()
) -> Json:
    """Return `body` as an object of `resource`, pruned and defaulted in place.

    `validation` is Strict (400 for unknown fields), Warn (they go to `warnings`) or Ignore; `again` are the paths of
    fields that were written twice.
    """
    value = _identified(resource, body)
    _place(resource, value, namespace)
    original = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    problems = [f'duplicate field "{path}"' for path in again]
    problems += [f'unknown field "{path}"' for path in prune(resource.schema, value)]
    if problems and validation == "Strict":
        raise StrictDecodingError(resource, problems, original)
    if validation == "Warn":
        warnings += problems
    if not resource.custom:
        value = _without_nulls(value)
    _check_types(resource, value)
    value["metadata"] = _without_empty(value["metadata"])
    if not resource.custom:
        value = _without_empty(value) | {"metadata": value["metadata"]}
    apply_defaults(resource.schema, value)
    return value


def named(resource: Resource, body: Any, namespace: str, name: str) -> Json:
    """Return an apply patch as an object of `resource` under the name of the URL.

    An unknown field is the real server's 500 ("field not declared in schema"), whatever `fieldValidation` says.
    """
    value = _identified(resource, body)
    _place(resource, value, namespace)
    if value["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if value["metadata"].setdefault("name", name) != name:
        raise bad_request(
            f"the name of the object ({value['metadata']['name']}) does not match the name on the URL ({name})"
        )
    unknown = next(prune(resource.schema, value), None)
    if unknown is not None:
        where = f"{namespace}/{name}" if namespace else f"/{name}"
        raise ApiError(
            500,
            "",
            f"failed to create typed patch object ({where}; {resource.group_version}, Kind={resource.kind}): "
            f".{unknown}: field not declared in schema",
        )
    return value


def _identified(resource: Resource, body: Any) -> Json:
    if not isinstance(body, dict):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): couldn't get version/kind; "
            "json parse error: json: cannot unmarshal into Go value of type struct"
        )
    value = dict(body)
    for key, expected in (("kind", resource.kind), ("apiVersion", resource.group_version)):
        if resource.custom and not value.get(key):
            shown = json.dumps(body, separators=(",", ":"))
            raise bad_request(f"Object '{key[0].upper()}{key[1:]}' is missing in '{shown}'")
        value[key] = value.get(key) or expected
    if value["apiVersion"] != resource.group_version:
        raise bad_request(
            f"the API version in the data ({value['apiVersion']}) does not match the expected API version "
            f"({resource.group_version})"
        )
    if not resource.custom and value["kind"] != resource.kind:
        raise bad_request(
            f'{value["kind"]} in version "{resource.version}" cannot be handled as a {resource.kind}: no kind '
            f'"{value["kind"]}" is registered for version "{resource.group_version}"'
        )
    return value


def _place(resource: Resource, value: Json, namespace: str) -> None:
    metadata = value.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise bad_request(f"json: cannot unmarshal into Go struct field {resource.kind}.metadata of type v1.ObjectMeta")
    parts = (metadata or {}).items()
    # managedFields are large, and read with care elsewhere.
    value["metadata"] = {k: v if k == "managedFields" else _without_nulls(v) for k, v in parts if v is not None}
    if not resource.namespaced:
        value["metadata"].pop("namespace", None)
    elif value["metadata"].setdefault("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _check_types(resource: Resource, value: Json) -> None:
    """Refuse wrong types where the real server decodes into Go structs: metadata, and all of a built-in kind."""
    schema = resource.schema.properties["metadata"] if resource.custom else resource.schema
    judged, path = (value["metadata"], "metadata") if resource.custom else (value, "")
    for cause in validate(schema, judged, None, path):
        if cause.reason == "FieldValueTypeInvalid":
            raise bad_request(
                f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: json: cannot '
                f"unmarshal into Go struct field {resource.kind}.{cause.field}: {cause.message}"
            )


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value if item is not None] if isinstance(value, list) else value


def _without_empty(value: Json) -> Json:
    return {key: item for key, item in value.items() if item not in ({}, [], "")}
