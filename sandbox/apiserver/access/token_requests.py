"""`POST …/serviceaccounts/{name}/token`: a token for a service account.

Source: k8s.io/kubernetes, pkg/registry/core/serviceaccount/storage/token.go.
"""

from datetime import timedelta
from typing import Any, Final

from sandbox.apiserver import errors, managed_fields
from sandbox.apiserver.access.tokens import Tokens
from sandbox.apiserver.causes import Cause
from sandbox.apiserver.changes import Target
from sandbox.apiserver.managed_fields import Manager
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.storage import Storage
from sandbox.apiserver.timestamps import timestamp

Json = dict[str, Any]
_KIND: Final = "TokenRequest.authentication.k8s.io"
_SHORTEST: Final = 600
_LONGEST: Final = 1 << 32
_USUAL: Final = 3600
_BOUND: Final = {"Pod": "pods", "Secret": "secrets"}


def own(request: Json, manager: Manager, resource: Resource) -> None:
    """Default a decoded TokenRequest and write down, in place, which of its fields `manager` set."""
    request.setdefault("spec", {}).setdefault("expirationSeconds", _USUAL)
    owners = managed_fields.update(
        resource, {"spec": {"boundObjectRef": {}}, "metadata": {}}, request, {}, manager, now=timestamp()
    )
    request["metadata"]["managedFields"] = managed_fields.encode(owners)


def grant(target: Target, request: Json, tokens: Tokens, storage: Storage) -> Json:
    """Return a defaulted TokenRequest with its token; `target` is the ServiceAccount. Raises 400, 404, 409 or 422."""
    entry = storage.get("serviceaccounts", target.key)
    if entry is None:
        raise errors.not_found(target.resource, target.name)
    account = entry.object
    spec = request["spec"]
    seconds = spec["expirationSeconds"]
    causes = list(_judged(request, target, seconds))
    if causes:
        raise errors.invalid(_KIND, target.name if causes[0].field.startswith("metadata") else "", causes)
    uid = request["metadata"].get("uid", account["metadata"]["uid"])
    if uid != account["metadata"]["uid"]:
        text = f"the UID in the token request ({uid}) does not match the UID of the service account "
        raise _conflict(_KIND, target.name, f"{text}({account['metadata']['uid']})")
    audiences = spec.get("audiences") or list(tokens.audiences)
    reference = spec.get("boundObjectRef")
    bound = None if reference is None else _bound(reference, target, account, storage)
    token = tokens.issue(account, audiences, seconds, bound)
    metadata = request["metadata"] | {
        "name": target.name,
        "namespace": target.namespace,
        "uid": uid,
        "creationTimestamp": timestamp(),
    }
    status = {"token": token, "expirationTimestamp": timestamp(timedelta(seconds=seconds))}
    wanted = {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": reference}
    return request | {"metadata": metadata, "spec": wanted, "status": status}


def _judged(request: Json, target: Target, seconds: int) -> list[Cause]:
    metadata, causes = request["metadata"], []
    for field, text, own in (("name", "name", target.name), ("namespace", "namespace", target.namespace)):
        if metadata.get(field, own) != own:
            message = f'Invalid value: "{metadata[field]}": must match the service account {text} if specified'
            causes.append(Cause("FieldValueInvalid", message, f"metadata.{field}"))
    if seconds < _SHORTEST:
        message = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        causes.append(Cause("FieldValueInvalid", message, "spec.expirationSeconds"))
    if seconds > _LONGEST:
        message = f"Invalid value: {seconds}: may not specify a duration larger than 2^32 seconds"
        causes.append(Cause("FieldValueInvalid", message, "spec.expirationSeconds"))
    return causes


def _bound(reference: Json, target: Target, account: Json, storage: Storage) -> Json:
    """Return the Pod or Secret that the token is to end with."""
    kind, name = reference.get("kind", ""), reference.get("name", "")
    version = reference.get("apiVersion", "")
    if kind not in _BOUND or version not in ("", "v1"):
        group_version = version if "/" in version else f"/{version}"
        raise errors.bad_request(f"cannot bind token to object of type {group_version}, Kind={kind}")
    entry = storage.get(_BOUND[kind], (target.namespace, name))
    if entry is None:
        details = {"name": name, "kind": _BOUND[kind]}
        raise errors.ApiError(404, "NotFound", f'{_BOUND[kind]} "{name}" not found', details)
    own = account["metadata"]["name"]
    if kind == "Pod" and entry.object["spec"].get("serviceAccountName", "default") != own:
        raise errors.bad_request(
            f'cannot bind token for serviceaccount "{own}" to pod running with different serviceaccount name.'
        )
    if reference.get("uid", entry.object["metadata"]["uid"]) != entry.object["metadata"]["uid"]:
        text = f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. The "
        raise _conflict(kind, name, f"{text}object might have been deleted and then recreated")
    return entry.object


def _conflict(kind: str, name: str, text: str) -> errors.ApiError:
    plain, _, group = kind.partition(".")
    qualified = f"{plain}.{group}" if group else plain
    details = {"name": name} | ({"group": group} if group else {}) | {"kind": plain}
    message = f'Operation cannot be fulfilled on {qualified} "{name}": {text}'
    return errors.ApiError(409, "Conflict", message, details)
