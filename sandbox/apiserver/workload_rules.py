"""What the real server fills into workloads and Services, and which of their fields may not change.

Defaults are those of the kinds' own specs (k8s.io/kubernetes, pkg/apis/*/v1/defaults.go) and of ports; what a container
or a volume gets besides is not filled in. The refusals are the ones that a chart's values can run into.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from sandbox.apiserver.causes import Cause

Json = dict[str, Any]
_IMMUTABLE: Final = "field is immutable"
_STATEFUL_SET: Final = (
    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
    "forbidden"
)
_STATEFUL_SET_MAY_CHANGE: Final = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)
_DEPLOYMENT: Final[Json] = {
    "replicas": 1,
    "strategy": {"type": "RollingUpdate"},
    "revisionHistoryLimit": 10,
    "progressDeadlineSeconds": 600,
}
_STATEFUL: Final[Json] = {
    "replicas": 1,
    "podManagementPolicy": "OrderedReady",
    "updateStrategy": {"type": "RollingUpdate"},
    "revisionHistoryLimit": 10,
    "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
}
_DAEMON: Final[Json] = {"updateStrategy": {"type": "RollingUpdate"}, "revisionHistoryLimit": 10}
_JOB: Final[Json] = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "completionMode": "NonIndexed"}
_CRON_JOB: Final[Json] = {
    "concurrencyPolicy": "Allow",
    "suspend": False,
    "successfulJobsHistoryLimit": 3,
    "failedJobsHistoryLimit": 1,
}
_SERVICE: Final[Json] = {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}


@dataclass(frozen=True)
class Rules:
    """`defaults` fills an object in place; `validate` says what is wrong with it, given its stored version or None."""

    defaults: Callable[[Json], None] = lambda _: None
    validate: Callable[[Json, Json | None], list[Cause]] = lambda _new, _old: []


def _filling(values: Json) -> Callable[[Json], None]:
    def fill(value: Json) -> None:
        spec = value.setdefault("spec", {})
        for key, default in values.items():
            spec.setdefault(key, deepcopy(default))
        pod = (spec.get("template") or {}).get("spec") or {}
        for container in pod.get("containers") or ():
            _fill_protocols(container.get("ports") or ())

    return fill


def _fill_service(service: Json) -> None:
    _filling(_SERVICE)(service)
    ports = service["spec"].get("ports") or ()
    _fill_protocols(ports)
    for port in ports:
        port.setdefault("targetPort", port.get("port"))


def _fill_protocols(ports: Any) -> None:
    for port in ports:
        port.setdefault("protocol", "TCP")


def _check_selector(value: Json, old: Json | None) -> list[Cause]:
    """Judge a workload's selector: it may never change, and the template's labels must match it."""
    selector, template = value["spec"]["selector"], value["spec"]["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    causes = []
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != text for key, text in wanted.items()):
        causes.append(_invalid(labels, "`selector` does not match template `labels`", "spec.template.metadata.labels"))
    if old is not None and old["spec"]["selector"] != selector:
        causes.append(_invalid(selector, _IMMUTABLE, "spec.selector"))
    return causes


def _check_stateful_set(value: Json, old: Json | None) -> list[Cause]:
    if old is None:
        return _check_selector(value, None)
    was, now = old["spec"], value["spec"]
    changed = {key for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
    if changed - _STATEFUL_SET_MAY_CHANGE:
        return [Cause("FieldValueForbidden", _STATEFUL_SET, "spec")]
    return _check_selector(value, old)


def _check_job(value: Json, old: Json | None) -> list[Cause]:
    if old is None:
        return []
    fixed = ("template", "completions", "completionMode", "selector")
    return [
        _invalid(value["spec"].get(name), _IMMUTABLE, f"spec.{name}")
        for name in fixed
        if value["spec"].get(name) != old["spec"].get(name)
    ]


def _invalid(value: Any, text: str, field: str) -> Cause:
    shown = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {text}", field)


RULES: Final[Mapping[str, Rules]] = {
    "cronjobs.batch": Rules(_filling(_CRON_JOB)),
    "daemonsets.apps": Rules(_filling(_DAEMON), _check_selector),
    "deployments.apps": Rules(_filling(_DEPLOYMENT), _check_selector),
    "jobs.batch": Rules(_filling(_JOB), _check_job),
    "statefulsets.apps": Rules(_filling(_STATEFUL), _check_stateful_set),
    "services": Rules(_fill_service),
}
"""By `plural.group`."""
