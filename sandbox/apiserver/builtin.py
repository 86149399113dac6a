"""The built-in kinds: their types, columns and what the real server fills into them.

`kubernetes_types.json` holds the OpenAPI definitions of Kubernetes 1.36 (Apache-2.0), one a line, properties in the
order of the Go structs.
"""

import base64
import json
from pathlib import Path
from typing import Any

from sandbox.apiserver import pods, workload_rules
from sandbox.apiserver.access import kinds as access
from sandbox.apiserver.admission import kinds as admission
from sandbox.apiserver.causes import Cause
from sandbox.apiserver.chart_kinds import chart_kinds
from sandbox.apiserver.errors import bad_request
from sandbox.apiserver.hooks import Hooks
from sandbox.apiserver.resources import Column, Registry, Resource
from sandbox.apiserver.schema import compile_type

Json = dict[str, Any]
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_CORE = "io.k8s.api.core.v1."
_CRD = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"
_REVIEWS: tuple[tuple[str, str, Json], ...] = (
    ("authentication.k8s.io", "SelfSubjectReview", {"status": {"userInfo": {}}}),
    ("authentication.k8s.io", "TokenReview", {"spec": {"token": ""}, "status": {"user": {}}}),
    ("authorization.k8s.io", "LocalSubjectAccessReview", {"spec": {}, "status": {"allowed": False}}),
    ("authorization.k8s.io", "SelfSubjectAccessReview", {"spec": {}, "status": {"allowed": False}}),
    ("authorization.k8s.io", "SelfSubjectRulesReview", {"spec": {}, "status": {}}),
    ("authorization.k8s.io", "SubjectAccessReview", {"spec": {}, "status": {"allowed": False}}),
)
_AGE = Column("Age", "string")
_EVENT_EMPTY: Json = {
    "involvedObject": {},
    "source": {},
    "firstTimestamp": None,
    "lastTimestamp": None,
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}
_EVENT_FIELDS = {
    "involvedObject.kind": ("involvedObject", "kind"),
    "involvedObject.namespace": ("involvedObject", "namespace"),
    "involvedObject.name": ("involvedObject", "name"),
    "involvedObject.uid": ("involvedObject", "uid"),
    "involvedObject.apiVersion": ("involvedObject", "apiVersion"),
    "involvedObject.resourceVersion": ("involvedObject", "resourceVersion"),
    "involvedObject.fieldPath": ("involvedObject", "fieldPath"),
    "reason": ("reason",),
    "reportingComponent": ("reportingComponent",),
    "source": ("source", "component"),
    "type": ("type",),
}
_EVENT_COLUMNS = (
    Column("Last Seen", "string"),
    Column("Type", "string", ".type"),
    Column("Reason", "string", ".reason"),
    Column("Object", "string"),
    Column("Subobject", "string", ".involvedObject.fieldPath", priority=1),
    Column("Source", "string", ".source.component", priority=1),
    Column("Message", "string", ".message"),
    Column("First Seen", "string", priority=1),
    Column("Count", "string", ".count", priority=1),
    Column("Name", "string", ".metadata.name", priority=1),
)
_VOLUME_CLAIM_COLUMNS = (
    Column("Status", "string", ".status.phase"),
    Column("Volume", "string", ".spec.volumeName"),
    Column("Capacity", "string", ".status.capacity.storage"),
    Column("Access Modes", "string"),
    Column("StorageClass", "string", ".spec.storageClassName"),
    Column("VolumeAttributesClass", "string", ".spec.volumeAttributesClassName"),
    _AGE,
    Column("VolumeMode", "string", ".spec.volumeMode", priority=1),
)

