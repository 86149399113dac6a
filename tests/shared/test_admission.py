"""Who may write an environment: whose Gitea, whose namespace, and who was first."""

from typing import Any

import pytest

from shared.admission import Admission
from shared.claims import PlatformClaim
from shared.errors import InvalidClaim, NotBootstrapped
from shared.kinds import BOOTSTRAP, PLATFORM
from tests.fakes import FakeKube

GITEA = "http://gitea-http.gitea.svc:3000"
API = {"apiVersion": "platform.infraforge.io/v1alpha1"}
STATUS = {
    "phase": "Bootstrapped",
    "charts": {"revision": "c"},
    "platformCharts": {"revision": "p"},
    "clusters": [{"type": "nonprod", "environments": ["dev", "qa"]}],
}


def bootstrap(url: str = GITEA, namespace: str = "platform-system", **changes: Any) -> dict[str, Any]:
    spec = {"gitea": {"url": url, "organization": "o"}, "clusters": [{"type": "nonprod", "environments": ["dev"]}]}
    metadata = {"name": "b", "namespace": namespace}
    return API | {"kind": "BootstrapClaim", "metadata": metadata, "spec": spec, "status": STATUS} | changes


def platform(name: str, namespace: str = "dev", environment: str = "dev", **spec: Any) -> dict[str, Any]:
    whole = {"clusterType": "nonprod", "environment": environment, "services": []} | spec
    return API | {"kind": "PlatformClaim", "metadata": {"name": name, "namespace": namespace}, "spec": whole}


@pytest.fixture
def kube() -> FakeKube:
    """An API server with the platform in it."""
    kube = FakeKube()
    kube.put(BOOTSTRAP.resource, bootstrap())
    return kube


def admission(kube: FakeKube, **changes: Any) -> Admission:
    settings: dict[str, Any] = {
        "gitea_url": GITEA,
        "system_namespace": "platform-system",
        "cluster_types": frozenset(),
        "environment_namespaces": {},
    }
    return Admission(kube, **(settings | changes))


def put(kube: FakeKube, document: dict[str, Any], created: str = "2026-01-01T00:00:00Z") -> PlatformClaim:
    return PLATFORM.parse(kube.put(PLATFORM.resource, document, created=created))


def test_admitted(kube: FakeKube) -> None:
    environment = admission(kube).admit(put(kube, platform("p")), PLATFORM)
    assert (environment.organization, environment.folder) == ("o", "environments/nonprod/dev")


NOT_COUNTING = [
    (bootstrap(url="http://elsewhere:3000"), "another Gitea's: its organization would be looked for in ours"),
    (bootstrap(namespace="team-a"), "outside of the operators' namespace: anybody could have written it"),
    (bootstrap(spec={"gitea": {}}), "one that cannot be read: its own status says so"),
]


@pytest.mark.parametrize(("document", "why"), NOT_COUNTING, ids=[case[1].partition(":")[0] for case in NOT_COUNTING])
def test_bootstrap_claims_that_do_not_count(document: dict[str, Any], why: str) -> None:
    kube = FakeKube()
    kube.put(BOOTSTRAP.resource, document)
    with pytest.raises(NotBootstrapped, match="there is no BootstrapClaim"):
        admission(kube).admit(put(kube, platform("p")), PLATFORM)


def test_a_url_with_a_slash_is_the_same_gitea() -> None:
    kube = FakeKube()
    kube.put(BOOTSTRAP.resource, bootstrap(url=f"{GITEA}/"))
    assert admission(kube).admit(put(kube, platform("p")), PLATFORM).organization == "o"


def test_a_type_that_another_installation_serves(kube: FakeKube) -> None:
    """Refused before anything is asked: whether the environment exists is the other installation's to say."""
    with pytest.raises(InvalidClaim) as caught:
        admission(kube, cluster_types=frozenset({"prod", "edge"})).admit(put(kube, platform("p")), PLATFORM)
    assert caught.value.reason == "ClusterTypeNotServed"
    assert str(caught.value) == ('spec.clusterType: this installation does not serve "nonprod"; it serves edge, prod')


def test_a_namespace_that_is_bound_elsewhere(kube: FakeKube) -> None:
    bound = {"dev": frozenset({"team-a"})}
    with pytest.raises(InvalidClaim) as caught:
        admission(kube, environment_namespaces=bound).admit(put(kube, platform("p")), PLATFORM)
    assert caught.value.reason == "NamespaceNotAllowed"


OWNERS = [
    ({}, "2026-01-02T00:00:00Z", True, "the older one owns it"),
    ({}, "2025-12-31T00:00:00Z", False, "a younger one does not"),
    ({"environment": "qa"}, "2025-12-31T00:00:00Z", True, "another environment is another's"),
    ({"services": "broken"}, "2025-12-31T00:00:00Z", True, "one that cannot be read writes nothing, so owns nothing"),
]


@pytest.mark.parametrize(("other", "created", "admitted", "why"), OWNERS, ids=[case[3] for case in OWNERS])
def test_one_owner(kube: FakeKube, other: dict[str, Any], created: str, admitted: bool, why: str) -> None:
    kube.put(PLATFORM.resource, platform("other", "team-b", **other), created=created)
    claim = put(kube, platform("p"))
    if admitted:
        assert admission(kube).admit(claim, PLATFORM), why
        return
    with pytest.raises(InvalidClaim) as caught:
        admission(kube).admit(claim, PLATFORM)
    assert caught.value.reason == "EnvironmentConflict"
    assert str(caught.value) == (
        'environment "dev" of cluster type "nonprod" belongs to PlatformClaim team-b/other, which is older: '
        "move the content there, or delete one of the two"
    )


def test_of_two_made_in_one_second_exactly_one_owns(kube: FakeKube) -> None:
    """Creation times have whole seconds; the UID decides, and for both in the same way."""
    first, second = put(kube, platform("a")), put(kube, platform("b"))
    assert admission(kube).admit(first, PLATFORM)
    with pytest.raises(InvalidClaim):
        admission(kube).admit(second, PLATFORM)


def test_whose_an_environment_is(kube: FakeKube) -> None:
    """The oldest's, by the rule that admits it; who may not claim it, or cannot be read, owns nothing."""
    put(kube, platform("younger"))
    put(kube, platform("older"), created="2025-01-01T00:00:00Z")
    put(kube, platform("elsewhere", environment="qa"))
    put(kube, platform("outsider", namespace="far", environment="stage"), created="2024-01-01T00:00:00Z")
    kube.put(PLATFORM.resource, platform("broken", environment="prod", services=[{"name": "namespaces"}]))
    rules = admission(kube, environment_namespaces={"stage": frozenset({"dev"})})
    names = {place: claim.metadata.name for place, claim in rules.owners(PLATFORM).items()}
    assert names == {("nonprod", "dev"): "older", ("nonprod", "qa"): "elsewhere"}
    found = rules.owners(PLATFORM, ("nonprod", "qa"))
    assert [claim.metadata.name for claim in found.values()] == ["elsewhere"]
    assert rules.owners(PLATFORM, ("nonprod", "later")) == {}
