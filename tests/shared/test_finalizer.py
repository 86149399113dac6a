"""Our finalizer: put on once, taken off once, and those of others left alone."""

from typing import Any

import pytest

from shared.attempt import Attempt
from shared.claims import PlatformClaim
from shared.claims.meta import FINALIZER
from shared.errors import KubeConflict
from shared.events import ClaimRef
from shared.finalizer import hold, is_held, let_go, reread_held
from shared.kinds import PLATFORM
from shared.kube.recorder import Recorder
from tests.fakes import FakeKube
from tests.shared.bench import document

THEIRS = "example.com/theirs"


def attempt(kube: FakeKube, *finalizers: str) -> Attempt[PlatformClaim]:
    """At a claim that has these."""
    claim = document()
    claim["metadata"]["finalizers"] = list(finalizers)
    kube.put(PLATFORM.resource, claim)
    made = Attempt(PLATFORM, kube, ClaimRef("PlatformClaim", "dev", "p"), "e", recorder=Recorder(kube, "P"), now="now")
    made.reread()
    return made


def finalizers(kube: FakeKube) -> list[str]:
    found: dict[str, Any] = kube.objects["platformclaims", "dev", "p"]["metadata"]
    return list(found.get("finalizers") or [])


def test_put_on_beside_those_of_others() -> None:
    kube = FakeKube()
    one = attempt(kube, THEIRS)
    assert not is_held(one)
    hold(one)
    assert finalizers(kube) == [THEIRS, FINALIZER]
    assert is_held(one), "the attempt goes on from what the claim is now"
    version = one.live["metadata"]["resourceVersion"]
    hold(one)
    assert kube.objects["platformclaims", "dev", "p"]["metadata"]["resourceVersion"] == version, "once is enough"


def test_a_claim_that_changed_meanwhile_is_not_held_blindly() -> None:
    """It may have been deleted: then a finalizer can no longer be added."""
    kube = FakeKube()
    one = attempt(kube)
    kube.put(PLATFORM.resource, document(services=[{"name": "redis"}]))
    with pytest.raises(KubeConflict):
        hold(one)
    assert finalizers(kube) == []


def test_taken_off_and_those_of_others_stay() -> None:
    kube = FakeKube()
    one = attempt(kube, THEIRS, FINALIZER, "example.com/last")
    kube.remove(PLATFORM.resource, "dev", "p")
    one.reread()
    let_go(one)
    assert finalizers(kube) == [THEIRS, "example.com/last"]
    assert one.let_go


def test_the_last_one_lets_the_claim_go() -> None:
    kube = FakeKube()
    one = attempt(kube, FINALIZER)
    kube.remove(PLATFORM.resource, "dev", "p")
    one.reread()
    let_go(one)
    assert not kube.objects


def test_a_claim_that_is_gone_already_is_let_go() -> None:
    """Another process was as far, and faster."""
    kube = FakeKube()
    one = attempt(kube, FINALIZER)
    kube.objects.clear()
    let_go(one)
    assert one.let_go


STATES = [
    ([FINALIZER], False, False, True, "alive and held, as was decided"),
    ([FINALIZER], True, True, True, "being deleted, as was decided"),
    ([FINALIZER], True, False, False, "deleted while its files were being made"),
    ([], False, False, False, "somebody took the finalizer off: nothing would remove what is written now"),
    ([THEIRS], True, True, False, "released while its files were being removed"),
]


@pytest.mark.parametrize(("held", "deleted", "deleting", "good", "why"), STATES, ids=[case[4] for case in STATES])
def test_read_again(held: list[str], deleted: bool, deleting: bool, good: bool, why: str) -> None:
    kube = FakeKube()
    one = attempt(kube, *held)
    if deleted:
        kube.remove(PLATFORM.resource, "dev", "p")
    if good:
        reread_held(one, deleting=deleting)
        return
    with pytest.raises(KubeConflict):
        reread_held(one, deleting=deleting)
        raise AssertionError(why)
