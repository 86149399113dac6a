"""Which environment a claim means, and what it is told when there is none."""

from typing import Any

import pytest

from shared.claims import BootstrapClaim
from shared.claims.parts import Destination
from shared.environments import Environment, check_names, check_namespace, locate, seniority
from shared.errors import InvalidClaim, NotBootstrapped

PROD = Destination(name="prod-cluster")


def bootstrap(
    *clusters: tuple[str, list[str]],
    done: list[tuple[str, list[str]]] | None = None,
    organization: str = "platform",
    created: str = "2026-01-01T00:00:00Z",
    **status: Any,
) -> BootstrapClaim:
    """A BootstrapClaim that asks for `clusters` and has bootstrapped `done` (all of them unless said)."""
    spec = {
        "gitea": {"url": "http://gitea", "organization": organization},
        "clusters": [{"type": kind, "environments": names} for kind, names in clusters],
    }
    ready = [
        {"type": kind, "environments": names, "destination": {"name": "prod-cluster"} if kind == "prod" else None}
        for kind, names in (clusters if done is None else done)
    ]
    recorded = {
        "phase": "Bootstrapped",
        "charts": {"revision": "c-1"},
        "platformCharts": {"revision": "p-1"},
        "rootApps": ["nonprod-apps"],
        "clusters": ready,
    } | status
    metadata = {"name": "b", "namespace": "platform-system", "uid": organization, "creationTimestamp": created}
    return BootstrapClaim.model_validate(
        {
            "apiVersion": "platform.infraforge.io/v1alpha1",
            "kind": "BootstrapClaim",
            "metadata": metadata,
            "spec": spec,
            "status": recorded,
        }
    )


def test_an_environment_that_is_there() -> None:
    """Everything that generated files need, as the status recorded it."""
    claim = bootstrap(("nonprod", ["dev", "qa"]), ("prod", ["live"]))
    expected = Environment("prod", "live", "platform", PROD, "c-1", "p-1", frozenset({"nonprod-apps"}))
    assert expected == locate([claim], "prod", "live")
    assert expected.folder == "environments/prod/live"


WAITING = [
    ([], "there is no BootstrapClaim", "no platform at all"),
    ([bootstrap(("nonprod", ["dev"]), phase=None)], "is not bootstrapped yet", "no phase yet"),
    ([bootstrap(("nonprod", ["dev"]), charts=None)], "is not bootstrapped yet", "no charts yet"),
    ([bootstrap(("nonprod", ["dev"]), platformCharts=None)], "is not bootstrapped yet", "no platform charts yet"),
    ([bootstrap(("nonprod", ["dev", "qa"]), done=[("nonprod", ["qa"])])], "is not bootstrapped yet", "added just now"),
]


@pytest.mark.parametrize(("claims", "message", "why"), WAITING, ids=[case[2] for case in WAITING])
def test_an_environment_that_is_coming(claims: list[BootstrapClaim], message: str, why: str) -> None:
    with pytest.raises(NotBootstrapped, match=message):
        locate(claims, "nonprod", "dev")


def test_messages_of_waiting() -> None:
    with pytest.raises(NotBootstrapped) as nothing:
        locate([], "nonprod", "dev")
    assert str(nothing.value) == (
        "the platform is not bootstrapped: there is no BootstrapClaim; this claim goes on when there is one"
    )
    with pytest.raises(NotBootstrapped) as coming:
        locate([bootstrap(("nonprod", ["dev"]), done=[])], "nonprod", "dev")
    assert str(coming.value) == (
        'environment "dev" of cluster type "nonprod" is not bootstrapped yet; this claim goes on by itself when it is'
    )