_KINDS: tuple[Json, ...] = (
    {"kind": "ConfigMap", "short_names": ("cm",), "columns": (Column("Data", "string"), _AGE)},
    {
        "kind": "Event",
        "short_names": ("ev",),
        "columns": _EVENT_COLUMNS,
        "selectable": _EVENT_FIELDS,
        "skeleton": _EVENT_EMPTY,
    },
    {
        "kind": "Namespace",
        "namespaced": False,
        "short_names": ("ns",),
        "status": True,
        "verbs": ("create", "delete", "get", "list", "patch", "update", "watch"),
        "columns": (Column("Status", "string", ".status.phase", "The status of the namespace"), _AGE),
        "selectable": {"status.phase": ("status", "phase")},
        "skeleton": {"spec": {}, "status": {}},
    },
    {
        "kind": "PersistentVolumeClaim",
        "returned": True,
        "short_names": ("pvc",),
        "status": True,
        "columns": _VOLUME_CLAIM_COLUMNS,
        "skeleton": {"spec": {"resources": {}}, "status": {}},
    },
    pods.KIND,
    {
        "kind": "Secret",
        "columns": (Column("Type", "string", ".type"), Column("Data", "string"), _AGE),
        "selectable": {"type": ("type",)},
    },
    {
        "kind": "ServiceAccount",
        "returned": True,
        "short_names": ("sa",),
        "columns": (Column("Secrets", "string"), _AGE),
        "subresources": (
            {
                "name": "token",
                "verbs": ["create"],
                "group": "authentication.k8s.io",
                "version": "v1",
                "kind": "TokenRequest",
            },
        ),
    },
    *(
        {
            "group": group,
            "kind": kind,
            "type_name": f"io.k8s.api.{group.removesuffix('.k8s.io')}.v1.{kind}",
            "namespaced": kind.startswith("Local"),
            "verbs": ("create",),
            "stored": False,
            "status": True,
            "skeleton": skeleton,
        }
        for group, kind, skeleton in _REVIEWS
    ),
    {
        "group": "apiextensions.k8s.io",
        "kind": "CustomResourceDefinition",
        "type_name": _CRD,
        "namespaced": False,
        "short_names": ("crd", "crds"),
        "categories": ("api-extensions",),
        "status": True,
        "generation": True,
        "versioned": True,
        "columns": (Column("Created At", "date", ".metadata.creationTimestamp"),),
        "skeleton": {"spec": {"group": "", "names": {"plural": "", "kind": ""}, "scope": "", "versions": None}},
    },
)
"""The built-in kinds in discovery's order: what differs from a namespaced kind of the core group."""


def load_types() -> dict[str, Json]:
    """Return the OpenAPI definitions of the built-in types by full name."""
    types: dict[str, Json] = json.loads(Path(__file__).with_name("kubernetes_types.json").read_bytes())
    return types


def registry(types: dict[str, Json]) -> Registry:
    """Return a registry of the built-in kinds."""
    return Registry([_resource(types, **kind) for kind in (*_KINDS, *chart_kinds())])


def token_request(types: dict[str, Json]) -> Resource:
    """Return the kind that is posted to a service account's `token`."""
    name = "io.k8s.api.authentication.v1.TokenRequest"
    return _resource(types, "TokenRequest", group="authentication.k8s.io", type_name=name, stored=False)


def _resource(types: dict[str, Json], kind: str, **more: Any) -> Resource:
    usual = {"group": "", "version": "v1", "plural": f"{kind.lower()}s", "namespaced": True}
    fields: Json = usual | {"type_name": f"{_CORE}{kind}"} | more
    type_name = fields["type_name"]
    return Resource(
        kind=kind,
        singular=kind.lower(),
        list_kind=f"{kind}List",
        schema=compile_type(type_name, types),
        openapi=types[type_name],
        **fields,
    )


