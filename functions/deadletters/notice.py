"""Telling a claim that an event about it was given up: an Event, and the condition `Delivered`."""

import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from shared.claims import KINDS
from shared.claims.meta import API_VERSION
from shared.conditions import DELIVERED, GIVEN_UP, condition
from shared.errors import KubeConflict, PermanentError
from shared.events import ClaimRef
from shared.kube.client import Document, Kube, Resource
from shared.kube.recorder import Recorder

ATTEMPTS: Final = 5
LONGEST_ANSWER: Final = 300

log = logging.getLogger(__name__)


class Notice:
    """Tells claims. `Ready` and whatever else their functions say is left as it is."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._recorder = Recorder(kube, "deadletters")

    def give(self, ref: ClaimRef, letter: Document, *, is_new: bool) -> None:
        """Tell the claim of `letter`, once: one that says so already is not written again.

        A write of ours comes back as an event of its own. If that is given up too, the claim says so already, and
        nothing comes back any more. Raises `TransientError`.
        """
        if ref.kind not in KINDS:
            return
        try:
            self._insist(ref, letter, is_new=is_new)
        except PermanentError as error:  # the letter is kept, and another try would end the same way
            log.warning("%s is not told of DeadLetter %s: %s", ref, letter["metadata"]["name"], error.reason)

    def _insist(self, ref: ClaimRef, letter: Document, *, is_new: bool) -> None:
        resource = Resource(API_VERSION, f"{ref.kind.lower()}s")
        for _ in range(1, ATTEMPTS):
            with suppress(KubeConflict):
                self._once(resource, ref, letter, is_new=is_new)
                return
        self._once(resource, ref, letter, is_new=is_new)

    def _once(self, resource: Resource, ref: ClaimRef, letter: Document, *, is_new: bool) -> None:
        claim = self._kube.get(resource, ref.namespace, ref.name)
        if claim is None:
            return
        conditions = _conditions(claim)
        says_so = any(one.get("type") == DELIVERED and one.get("status") == "False" for one in conditions)
        said = message(letter)
        if is_new or not says_so:
            self._recorder.record(claim, normal=False, reason="EventGivenUp", message=said)
        if says_so:
            return
        told = condition(DELIVERED, "False", GIVEN_UP, said).model_dump(mode="json", exclude_none=True)
        told["lastTransitionTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told["observedGeneration"] = claim["metadata"].get("generation", 0)
        others = [one for one in conditions if one.get("type") != DELIVERED]
        new = sorted([*others, told], key=lambda one: str(one.get("type")))
        self._kube.patch_status(resource, claim, {"conditions": new})


def message(letter: Document) -> str:
    """What happened, and what to do, for people; nothing of the event's data."""
    spec, name = letter["spec"], letter["metadata"]["name"]
    who = f"Trigger {spec['trigger']}" if spec.get("trigger") else spec["destination"] or "its destination"
    code = f" answered {spec['code']}" if spec["code"] else " did not take it"
    answer = f" ({spec['error'][:LONGEST_ANSWER]})" if spec["error"] else ""
    return (
        f"an event about this claim was given up after all retries: {who}{code}{answer}; when the cause is mended, "
        f"`infraforge events replay {name}` sends it again"
    )


def _conditions(claim: Document) -> list[dict[str, Any]]:
    status = claim.get("status")
    found = status.get("conditions") if isinstance(status, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
