"""An InfrastructureClaim's namespaces as the values of one chart. Pure: the same claim is the same bytes everywhere."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import yaml
from pydantic import ValidationError

from shared.argocd import destination
from shared.canonical import yaml_bytes
from shared.claims import InfrastructureClaim, Namespace
from shared.claims.infrastructure import Quantities
from shared.environments import Environment, seniority

VALUES: Final = "values.yaml"
MAX_BYTES: Final = 4 * 1024 * 1024
"""A larger file is none of ours: a claim, and with it its values, fits into 1.5 MiB."""


def values(namespaces: Iterable[Namespace]) -> bytes:
    """The chart's values, in the order of the names: they are the same when only the claim's order changes."""
    return yaml_bytes({"namespaces": [_entry(one) for one in sorted(namespaces, key=_name)]}, sort_keys=False)


def recorded(content: bytes | None) -> dict[str, Namespace]:
    """Name → namespace of values as they are in Git; what cannot be read there is none."""
    if content is None or len(content) > MAX_BYTES:
        return {}
    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, RecursionError, ValueError):  # a stranger's; ValueError: a date that is none
        return {}
    listed = document.get("namespaces") if isinstance(document, dict) else None
    return {one.name: one for one in _readable(listed if isinstance(listed, list) else [])}


def taken(
    claim: InfrastructureClaim,
    owners: Mapping[tuple[str, str], InfrastructureClaim],
    environments: Mapping[tuple[str, str], Environment],
) -> dict[str, InfrastructureClaim]:
    """Name → the older claim that it belongs to, for the namespaces of `claim` that are another's.

    `owners` are the claims that their environments belong to, `environments` those that exist. A namespace is one on
    each cluster, whichever cluster type deploys there.
    """
    where = claim.spec.clusterType, claim.spec.environment
    ours = _cluster(environments[where]) if where in environments else None
    found: dict[str, InfrastructureClaim] = {}
    for place, other in sorted(owners.items(), key=lambda item: seniority(item[1])):
        if place == where or seniority(other) > seniority(claim) or place not in environments:
            continue
        if _cluster(environments[place]) == ours:
            for one in other.spec.namespaces:
                found.setdefault(one.name, other)
    return {one.name: found[one.name] for one in claim.spec.namespaces if one.name in found}


def is_here(environment: Environment) -> bool:
    """Whether the environment is on the cluster whose claims deploy it, and not on one that ArgoCD alone reaches."""
    return _cluster(environment) == tuple(destination(None).items())


def _cluster(environment: Environment) -> tuple[tuple[str, str], ...]:
    target = destination(environment.destination)
    if target == {"name": "in-cluster"}:  # ArgoCD's own word for where it runs
        target = destination(None)
    return tuple(sorted(target.items()))


def _entry(namespace: Namespace) -> dict[str, Any]:
    """As the chart reads it, without what it would do anyway."""
    limits = {name: _quantities(bound) for name, bound in namespace.limits or () if bound is not None}
    entry = {
        "labels": dict(sorted(namespace.labels.items())),
        "annotations": dict(sorted(namespace.annotations.items())),
        "quota": {name: str(quantity) for name, quantity in sorted(namespace.quota.items())},
        "limits": {name: quantities for name, quantities in limits.items() if quantities},
        "networkPolicy": _network(namespace),
        "access": [one.model_dump(exclude_none=True) for one in namespace.access],
    }
    return {"name": namespace.name} | {name: content for name, content in entry.items() if content}


def _network(namespace: Namespace) -> dict[str, Any]:
    policy = namespace.networkPolicy
    if policy is None:
        return {}
    peers = {"from": sorted(policy.from_), "to": sorted(policy.to)}
    off = {} if policy.enabled else {"enabled": False}
    return off | {name: listed for name, listed in peers.items() if listed}


def _quantities(bound: Quantities) -> dict[str, str]:
    return {name: str(quantity) for name, quantity in bound.model_dump(exclude_none=True).items()}


def _readable(entries: Iterable[object]) -> Iterator[Namespace]:
    for one in entries:
        try:
            yield Namespace.model_validate(one)
        except ValidationError:
            continue


def _name(namespace: Namespace) -> str:
    return namespace.name
