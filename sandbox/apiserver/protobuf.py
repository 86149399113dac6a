"""Reads the protobuf bodies that kubectl sends for built-in kinds (`kubectl create namespace`, `secret`, `auth can-i`).

A body is `k8s\\0` and a runtime.Unknown (1 type: 1 apiVersion, 2 kind; 2 the object). The tables below hold field
numbers of Kubernetes' generated.proto files; what they do not name is refused.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.apiserver.errors import bad_request

Json = dict[str, Any]
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_VARINT, _BYTES = 0, 2

# One message a line: its name, then of each field the number, the name and the kind. A kind that ends in `*` repeats,
# one with a capital letter is a message.
_TABLE = """
Unknown: 1 type TypeMeta, 2 raw raw, 3 encoding string, 4 contentType string
TypeMeta: 1 apiVersion string, 2 kind string
Time: 1 seconds int, 2 nanos int
Entry: 1 key string, 2 value string
BytesEntry: 1 key string, 2 value base64
ObjectMeta: 1 name string, 2 generateName string, 3 namespace string, 4 selfLink string, 5 uid string,
    6 resourceVersion string, 7 generation int, 8 creationTimestamp Time, 9 deletionTimestamp Time,
    10 deletionGracePeriodSeconds int, 11 labels Entry*, 12 annotations Entry*, 13 ownerReferences OwnerReference*,
    14 finalizers string*
OwnerReference: 1 kind string, 3 name string, 4 uid string, 5 apiVersion string, 6 controller bool,
    7 blockOwnerDeletion bool
ConfigMap: 1 metadata ObjectMeta, 2 data Entry*, 3 binaryData BytesEntry*, 4 immutable bool
Secret: 1 metadata ObjectMeta, 2 data BytesEntry*, 3 type string, 4 stringData Entry*, 5 immutable bool
Namespace: 1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status NamespaceStatus
NamespaceSpec: 1 finalizers string*
NamespaceStatus: 1 phase string
ServiceAccount: 1 metadata ObjectMeta, 2 secrets ObjectReference*, 3 imagePullSecrets LocalObjectReference*,
    4 automountServiceAccountToken bool
ObjectReference: 1 kind string, 2 namespace string, 3 name string, 4 uid string, 5 apiVersion string,
    6 resourceVersion string, 7 fieldPath string
LocalObjectReference: 1 name string
SelfSubjectAccessReview: 1 metadata ObjectMeta, 2 spec SelfSubjectAccessReviewSpec, 3 status SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec: 1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes
SubjectAccessReviewStatus: 1 allowed bool, 2 reason string, 3 evaluationError string, 4 denied bool
ResourceAttributes: 1 namespace string, 2 verb string, 3 group string, 4 version string, 5 resource string,
    6 subresource string, 7 name string
NonResourceAttributes: 1 path string, 2 verb string
SelfSubjectRulesReview: 1 metadata ObjectMeta, 2 spec SelfSubjectRulesReviewSpec, 3 status SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec: 1 namespace string
SubjectRulesReviewStatus: 3 incomplete bool, 4 evaluationError string
SelfSubjectReview: 1 metadata ObjectMeta, 2 status SelfSubjectReviewStatus
SelfSubjectReviewStatus: 1 userInfo UserInfo
UserInfo: 1 username string, 2 uid string, 3 groups string*
TokenRequest: 1 metadata ObjectMeta, 2 spec TokenRequestSpec, 3 status TokenRequestStatus
TokenRequestSpec: 1 audiences string*, 3 boundObjectRef BoundObjectReference, 4 expirationSeconds int
TokenRequestStatus: 1 token string, 2 expirationTimestamp Time
BoundObjectReference: 1 kind string, 2 apiVersion string, 3 name string, 4 uid string
PolicyRule: 1 verbs string*, 2 apiGroups string*, 3 resources string*, 4 resourceNames string*,
    5 nonResourceURLs string*
Role: 1 metadata ObjectMeta, 2 rules PolicyRule*
ClusterRole: 1 metadata ObjectMeta, 2 rules PolicyRule*, 3 aggregationRule AggregationRule
AggregationRule: 1 clusterRoleSelectors LabelSelector*
LabelSelector: 1 matchLabels Entry*, 2 matchExpressions LabelSelectorRequirement*
LabelSelectorRequirement: 1 key string, 2 operator string, 3 values string*
RoleBinding: 1 metadata ObjectMeta, 2 subjects Subject*, 3 roleRef RoleRef
ClusterRoleBinding: 1 metadata ObjectMeta, 2 subjects Subject*, 3 roleRef RoleRef
Subject: 1 kind string, 2 apiGroup string, 3 name string, 4 namespace string
RoleRef: 1 apiGroup string, 2 kind string, 3 name string
DeleteOptions: 1 gracePeriodSeconds int, 2 preconditions Preconditions, 3 orphanDependents bool,
    4 propagationPolicy string, 5 dryRun string*
Preconditions: 1 uid string, 2 resourceVersion string
"""


def _messages() -> dict[str, dict[int, tuple[str, str]]]:
    """Read the table: message → field number → (name, kind)."""
    messages = {}
    for line in _TABLE.replace(",\n    ", ", ").strip().splitlines():
        name, _, fields = line.partition(": ")
        split = (field.split() for field in fields.split(", "))
        messages[name] = {int(number): (field, kind) for number, field, kind in split}
    return messages


_MESSAGES = _messages()


def decode(body: bytes) -> Json:
    """Return the object of a protobuf body; 400 for one that cannot be read."""
    if not body.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        unknown = _message("Unknown", body[len(_MAGIC) :])
        kind: Json = unknown["type"]
        value: Json = _filled(_message(kind["kind"], unknown["raw"]))
        return value | kind
    except (KeyError, IndexError, UnicodeDecodeError) as error:
        raise bad_request(f"protobuf: cannot read the body, send JSON instead: {error!r}") from error


def _message(name: str, data: bytes) -> Json:
    fields = _MESSAGES[name]
    value: Json = {}
    for number, content in _fields(data):
        key, kind = fields[number]
        if kind in ("Entry*", "BytesEntry*"):
            entry = _message(kind[:-1], content)
            value.setdefault(key, {})[entry.get("key", "")] = entry.get("value", "")
        elif kind.endswith("*"):
            value.setdefault(key, []).append(_value(kind[:-1], content))
        else:
            value[key] = _value(kind, content)
    return value


def _value(kind: str, content: Any) -> Any:
    match kind:
        case "raw" | "int":
            return content
        case "bool":
            return bool(content)
        case "string":
            return content.decode()
        case "base64":
            return base64.b64encode(content).decode()
        case "Time":
            moment = datetime.fromtimestamp(_message("Time", content).get("seconds", 0), UTC)
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if content else None
    return _message(kind, content)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, position = _varint(data, position)
        if tag & 7 == _BYTES:
            yield tag >> 3, data[position : position + number]
            position += number
        elif tag & 7 == _VARINT:
            yield tag >> 3, number
        else:
            raise IndexError(f"wire type {tag & 7}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[position]
        position, value, shift = position + 1, value | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the bit that says another byte follows
            return value, position


def _filled(value: Any) -> Any:
    """Return the object without the empty strings that protobuf writes for absent fields."""
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items() if item not in ("", {}, None)}
    return value
