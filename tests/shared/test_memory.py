"""What a process remembers of claims: only what is certain, of so many, and only until somebody touches their files."""

import pytest

from shared import memory as module
from shared.events import ClaimRef, Version
from shared.memory import Memory, Settled

REF = ClaimRef("PlatformClaim", "dev", "p")
OTHER = ClaimRef("ApplicationClaim", "dev", "p")
NOW = Version("u", "7")
FOLDER = "environments/nonprod/dev/platform"
SET = "appsets/nonprod/platform/dev-platform-appset.yaml"
SETTLED = Settled("inputs", (FOLDER, SET))


def made(settled: Settled | None = SETTLED) -> Memory:
    memory = Memory()
    memory.remember(REF, NOW, settled, epoch=0)
    return memory


FINISHED = [
    (REF, NOW, True, "that very state"),
    (REF, Version("u", "8"), False, "a later one"),
    (REF, Version("v", "7"), False, "another object by the same name"),
    (REF, None, False, "an event that does not say of which state it is"),
    (OTHER, NOW, False, "another claim"),
]


@pytest.mark.parametrize(("ref", "version", "expected", "why"), FINISHED, ids=[case[3] for case in FINISHED])
def test_finished(ref: ClaimRef, version: Version | None, expected: bool, why: str) -> None:
    assert made().is_finished(ref, version) is expected, why
    assert made(None).is_finished(ref, version) is expected, "also when it is not settled"


IS_YOUNGER = [
    (REF, 4.9, True, "the look began after that"),
    (REF, 5.0, False, "the look began in that moment: the one may have been before the other"),
    (REF, 5.1, False, "the look had begun already"),
    (OTHER, 0.0, False, "nobody has looked at that one"),
]


@pytest.mark.parametrize(("ref", "moment", "expected", "why"), IS_YOUNGER, ids=[case[3] for case in IS_YOUNGER])
def test_younger(ref: ClaimRef, moment: float, expected: bool, why: str) -> None:
    memory = Memory()
    memory.remember(REF, NOW, SETTLED, epoch=0, begun=5.0)

    assert memory.is_younger(ref, moment) is expected, why


IS_SETTLED = [
    (SETTLED, NOW, "inputs", True, "nothing has changed"),
    (SETTLED, Version("u", "8"), "inputs", False, "the claim has changed"),
    (SETTLED, NOW, "others", False, "what it depends on has changed"),
    (SETTLED, NOW, None, False, "nobody can say what it depends on"),
    (SETTLED, None, "inputs", False, "nobody can say which state it is"),
    (None, NOW, "inputs", False, "it was finished with, and not in order"),
    (Settled(None, (FOLDER,)), NOW, None, False, "nothing is never the same as nothing"),
]


@pytest.mark.parametrize(
    ("settled", "version", "inputs", "expected", "why"), IS_SETTLED, ids=[case[4] for case in IS_SETTLED]
)
def test_settled(
    settled: Settled | None, version: Version | None, inputs: str | None, expected: bool, why: str
) -> None:
    assert made(settled).is_settled(REF, version, inputs) is expected, why


def test_a_claim_that_nobody_knows_is_not_settled() -> None:
    assert not Memory().is_settled(REF, NOW, "inputs")


TOUCHED = [
    ({FOLDER}, True, "the folder itself: it appeared or went"),
    ({f"{FOLDER}/redis"}, True, "a folder in it"),
    ({f"{FOLDER}/redis/values.yaml"}, True, "a file deep in it"),
    ({SET}, True, "the set"),
    ({"environments/nonprod/dev"}, True, "the environment went as a whole"),
    ({"environments"}, True, "everything went"),
    (None, True, "nobody can say what changed"),
    (set(), False, "nothing"),
    ({f"{FOLDER}x"}, False, "a name that only begins like it"),
    ({"environments/nonprod/dev/applications/a/values.yaml"}, False, "a neighbour's"),
    ({"environments/nonprod/de"}, False, "a parent's name cut short"),
    ({"appsets/nonprod/platform/qa-platform-appset.yaml"}, False, "another environment's set"),
    ({"README.md"}, False, "something beside all that"),
]


@pytest.mark.parametrize(("paths", "expected", "why"), TOUCHED, ids=[case[2] for case in TOUCHED])
def test_who_is_to_be_looked_at(paths: set[str] | None, expected: bool, why: str) -> None:
    memory = made()
    memory.unsettle(paths)
    assert memory.is_settled(REF, NOW, "inputs") is not expected, why
    assert memory.is_finished(REF, NOW), "of the claim itself everything is known"


@pytest.mark.parametrize("paths", [None, set(), {"README.md"}], ids=["anything", "nothing", "elsewhere"])
def test_every_survey_ends_an_epoch(paths: set[str] | None) -> None:
    """Whoever looked at Git before it may have seen what is no longer so."""
    memory = Memory()
    memory.unsettle(paths)
    memory.remember(REF, NOW, SETTLED, epoch=0)
    assert not memory.is_settled(REF, NOW, "inputs")
    assert memory.is_finished(REF, NOW)
    memory.remember(REF, NOW, SETTLED, epoch=memory.epoch)
    assert memory.is_settled(REF, NOW, "inputs")


def test_forgotten() -> None:
    memory = made()
    memory.forget(REF)
    assert not memory.is_finished(REF, NOW)
    memory.forget(REF)


def test_the_bound() -> None:
    """Whoever was longest not heard of goes; it costs that claim a read, and nothing else."""
    memory = made()
    for number in range(module.MAX_ENTRIES - 1):
        memory.remember(ClaimRef("PlatformClaim", "dev", f"p{number}"), NOW, None, epoch=0)
    memory.remember(REF, NOW, SETTLED, epoch=0)
    memory.remember(OTHER, NOW, None, epoch=0)
    assert memory.is_finished(REF, NOW)
    assert memory.is_finished(OTHER, NOW)
    assert not memory.is_finished(ClaimRef("PlatformClaim", "dev", "p0"), NOW)
    assert memory.is_finished(ClaimRef("PlatformClaim", "dev", "p1"), NOW)


RENEWED = [
    (NOW, Version("u", "8"), True, "our own write took it there"),
    (Version("u", "6"), Version("u", "8"), False, "somebody else's was in between"),
]


@pytest.mark.parametrize(("old", "new", "expected", "why"), RENEWED, ids=[case[3] for case in RENEWED])
def test_renewed(old: Version, new: Version, expected: bool, why: str) -> None:
    memory = made()
    memory.renew(REF, old, new)
    assert memory.is_finished(REF, new) is expected, why
    assert memory.is_settled(REF, new, "inputs") is expected, why
