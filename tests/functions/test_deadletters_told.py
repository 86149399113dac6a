"""Which claims are told that an event of theirs was given up, and when."""

import pytest

from shared.errors import Forbidden, KubeUnavailable, TransientError
from shared.kinds import APPLICATION
from tests.fakes import FakeKube
from tests.functions.office import Office
from tests.functions.platform import example

CLAIMS = [
    ({}, True, "an ApplicationClaim"),
    ({"name": "gone"}, False, "a claim that is gone"),
    ({"kind": "Application", "namespace": "argocd"}, False, "ArgoCD's"),
    ({"kind": "", "type": "dev.knative.sources.ping"}, False, "a ping"),
    ({"type": "dev.knative.apiserver.resource.delete"}, True, "a deletion, of one that is there again"),
    ({"kind": "Secret"}, False, "no kind of ours"),
]


@pytest.mark.parametrize(("attributes", "is_told", "reason"), CLAIMS, ids=[case[2] for case in CLAIMS])
def test_who_is_told(office: Office, attributes: dict[str, str], is_told: bool, reason: str) -> None:
    office.kube.put(APPLICATION.resource, example("dev/dev-apps-claim.yaml"))
    office.give_up(**attributes)
    assert len(office.kept()) == 1
    assert (len(office.kube.status_writes), len(office.kube.events)) == ((1, 1) if is_told else (0, 0)), reason


def test_a_claim_that_changes_meanwhile_is_read_again(office: Office) -> None:
    """What its function wrote in between stays."""
    claim = office.kube.put(APPLICATION.resource, example("dev/dev-apps-claim.yaml"))
    ready = {"type": "Ready", "status": "True", "reason": "Committed", "message": "x"}

    def function_writes() -> None:
        live = office.kube.get(APPLICATION.resource, "dev", "dev-apps")
        assert live is not None
        FakeKube.patch_status(office.kube, APPLICATION.resource, live, {"conditions": [ready]})

    office.kube.between = function_writes
    office.give_up()
    written = office.kube.status_writes[-1]["conditions"]
    assert [one["type"] for one in written] == ["Delivered", "Ready"]
    assert written[1] == ready
    assert claim["metadata"]["generation"] == written[0]["observedGeneration"]


def test_a_claim_that_may_not_be_told_costs_no_letter(office: Office) -> None:
    office.kube.put(APPLICATION.resource, example("dev/dev-apps-claim.yaml"))
    office.kube.faults["patch_status"] = [Forbidden("RBAC")]
    office.give_up()
    assert len(office.kept()) == 1


def test_a_claim_that_cannot_be_told_now_is_told_when_the_broker_comes_again(office: Office) -> None:
    office.kube.put(APPLICATION.resource, example("dev/dev-apps-claim.yaml"))
    office.kube.faults["patch_status"] = [KubeUnavailable("down")]
    with pytest.raises(TransientError):
        office.give_up()
    office.give_up()
    assert (len(office.kept()), len(office.kube.status_writes), len(office.kube.events)) == (1, 1, 1)
