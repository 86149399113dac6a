"""How much a change may remove before a person has to confirm it. Pure.

A slip of the hand (an emptied list, a deleted namespace, a restored backup) looks like a wish. So what would take away
every application of an environment, or many of them at once, or anything that keeps data, waits until the claim is
annotated with a text that names exactly this removal: of these names, for this claim.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.claims.meta import CONFIRM_REMOVAL
from shared.wording import listed

DIGITS: Final = 8
MAX_NAMED: Final = 20


@dataclass(frozen=True)
class Limits:
    """What one change may remove unasked: so many, and such a share (0 to 1) of what an environment has.

    The share counts from two removals on: of two applications one can always go.
    """

    number: int = 10
    share: float = 0.5


@dataclass(frozen=True)
class Removal:
    """What a change of one claim would remove, and what would be left.

    `stateful` are those of `names` that keep data, with the volume claims found for each, and `residents` those that
    claims depend on, with those claims: `bond` says how. `loss` is what becomes of the data.
    """

    names: Sequence[str]
    left: int
    stateful: Mapping[str, Sequence[str]] = field(default_factory=dict)
    residents: Mapping[str, Sequence[str]] = field(default_factory=dict)
    loss: str = "what keeps data would go"
    bond: str = "home of"

    def confirmation(self, uid: str) -> str:
        """The text that confirms exactly this removal, of the claim with this UID."""
        content = "\0".join((uid, *sorted(self.names)))
        return f"remove-{len(self.names)}-{hashlib.sha256(content.encode()).hexdigest()[:DIGITS]}"

    def objection(self, limits: Limits) -> str | None:
        """Why this must be confirmed; None when it need not be."""
        count = len(self.names)
        if not count:
            return None
        if self.stateful:
            return self.loss
        if not self.left:
            return "nothing would be left of the environment"
        if count > limits.number:
            return f"more than {limits.number} would go at once"
        if count > 1 and count > limits.share * (count + self.left):
            return f"more than {limits.share:.0%} of the environment would go at once"
        return None


def is_confirmed(annotations: Mapping[str, str], confirmation: str) -> bool:
    """Whether the claim's annotation says exactly that."""
    return annotations.get(CONFIRM_REMOVAL) == confirmation


def request(removal: Removal, objection: str, confirmation: str, claim: str) -> str:
    """What a person is told: what would go, why that is held, and how to let it go on.

    `claim` is how kubectl addresses the claim, e.g. `applicationclaim/dev-apps -n dev`.
    """
    return (
        f"removing {_shown(removal)} waits for a confirmation, since {objection}; to go on: "
        f"kubectl annotate --overwrite {claim} {CONFIRM_REMOVAL}={confirmation}"
    )


def _shown(removal: Removal) -> str:
    shown = [
        _described(name, removal.stateful.get(name, ()), removal.residents.get(name, ()), removal.bond)
        for name in sorted(removal.names)
    ]
    return listed(shown, MAX_NAMED)


def _described(name: str, volumes: Collection[str], residents: Collection[str], bond: str) -> str:
    told = [f"{bond} {listed(sorted(residents), MAX_NAMED)}"] if residents else []
    told += [f"volume claims {listed(sorted(volumes), MAX_NAMED)}"] if volumes else []
    return f"{name} ({'; '.join(told)})" if told else name
