"""The cells of `kubectl get` that code fills for the kinds that rendered charts hold.

Source: k8s.io/kubernetes, pkg/printers/internalversion/printers.go.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sandbox.apiserver import pods
from sandbox.apiserver.timestamps import age

Json = dict[str, Any]
_NONE: Final = "<none>"
_UNSET: Final = "<unset>"
_UNKNOWN: Final = "<unknown>"


def cell(kind: str, name: str, value: Json, now: datetime) -> Any:
    """Return the cell of column `name`; None when the kind has no such computed cell."""
    if kind == "Pod":
        return pods.cell(name, value, now)
    fill = _CELLS.get((kind, name)) or _CELLS.get(("", name))
    return None if fill is None else fill(value, now)


def _spec(value: Json) -> Json:
    return value.get("spec") or {}


def _status(value: Json) -> Json:
    return value.get("status") or {}


def _ready(value: Json, _: datetime) -> str:
    return f"{_status(value).get('readyReplicas', 0)}/{_spec(value).get('replicas', 1)}"


def _pod(value: Json) -> Json:
    spec = (_spec(value).get("jobTemplate") or {}).get("spec") or _spec(value)
    pod: Json = (spec.get("template") or {}).get("spec") or {}
    return pod


def _containers(field: str) -> Callable[[Json, datetime], str]:
    return lambda value, _: ",".join(one.get(field, "") for one in _pod(value).get("containers") or ())


def _labels(labels: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={text}" for key, text in sorted((labels or {}).items())) or _NONE


def _selector(value: Json, _: datetime) -> str:
    selector = _spec(value).get("selector") or {}
    return _labels(selector.get("matchLabels") if "matchLabels" in selector else selector)


def _pod_selector(value: Json, _: datetime) -> str:
    return _labels((_spec(value).get("podSelector") or {}).get("matchLabels"))


def _ports(value: Json, _: datetime) -> str:
    ports = [f"{port['port']}/{port.get('protocol', 'TCP')}" for port in _spec(value).get("ports") or ()]
    return ",".join(ports) or _NONE


def _external(value: Json, _: datetime) -> str:
    addresses = (_status(value).get("loadBalancer") or {}).get("ingress") or ()
    pending = "<pending>" if _spec(value).get("type") == "LoadBalancer" else _NONE
    return ",".join(one.get("ip") or one.get("hostname", "") for one in addresses) or pending


def _job_status(value: Json, _: datetime) -> str:
    kept = {one["type"]: one["status"] for one in _status(value).get("conditions") or ()}
    return next((kind for kind in ("Complete", "Failed", "Suspended") if kept.get(kind) == "True"), "Running")


def _completions(value: Json, _: datetime) -> str:
    return f"{_status(value).get('succeeded', 0)}/{_spec(value).get('completions', 1)}"


def _duration(value: Json, now: datetime) -> str:
    started, ended = _status(value).get("startTime"), _status(value).get("completionTime")
    return "" if started is None else age(started, datetime.fromisoformat(ended) if ended else now)


def _hosts(value: Json, _: datetime) -> str:
    return ",".join(rule["host"] for rule in _spec(value).get("rules") or () if rule.get("host")) or "*"


def _reference(value: Json, _: datetime) -> str:
    target = _spec(value).get("scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _targets(value: Json, _: datetime) -> str:
    shown = []
    for metric in _spec(value).get("metrics") or ():
        resource = metric.get("resource") or {}
        wanted = (resource.get("target") or {}).get("averageUtilization")
        shown.append(f"{resource.get('name', metric.get('type', '').lower())}: {_UNKNOWN}/{wanted or '?'}%")
    return ", ".join(shown) or _NONE


def _role(value: Json, _: datetime) -> str:
    return f"{value['roleRef'].get('kind', '')}/{value['roleRef'].get('name', '')}"


def _param_kind(value: Json, _: datetime) -> str:
    kind = _spec(value).get("paramKind")
    return f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else _UNSET


def _budget(field: str) -> Callable[[Json, datetime], str]:
    return lambda value, _: str(_spec(value).get(field, "N/A"))


def _quota(*, limits: bool) -> Callable[[Json, datetime], str]:
    def fill(value: Json, _: datetime) -> str:
        used = _status(value).get("used") or {}
        hard = _status(value).get("hard") or _spec(value).get("hard") or {}
        named = [name for name in sorted(hard) if name.startswith("limits.") is limits]
        return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in named)

    return fill


_CELLS: Final[Mapping[tuple[str, str], Callable[[Json, datetime], Any]]] = {
    ("", "Containers"): _containers("name"),
    ("", "Images"): _containers("image"),
    ("", "Selector"): _selector,
    ("", "Role"): _role,
    ("Deployment", "Ready"): _ready,
    ("StatefulSet", "Ready"): _ready,
    ("Service", "Cluster-IP"): lambda value, _: _spec(value).get("clusterIP") or _NONE,
    ("Service", "External-IP"): _external,
    ("Service", "Port(s)"): _ports,
    ("CronJob", "Timezone"): lambda value, _: _spec(value).get("timeZone") or _NONE,
    ("CronJob", "Suspend"): lambda value, _: str(_spec(value).get("suspend", False)),
    ("CronJob", "Active"): lambda value, _: len(_status(value).get("active") or ()),
    ("CronJob", "Last Schedule"): lambda value, now: (
        age(_status(value)["lastScheduleTime"], now) if "lastScheduleTime" in _status(value) else _NONE
    ),
    ("Job", "Status"): _job_status,
    ("Job", "Completions"): _completions,
    ("Job", "Duration"): _duration,
    ("Ingress", "Class"): lambda value, _: _spec(value).get("ingressClassName") or _NONE,
    ("Ingress", "Hosts"): _hosts,
    ("Ingress", "Address"): lambda _value, _now: "",
    ("Ingress", "Ports"): lambda value, _: "80, 443" if _spec(value).get("tls") else "80",
    ("NetworkPolicy", "Pod-Selector"): _pod_selector,
    ("HorizontalPodAutoscaler", "Reference"): _reference,
    ("HorizontalPodAutoscaler", "Targets"): _targets,
    ("HorizontalPodAutoscaler", "MinPods"): lambda value, _: str(_spec(value).get("minReplicas", _UNSET)),
    ("ValidatingAdmissionPolicy", "Validations"): lambda value, _: len(_spec(value).get("validations") or ()),
    ("ValidatingAdmissionPolicy", "ParamKind"): _param_kind,
    ("ValidatingAdmissionPolicyBinding", "ParamRef"): lambda value, _: (
        f"*/{_spec(value)['paramRef'].get('name', '')}" if "paramRef" in _spec(value) else _UNSET
    ),
    ("PodDisruptionBudget", "Min Available"): _budget("minAvailable"),
    ("PodDisruptionBudget", "Max Unavailable"): _budget("maxUnavailable"),
    ("ResourceQuota", "Request"): _quota(limits=False),
    ("ResourceQuota", "Limit"): _quota(limits=True),
}
