"""What stands around workloads: addresses of Ingresses and load balancers, autoscalers, disruption budgets."""

from collections.abc import Iterable
from math import ceil
from typing import Any, Final

Json = dict[str, Any]
ADDRESS: Final = "127.0.0.1"
"""Where an Ingress or a load balancer is said to listen. Nothing does."""


def address_status() -> Json:
    """Return the status of an Ingress or of a Service of type LoadBalancer that has its address."""
    return {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}


def autoscaled(autoscaler: Json, replicas: int) -> int:
    """Return the replicas that an autoscaler allows, given what there is: it knows of no load."""
    spec = autoscaler["spec"]
    least, most = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
    return min(max(replicas, least), most)


def autoscaler_status(replicas: int) -> Json:
    """Return the status of an autoscaler that got the scale of its target."""
    text = "the HPA controller was able to get the target's current scale"
    able = {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale", "message": text}
    return {"currentReplicas": replicas, "desiredReplicas": replicas, "conditions": [able]}


def budget_status(budget: Json, workloads: Iterable[Json]) -> Json:
    """Return the status of a disruption budget over the workloads whose pods it selects."""
    selected = [one for one in workloads if selects(budget, one)]
    expected = sum(one["spec"].get("replicas", 1) for one in selected)
    healthy = sum((one.get("status") or {}).get("availableReplicas", 0) for one in selected)
    if "maxUnavailable" in budget["spec"]:
        desired = expected - _share(budget["spec"]["maxUnavailable"], expected)
    else:
        desired = _share(budget["spec"].get("minAvailable", 1), expected)
    allowed = max(0, healthy - desired) if expected else 0
    enough = "True" if allowed else "False"
    reason = "SufficientPods" if allowed else "InsufficientPods"
    return {
        "observedGeneration": budget["metadata"]["generation"],
        "expectedPods": expected,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "conditions": [{"type": "DisruptionAllowed", "status": enough, "reason": reason, "message": ""}],
    }


def selects(budget: Json, workload: Json) -> bool:
    """Whether a disruption budget is about a workload's pods."""
    labels = (workload["spec"]["template"].get("metadata") or {}).get("labels") or {}
    wanted = (budget["spec"].get("selector") or {}).get("matchLabels") or {}
    return bool(wanted) and all(labels.get(key) == text for key, text in wanted.items())


def _share(amount: int | str, total: int) -> int:
    if isinstance(amount, str):
        return ceil(total * int(amount.removesuffix("%")) / 100)
    return amount
