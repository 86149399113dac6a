"""Conditions by the kstatus conventions: `Ready`, `Reconciling`, `Stalled`, and the steps that explain them.

`Reconciling` and `Stalled` are "abnormal-true": they stand in the list only while they are True, so that
`kubectl wait --for=condition=Ready` and kstatus readers agree about a healthy object
(sigs.k8s.io/cli-utils/pkg/kstatus).
"""

from collections.abc import Iterable
from typing import Final, Literal

from shared.claims.status import Condition

READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
VALID: Final = "Valid"
IMAGES_RESOLVED: Final = "ImagesResolved"
COMMITTED: Final = "Committed"
DEPLOYED: Final = "Deployed"
ORPHANED_ENVIRONMENTS: Final = "OrphanedEnvironments"
DELIVERED: Final = "Delivered"
"""False while an event about the claim is given up and no function has dealt with the claim since; else absent."""
GIVEN_UP: Final = "GivenUp"
"""The reason of `Delivered`."""

ConditionStatus = Literal["True", "False", "Unknown"]

MAX_MESSAGE: Final = 1024

NOT_TRACKED: Final = (DEPLOYED, "Unknown", "NotTracked", "what ArgoCD makes of it is not looked at")
"""The arguments of `condition` where nobody asks ArgoCD."""


def condition(kind: str, status: ConditionStatus, reason: str, message: str) -> Condition:
    """A condition that has not been placed in a status yet: no transition time, no generation."""
    return Condition(type=kind, status=status, reason=reason, message=_shorten(message))


def merge(recorded: Iterable[Condition], current: Iterable[Condition], *, generation: int, now: str) -> list[Condition]:
    """`current`, with the transition times of `recorded` kept wherever the status did not change.

    `now` is RFC 3339 in UTC. The result is sorted by type, so that the same conditions are the same bytes.
    """
    before = {one.type: one for one in recorded}
    merged = []
    for one in current:
        old = before.get(one.type)
        since = (old.lastTransitionTime if old is not None and old.status == one.status else None) or now
        merged.append(one.model_copy(update={"lastTransitionTime": since, "observedGeneration": generation}))
    return sorted(merged, key=lambda one: one.type)


def replace(recorded: Iterable[Condition], current: Condition, generation: int | None, now: str) -> list[Condition]:
    """`recorded` with `current` in the place of its type; the others stay as they are."""
    found = list(recorded)
    old = find(found, current.type)
    since = (old.lastTransitionTime if old is not None and old.status == current.status else None) or now
    placed = current.model_copy(update={"lastTransitionTime": since, "observedGeneration": generation})
    return sorted([*(one for one in found if one.type != current.type), placed], key=lambda one: one.type)


def find(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """The condition of that type, if it is there."""
    return next((one for one in conditions if one.type == kind), None)


def _shorten(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
