"""Kubernetes `Status` bodies: every refusal of the API, with the reasons and causes of the real server."""

import json
from typing import Any

from sandbox.apiserver.causes import Cause
from sandbox.apiserver.resources import Resource

Json = dict[str, Any]


class ApiError(Exception):
    """A refusal: `body()` is the `Status` object, `code` the HTTP status."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details

    def body(self) -> Json:
        """Return the `Status` in the real server's key order."""
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return status | {"code": self.code}


class StrictDecodingError(ApiError):
    """400: fields that the schema does not know, or written twice, under `fieldValidation=Strict`."""

    def __init__(self, resource: Resource, problems: list[str], original: str) -> None:
        self._text = f"strict decoding error: {', '.join(problems)}"
        self._original = original
        version, kind = resource.version, resource.kind
        message = f'{kind} in version "{version}" cannot be handled as a {kind}: {self._text}'
        super().__init__(400, "BadRequest", message)

    def in_patch(self) -> ApiError:
        """Return the 422 by which the real server reports the same of a patched object."""
        text = f"Invalid value: {json.dumps(self._original)}: {self._text}"
        return invalid("", "", [Cause("FieldValueInvalid", text, "patch")])


def success(resource: Resource, name: str, uid: str) -> Json:
    """Return the `Status` that answers a DELETE which removed the object."""
    details = _details(resource, name, resource.plural) | {"uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def bad_request(message: str) -> ApiError:
    """400: the request cannot be read."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401: no token, or one that nobody knows."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def not_found(resource: Resource, name: str) -> ApiError:
    """404 for an object (or a subresource, which the real server words the same)."""
    return ApiError(
        404, "NotFound", f'{resource.qualified} "{name}" not found', _details(resource, name, resource.plural)
    )


def already_exists(resource: Resource, name: str) -> ApiError:
    """409: a POST of a name that is taken."""
    details = _details(resource, name, resource.plural)
    return ApiError(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', details)


def modified(resource: Resource, name: str) -> ApiError:
    """409: the resourceVersion that the client read is not the stored one."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again",
        _details(resource, name, resource.plural),
    )


def uid_changed(resource: Resource, name: str, wanted: str, found: str) -> ApiError:
    """409: the object that the client read was deleted and made anew."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": Precondition failed: UID in precondition: '
        f"{wanted}, UID in object meta: {found}",
        _details(resource, name, resource.plural),
    )


def no_namespace(name: str) -> ApiError:
    """404: the namespace to create in does not exist."""
    return ApiError(404, "NotFound", f'namespaces "{name}" not found', {"name": name, "kind": "namespaces"})


def precondition(resource: Resource, name: str, field: str, wanted: str, found: str) -> ApiError:
    """409: `field` (`UID`, `ResourceVersion`) of a DELETE's preconditions is not the object's."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.qualified_kind} "{name}": the {field} in the precondition '
        f"({wanted}) does not match the {field} in record ({found}). The object might have been deleted and then "
        "recreated",
        _details(resource, name, resource.kind),
    )


def invalid(qualified: str, name: str, causes: list[Cause]) -> ApiError:
    """422 with one cause a field; `qualified` is `Kind.group`, or `plural.group` where the real server says so."""
    kind, _, group = qualified.partition(".")
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: Json = {"name": name} if name else {}
    details |= {"group": group} if group else {}
    details |= {"kind": kind} if kind else {}
    details["causes"] = [cause.to_json() for cause in causes]
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def rejected() -> ApiError:
    """422 of a JSON patch whose test fails or whose path is missing; the real server says no more."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def apply_conflict(conflicts: list[tuple[str, str]]) -> ApiError:
    """409 of a server-side apply; `conflicts` are (manager as shown, path) pairs."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": path}
        for manager, path in conflicts
    ]
    managers = sorted({manager for manager, _ in conflicts})
    if len(conflicts) == 1:
        text = f"Apply failed with 1 conflict: conflict with {managers[0]}: {conflicts[0][1]}"
    else:
        lines = [
            f"conflicts with {manager}:\n" + "\n".join(f"- {path}" for who, path in conflicts if who == manager)
            for manager in managers
        ]
        text = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", text, {"causes": causes})


def terminating(resource: Resource, name: str, namespace: str) -> ApiError:
    """403: nothing new is created in a namespace that is being deleted."""
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    return ApiError(
        403,
        "Forbidden",
        f'{resource.qualified} "{name}" is forbidden: unable to create new content in namespace {namespace} '
        "because it is being terminated",
        _details(resource, name, resource.plural) | {"causes": [cause]},
    )


def unsupported_media_type(accepted: list[str]) -> ApiError:
    """415: the body's Content-Type is none of those that this endpoint reads."""
    return ApiError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}",
    )


def too_large(limit: int) -> ApiError:
    """413: the body is longer than the server reads."""
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def method_not_allowed() -> ApiError:
    """405: the resource does not have this verb."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def expired(message: str) -> ApiError:
    """410: the resourceVersion or continue token is older than the kept history."""
    return ApiError(410, "Expired", message)


def _details(resource: Resource, name: str, kind: str) -> Json:
    group = {"group": resource.group} if resource.group else {}
    return {"name": name} | group | {"kind": kind}
