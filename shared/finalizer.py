"""Our finalizer on a claim: there before its first commit, and taken off last of all."""

from contextlib import suppress
from typing import Any

from shared.attempt import Attempt
from shared.claims.meta import FINALIZER
from shared.errors import KubeConflict
from shared.kube.client import KubeNotFound


def is_held(attempt: Attempt[Any]) -> bool:
    """Whether the claim, as it was last read, carries our finalizer."""
    return FINALIZER in _finalizers(attempt)


def hold(attempt: Attempt[Any]) -> None:
    """Put our finalizer on the claim, if it is not there, and go on from what it is then."""
    if not is_held(attempt):
        there = _finalizers(attempt)
        attempt.take(
            attempt.kube.patch_metadata(attempt.kind.resource, attempt.live, {"finalizers": [*there, FINALIZER]})
        )


def let_go(attempt: Attempt[Any]) -> None:
    """Take our finalizer off the claim, and leave those of others alone."""
    if is_held(attempt):
        left = [one for one in _finalizers(attempt) if one != FINALIZER]
        with suppress(KubeNotFound):  # gone already
            attempt.kube.patch_metadata(attempt.kind.resource, attempt.live, {"finalizers": left or None})
    attempt.let_go = True


def reread_held(attempt: Attempt[Any], *, deleting: bool) -> None:
    """Read the claim again; `KubeConflict` when it is no longer what the decision so far was made for."""
    attempt.reread()
    if (attempt.claim.metadata.deletionTimestamp is not None) != deleting or not is_held(attempt):
        raise KubeConflict("the claim was deleted, or lost its finalizer, while it was being worked on")


def _finalizers(attempt: Attempt[Any]) -> list[str]:
    return list(attempt.live["metadata"].get("finalizers") or [])