REFUSED = [
    (bootstrap(("prod", ["live"]), ("nonprod", ["dev"])), "edge", "dev", "ClusterTypeUnknown",
     'spec.clusterType: no BootstrapClaim has a cluster type "edge"; there are: nonprod, prod', "an unknown type"),
    (bootstrap(), "edge", "dev", "ClusterTypeUnknown",
     'spec.clusterType: no BootstrapClaim has a cluster type "edge"; there are: none', "a platform without types"),
    (bootstrap(("nonprod", ["qa", "dev"])), "nonprod", "perf", "EnvironmentUnknown",
     'spec.environment: cluster type "nonprod" has no environment "perf"; it has: dev, qa', "an unknown environment"),
    (bootstrap(("nonprod", [])), "nonprod", "perf", "EnvironmentUnknown",
     'spec.environment: cluster type "nonprod" has no environment "perf"; it has: none', "a type without any"),
    (bootstrap(("nonprod", [f"e{number:03}" for number in range(25)])), "nonprod", "perf", "EnvironmentUnknown",
     'spec.environment: cluster type "nonprod" has no environment "perf"; it has: '
     + ", ".join(f"e{number:03}" for number in range(20)) + " and 5 more", "so many that the list is cut"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "kind", "name", "reason", "message", "why"), REFUSED, ids=[case[5] for case in REFUSED]
)
def test_an_environment_that_nobody_asked_for(
    claim: BootstrapClaim, kind: str, name: str, reason: str, message: str, why: str
) -> None:
    with pytest.raises(InvalidClaim) as caught:
        locate([claim], kind, name)
    assert (caught.value.reason, str(caught.value)) == (reason, message), why


def test_two_platforms_that_name_one_environment() -> None:
    """The older one has it, in whatever order they are listed."""
    old = bootstrap(("nonprod", ["dev"]), organization="old", created="2026-01-01T00:00:00Z")
    new = bootstrap(("nonprod", ["dev"]), organization="new", created="2026-01-02T00:00:00Z")
    for listed in ([old, new], [new, old]):
        assert locate(listed, "nonprod", "dev").organization == "old"


def test_seniority_is_age_then_uid() -> None:
    first = bootstrap(organization="a")
    twin = bootstrap(organization="b")
    younger = bootstrap(organization="0", created="2026-01-02T00:00:00Z")
    assert sorted([younger, twin, first], key=seniority) == [first, twin, younger]


BOUND = {"dev": frozenset({"team-b", "team-a"}), "closed": frozenset[str]()}
NAMESPACES = [
    ("team-a", "dev", None, "one of those it is bound to"),
    ("elsewhere", "qa", None, "not bound at all"),
    ("elsewhere", "dev",
     'namespace "elsewhere" may not claim environment "dev": it is bound to team-a, team-b', "another's"),
    ("team-a", "closed",
     'namespace "team-a" may not claim environment "closed": it is bound to no namespace', "nobody's"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("namespace", "environment", "message", "why"), NAMESPACES, ids=[case[3] for case in NAMESPACES]
)
def test_namespaces(namespace: str, environment: str, message: str | None, why: str) -> None:
    claim = bootstrap()
    claim = claim.model_copy(update={"metadata": claim.metadata.model_copy(update={"namespace": namespace})})
    if message is None:
        check_namespace(claim, environment, BOUND)
        return
    with pytest.raises(InvalidClaim) as caught:
        check_namespace(claim, environment, BOUND)
    assert (caught.value.reason, str(caught.value)) == ("NamespaceNotAllowed", message), why


def test_names_of_the_platforms_own_applications() -> None:
    """Two Applications of one name would fight; the root application's is taken."""
    environment = locate([bootstrap(("nonprod", ["dev"]))], "nonprod", "dev")
    check_names(environment, ["dev-a", "dev-b"], "spec.applications")
    with pytest.raises(InvalidClaim) as caught:
        check_names(environment, ["dev-a", "nonprod-apps"], "spec.applications")
    assert caught.value.reason == "NameReserved"
    assert str(caught.value) == (
        'spec.applications[1].name: its Application would be called "nonprod-apps", as the platform\'s own root '
        "application is: choose another name"
    )