def hooks() -> dict[str, Hooks]:
    """Return the hooks of the core kinds by `plural.group`."""
    return {
        "configmaps": Hooks(validate=_validate_immutable),
        "events": Hooks(defaults=_default_event),
        "namespaces": Hooks(_default_namespace, _prepare_namespace, deleting=_terminating_namespace),
        "persistentvolumeclaims": Hooks(_default_volume_claim, _prepare_volume_claim, _validate_volume_claim),
        **{
            f"{plural}.rbac.authorization.k8s.io": Hooks(validate=access.validate_role)
            for plural in ("roles", "clusterroles")
        },
        **{
            f"{plural}.rbac.authorization.k8s.io": Hooks(access.default_binding, validate=access.validate_binding)
            for plural in ("rolebindings", "clusterrolebindings")
        },
        "validatingadmissionpolicies.admissionregistration.k8s.io": Hooks(
            admission.default_policy, admission.prepare_policy, admission.validate_policy
        ),
        "validatingadmissionpolicybindings.admissionregistration.k8s.io": Hooks(
            admission.default_binding, validate=admission.validate_binding
        ),
        **{
            f"{kind.lower()}s.{group}": Hooks(_default_review)
            for group, kind, skeleton in _REVIEWS
            if "spec" in skeleton
        },
        "pods": Hooks(pods.default, pods.prepare, pods.validate),
        "secrets": Hooks(defaults=_default_secret, validate=_validate_secret),
        **{
            qualified: Hooks(defaults=rules.defaults, validate=rules.validate)
            for qualified, rules in workload_rules.RULES.items()
        },
    }


def _default_review(review: Json) -> None:
    spec = review.setdefault("spec", {})
    if review["kind"] == "TokenReview":
        spec.setdefault("token", "")


def _default_event(event: Json) -> None:
    for key, value in _EVENT_EMPTY.items():
        event.setdefault(key, value)


def _default_namespace(namespace: Json) -> None:
    metadata = namespace["metadata"]
    if name := metadata.get("name"):
        metadata["labels"] = (metadata.get("labels") or {}) | {"kubernetes.io/metadata.name": name}


def _prepare_namespace(namespace: Json, old: Json | None) -> None:
    if old is None:
        namespace["spec"] = {"finalizers": ["kubernetes"]}
        namespace["status"] = {"phase": "Active"}
    else:
        namespace["spec"] = old["spec"]


def _terminating_namespace(namespace: Json) -> Json:
    return {**namespace, "status": {"phase": "Terminating"}}


def _default_volume_claim(claim: Json) -> None:
    claim.setdefault("spec", {}).setdefault("resources", {})
    claim["spec"].setdefault("volumeMode", "Filesystem")


def _prepare_volume_claim(claim: Json, old: Json | None) -> None:
    # No controller takes the finalizer of claims in use off again here, so none is set.
    if old is None:
        claim["status"] = {"phase": "Pending"}


def _validate_volume_claim(claim: Json, old: Json | None) -> list[Cause]:
    causes = []
    if not claim["spec"].get("accessModes"):
        text = "Required value: at least 1 access mode is required"
        causes.append(Cause("FieldValueRequired", text, "spec.accessModes"))
    if "storage" not in (claim["spec"]["resources"].get("requests") or {}):
        causes.append(Cause("FieldValueRequired", "Required value", "spec.resources[storage]"))
    return causes


def _default_secret(secret: Json) -> None:
    for key, text in (secret.pop("stringData", None) or {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()
    secret.setdefault("type", "Opaque")
    for text in (secret.get("data") or {}).values():
        try:
            base64.b64decode(text or "", validate=True)
        except ValueError as error:
            raise bad_request(
                'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0'
            ) from error


def _validate_secret(secret: Json, old: Json | None) -> list[Cause]:
    causes = _validate_immutable(secret, old)
    if old is not None and secret["type"] != old["type"]:
        text = f"Invalid value: {json.dumps(secret['type'])}: field is immutable"
        causes.append(Cause("FieldValueInvalid", text, "type"))
    return causes


def _validate_immutable(value: Json, old: Json | None) -> list[Cause]:
    if old is None or not old.get("immutable"):
        return []
    text = "Forbidden: field is immutable when `immutable` is set"
    fields = [name for name in ("immutable", "data", "binaryData") if value.get(name) != old.get(name)]
    return [Cause("FieldValueForbidden", text, name) for name in fields]
