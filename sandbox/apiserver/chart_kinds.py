"""The kinds that rendered charts hold: names, columns and subresources, as the real server's registries have them.

Source: k8s.io/kubernetes, pkg/registry/*/strategy.go (which kinds count generations) and
pkg/printers/internalversion/printers.go (columns).
"""

from collections.abc import Iterator
from typing import Any, Final

from sandbox.apiserver.resources import Column

Json = dict[str, Any]
_API: Final = "io.k8s.api."
_AGE: Final = Column("Age", "string")
_CREATED: Final = Column("Created At", "string", ".metadata.creationTimestamp")
_IMAGES: Final = (Column("Containers", "string", priority=1), Column("Images", "string", priority=1))
_SELECTOR: Final = Column("Selector", "string", priority=1)
_LIVING: Final[Json] = {"status": True, "skeleton": {"spec": {}, "status": {}}}
_COUNTED: Final[Json] = _LIVING | {"generation": True}

_CORE: Final[tuple[Json, ...]] = (
    {
        "kind": "LimitRange",
        "short_names": ("limits",),
        "columns": (_CREATED,),
        "skeleton": {"spec": {}},
    },
    {
        "kind": "ResourceQuota",
        "returned": True,
        "short_names": ("quota",),
        "columns": (Column("Request", "string"), Column("Limit", "string"), _AGE),
        **_LIVING,
    },
    {
        "kind": "Service",
        "returned": True,
        "short_names": ("svc",),
        "categories": ("all",),
        "columns": (
            Column("Type", "string", ".spec.type"),
            Column("Cluster-IP", "string"),
            Column("External-IP", "string"),
            Column("Port(s)", "string"),
            _AGE,
            _SELECTOR,
        ),
        **_LIVING,
    },
)
_APPS: Final[tuple[Json, ...]] = (
    {
        "kind": "DaemonSet",
        "short_names": ("ds",),
        "columns": (
            Column("Desired", "integer", ".status.desiredNumberScheduled"),
            Column("Current", "integer", ".status.currentNumberScheduled"),
            Column("Ready", "integer", ".status.numberReady"),
            Column("Up-to-date", "integer", ".status.updatedNumberScheduled"),
            Column("Available", "integer", ".status.numberAvailable"),
            _AGE,
            *_IMAGES,
            _SELECTOR,
        ),
    },
    {
        "kind": "Deployment",
        "short_names": ("deploy",),
        "columns": (
            Column("Ready", "string"),
            Column("Up-to-date", "integer", ".status.updatedReplicas"),
            Column("Available", "integer", ".status.availableReplicas"),
            _AGE,
            *_IMAGES,
            _SELECTOR,
        ),
    },
    {
        "kind": "StatefulSet",
        "short_names": ("sts",),
        "columns": (Column("Ready", "string"), _AGE, *_IMAGES),
    },
)
_BATCH: Final[tuple[Json, ...]] = (
    {
        "kind": "CronJob",
        "short_names": ("cj",),
        "columns": (
            Column("Schedule", "string", ".spec.schedule"),
            Column("Timezone", "string"),
            Column("Suspend", "boolean"),
            Column("Active", "integer"),
            Column("Last Schedule", "string"),
            _AGE,
            *_IMAGES,
        ),
    },
    {
        "kind": "Job",
        "columns": (
            Column("Status", "string"),
            Column("Completions", "string"),
            Column("Duration", "string"),
            _AGE,
            *_IMAGES,
            _SELECTOR,
        ),
    },
)
_RBAC: Final[tuple[Json, ...]] = (
    {
        "kind": "ClusterRoleBinding",
        "namespaced": False,
        "columns": (Column("Role", "string"), _AGE),
        "skeleton": {"roleRef": {}},
    },
    {"kind": "ClusterRole", "namespaced": False, "columns": (_CREATED,), "skeleton": {"rules": None}},
    {"kind": "RoleBinding", "columns": (Column("Role", "string"), _AGE), "skeleton": {"roleRef": {}}},
    {"kind": "Role", "columns": (_CREATED,), "skeleton": {"rules": None}},
)
_NETWORKING: Final[tuple[Json, ...]] = (
    {
        "kind": "Ingress",
        "plural": "ingresses",
        "short_names": ("ing",),
        "columns": (
            Column("Class", "string"),
            Column("Hosts", "string"),
            Column("Address", "string"),
            Column("Ports", "string"),
            _AGE,
        ),
        **_COUNTED,
    },
    {
        "kind": "NetworkPolicy",
        "plural": "networkpolicies",
        "short_names": ("netpol",),
        "generation": True,
        "columns": (Column("Pod-Selector", "string"), _AGE),
        "skeleton": {"spec": {}},
    },
)
_AUTOSCALING: Final[Json] = {
    "kind": "HorizontalPodAutoscaler",
    "version": "v2",
    "short_names": ("hpa",),
    "categories": ("all",),
    "columns": (
        Column("Reference", "string"),
        Column("Targets", "string"),
        Column("MinPods", "string"),
        Column("MaxPods", "integer", ".spec.maxReplicas"),
        Column("Replicas", "integer", ".status.currentReplicas"),
        _AGE,
    ),
    **_LIVING,
}
_POLICY: Final[Json] = {
    "kind": "PodDisruptionBudget",
    "short_names": ("pdb",),
    "columns": (
        Column("Min Available", "string"),
        Column("Max Unavailable", "string"),
        Column("Allowed Disruptions", "integer", ".status.disruptionsAllowed"),
        _AGE,
    ),
    **_COUNTED,
}

_ADMISSION: Final[tuple[Json, ...]] = (
    {
        "kind": "ValidatingAdmissionPolicy",
        "plural": "validatingadmissionpolicies",
        "columns": (
            Column(
                "Validations",
                "integer",
                "",
                "Validations indicates the number of validation rules defined in this configuration",
            ),
            Column(
                "ParamKind",
                "string",
                "",
                "ParamKind specifies the kind of resources used to parameterize this policy",
            ),
            _AGE,
        ),
        **_COUNTED,
    },
    {
        "kind": "ValidatingAdmissionPolicyBinding",
        "columns": (Column("PolicyName", "string", ".spec.policyName"), Column("ParamRef", "string"), _AGE),
        "generation": True,
        "skeleton": {"spec": {}},
    },
)


def chart_kinds() -> Iterator[Json]:
    """What differs from a namespaced kind of the core group, in discovery's order."""
    yield from _CORE
    yield from _group("apps", _APPS, {"categories": ("all",), **_COUNTED})
    yield from _group("autoscaling", (_AUTOSCALING,), {})
    yield from _group("batch", _BATCH, {"categories": ("all",), **_COUNTED})
    yield from _group("networking.k8s.io", _NETWORKING, {})
    yield from _group("policy", (_POLICY,), {})
    yield from _group(
        "admissionregistration.k8s.io", _ADMISSION, {"namespaced": False, "categories": ("api-extensions",)}
    )
    yield from _group("rbac.authorization.k8s.io", _RBAC, {})


def _group(group: str, kinds: tuple[Json, ...], shared: Json) -> Iterator[Json]:
    package = group.removesuffix(".k8s.io").removesuffix(".authorization")
    for kind in kinds:
        version = kind.get("version", "v1")
        yield {"group": group, "type_name": f"{_API}{package}.{version}.{kind['kind']}", **shared, **kind}
