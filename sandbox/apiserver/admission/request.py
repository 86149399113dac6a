"""The variable `request` of CEL expressions.

Source: k8s.io/apiserver, pkg/admission/plugin/cel/condition.go (CreateAdmissionRequest).
"""

from typing import Any

from sandbox.apiserver.access.users import User
from sandbox.apiserver.changes import Change

Json = dict[str, Any]


def request_of(change: Change, user: User) -> Json:
    """Return the AdmissionRequest of a change that `user` makes."""
    resource, options = change.target.resource, change.options
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    plural = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    # A request for a namespace is one within it.
    within = change.target.name if resource.qualified == "namespaces" else change.target.namespace
    return {
        "kind": kind,
        "resource": plural,
        "subResource": options.subresource,
        "requestKind": kind,
        "requestResource": plural,
        "requestSubResource": options.subresource,
        "name": change.target.name,
        "namespace": within,
        "operation": change.operation,
        "userInfo": {
            "username": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra.items()},
        },
        "dryRun": options.dry_run,
        "options": {"fieldManager": options.manager} if options.manager else {},
    }
