"""How much may go unasked: every rule, and every border of it; and the text that confirms exactly one removal."""

import pytest

from shared.claims.meta import CONFIRM_REMOVAL
from shared.removal import Limits, Removal, is_confirmed, request


def names(count: int) -> list[str]:
    return [f"a{number}" for number in range(count)]


NOTHING_LEFT = "nothing would be left of the environment"
TEN = "more than 10 would go at once"
HALF = "more than 50% of the environment would go at once"
DATA = "what keeps data would go"
RULES = [
    (0, 0, 0, Limits(), None, "nothing goes, from an empty environment"),
    (0, 5, 0, Limits(), None, "nothing goes"),
    (1, 1, 0, Limits(), None, "one of two: a share counts from two on"),
    (1, 0, 0, Limits(), NOTHING_LEFT, "the only one"),
    (3, 0, 0, Limits(), NOTHING_LEFT, "all of three: said before the share is"),
    (20, 0, 0, Limits(), NOTHING_LEFT, "all of twenty: said before the number is"),
    (2, 2, 0, Limits(), None, "exactly half"),
    (2, 1, 0, Limits(), HALF, "two of three"),
    (3, 2, 0, Limits(), HALF, "just more than half"),
    (10, 10, 0, Limits(), None, "exactly ten, exactly half"),
    (11, 100, 0, Limits(), TEN, "one more than ten, of many"),
    (10, 100, 0, Limits(), None, "ten of many"),
    (11, 1, 0, Limits(), TEN, "both number and share: the number is said"),
    (1, 5, 1, Limits(), DATA, "one that keeps data, of many"),
    (1, 0, 1, Limits(), DATA, "the only one, and it keeps data: the graver is said"),
    (11, 100, 3, Limits(), DATA, "many, some of which keep data"),
    (1, 1, 0, Limits(number=0), "more than 0 would go at once", "an installation where every removal is confirmed"),
    (5, 1, 0, Limits(number=100, share=1), None, "an installation that is asked for nothing but the last"),
    (1, 9, 0, Limits(number=10, share=0), None, "no share at all: one alone still can go"),
    (2, 9, 0, Limits(number=10, share=0), "more than 0% of the environment would go at once", "and two cannot"),
]


@pytest.mark.parametrize(
    ("gone", "left", "stateful", "limits", "expected", "why"), RULES, ids=[case[5].partition(":")[0] for case in RULES]
)
def test_objections(gone: int, left: int, stateful: int, limits: Limits, expected: str | None, why: str) -> None:
    data: dict[str, list[str]] = {name: [] for name in names(stateful)}
    assert Removal(names(gone), left, data).objection(limits) == expected, why


def test_the_confirmation_is_of_these_names_for_this_claim() -> None:
    """The same in any order and whatever is left; another for every other removal and for every other claim."""
    text = Removal(["b", "a"], 3).confirmation("uid-1")
    assert text == Removal(["a", "b"], 0, {"a": ["data-a-0"]}).confirmation("uid-1")
    assert text.startswith("remove-2-")
    assert len(text) == len("remove-2-") + 8
    others = [
        (["a", "b"], "uid-2", "the same names of a claim that was created again"),
        (["a"], "uid-1", "fewer"),
        (["a", "b", "c"], "uid-1", "more"),
        (["ab"], "uid-1", "joined"),
        (["a", "c"], "uid-1", "as many others"),
    ]
    for wanted, uid, why in others:
        assert Removal(wanted, 3).confirmation(uid) != text, why


CONFIRMATIONS = [
    ({CONFIRM_REMOVAL: "remove-1-abcdef01"}, True, "to the letter"),
    ({}, False, "no annotation"),
    ({CONFIRM_REMOVAL: ""}, False, "an empty one"),
    ({CONFIRM_REMOVAL: "true"}, False, "a yes to nobody knows what"),
    ({CONFIRM_REMOVAL: "remove-1-abcdef02"}, False, "another removal's"),
    ({CONFIRM_REMOVAL: " remove-1-abcdef01"}, False, "almost"),
    ({"confirm-removal": "remove-1-abcdef01"}, False, "another annotation"),
]


@pytest.mark.parametrize(("annotations", "expected", "why"), CONFIRMATIONS, ids=[case[2] for case in CONFIRMATIONS])
def test_confirmed(annotations: dict[str, str], expected: bool, why: str) -> None:
    assert is_confirmed(annotations, "remove-1-abcdef01") is expected, why


def test_what_a_person_is_told() -> None:
    """What would go, with its volume claims; why it is held; and the whole command that lets it go on."""
    removal = Removal(["redis", "kafka"], 0, {"kafka": ["data-1", "data-0"], "redis": []})
    assert request(removal, "what keeps data would go", "remove-2-x", "platformclaim/p -n dev") == (
        "removing kafka (volume claims data-0, data-1), redis waits for a confirmation, since what keeps data would "
        "go; to go on: kubectl annotate --overwrite platformclaim/p -n dev "
        "platform.infraforge.io/confirm-removal=remove-2-x"
    )


def test_many_are_counted() -> None:
    """A status has room for so many; the confirmation is of all of them."""
    told = request(Removal(names(25), 0), "o", "c", "claim")
    assert "a0, a1, a10" in told
    assert " and 5 more waits for" in told
    volumes = request(Removal(["db"], 0, {"db": [f"v{number:02}" for number in range(30)]}), "o", "c", "claim")
    assert "v19" in volumes
    assert "v20" not in volumes
