"""Who lives where, what nobody claims, and what never belonged there: pure, over a tree in a dictionary."""

from collections.abc import Sequence
from typing import Any

import pytest

from functions.bootstrap.tenancy import Place, Tenants, named, survey
from shared.claims import ClusterSpec

DEV, QA, PROD = ("nonprod", "dev"), ("nonprod", "qa"), ("prod", "prod")
CLUSTERS = [ClusterSpec(type="nonprod", environments=["dev", "qa"]), ClusterSpec(type="prod", environments=["prod"])]
SKELETON = [
    path
    for cluster in CLUSTERS
    for path in (
        *(f"appsets/{cluster.type}/{role}/.gitkeep" for role in ("apps", "platform")),
        *(f"root-apps/{cluster.type}/{role}-rootapp.yaml" for role in ("apps", "platform")),
        *(
            f"environments/{cluster.type}/{name}/{folder}/.gitkeep"
            for name in cluster.environments
            for folder in ("applications", "platform")
        ),
    )
]
DEV_APP = ["environments/nonprod/dev/applications/a/values.yaml", "appsets/nonprod/apps/dev-appset.yaml"]
DEV_SERVICE = [
    "environments/nonprod/dev/platform/redis/values.yaml",
    "appsets/nonprod/platform/dev-platform-appset.yaml",
]


DEV_NAMESPACES = "environments/nonprod/dev/platform/namespaces/values.yaml"


class Tree:
    """The names in the folders of these files."""

    def __init__(self, *files: str) -> None:
        self._files = [file.split("/") for file in files]

    def __call__(self, folder: str) -> Sequence[str]:
        way = folder.split("/") if folder else []
        inside = {file[len(way)] for file in self._files if file[: len(way)] == way and len(file) > len(way)}
        return sorted(inside)


def claim(kind: str, spec: Any, name: str = "c") -> tuple[str, dict[str, Any]]:
    return kind, {"metadata": {"namespace": "n", "name": name}, "spec": spec}


def at(place: Place) -> dict[str, Any]:
    return {"clusterType": place[0], "environment": place[1]}


def everywhere(_: str) -> bool:
    return True


APPS, SERVICES = claim("ApplicationClaim", at(DEV), "apps"), claim("PlatformClaim", at(DEV), "services")
SPACES = claim("InfrastructureClaim", at(DEV), "spaces")
NOBODY = Tenants()
BOTH = Tenants.of([APPS, SERVICES])
ORPHANS: list[tuple[list[str], Tenants, dict[Place, tuple[str, ...]], str]] = [
    ([], NOBODY, {}, "a skeleton alone"),
    ([*DEV_APP, *DEV_SERVICE], BOTH, {}, "everything is claimed"),
    (DEV_APP, NOBODY, {DEV: ("environments/nonprod/dev/applications/a", DEV_APP[1])}, "applications without a claim"),
    (
        [*DEV_APP, *DEV_SERVICE],
        Tenants.of([APPS]),
        {DEV: ("environments/nonprod/dev/platform/redis", DEV_SERVICE[1])},
        "only the services are nobody's",
    ),
    (
        [*DEV_SERVICE, DEV_NAMESPACES],
        Tenants.of([SERVICES]),
        {DEV: ("environments/nonprod/dev/platform/namespaces",)},
        "only the namespaces are nobody's: the set is the services' claim's",
    ),
    (
        [*DEV_SERVICE, DEV_NAMESPACES],
        Tenants.of([SPACES]),
        {DEV: ("environments/nonprod/dev/platform/redis",)},
        "only the services are: the set is the namespaces' claim's",
    ),
    ([*DEV_SERVICE, DEV_NAMESPACES], Tenants.of([SERVICES, SPACES]), {}, "both are claimed"),
    ([DEV_APP[1]], NOBODY, {DEV: (DEV_APP[1],)}, "a set whose applications are gone"),
    (
        ["environments/nonprod/old/applications/a/values.yaml", "appsets/nonprod/apps/old-appset.yaml"],
        NOBODY,
        {("nonprod", "old"): ("environments/nonprod/old", "appsets/nonprod/apps/old-appset.yaml")},
        "an environment that nobody asked for",
    ),
    (
        ["environments/nonprod/old/applications/.gitkeep"],
        NOBODY,
        {("nonprod", "old"): ("environments/nonprod/old",)},
        "an empty one: whether it belongs there is still a person's to say",
    ),
    (
        ["environments/edge/x/applications/a/values.yaml", "appsets/edge/apps/x-appset.yaml"],
        NOBODY,
        {("edge", "x"): ("environments/edge/x", "appsets/edge/apps/x-appset.yaml")},
        "one of a type that nobody asked for",
    ),
    (
        ["environments/edge/x/applications/a/values.yaml", "appsets/edge/apps/x-appset.yaml"],
        Tenants.of([claim("ApplicationClaim", at(("edge", "x")))]),
        {},
        "that as well, but claimed: the claim says what is wrong",
    ),
]


@pytest.mark.parametrize(("files", "tenants", "expected", "why"), ORPHANS, ids=[case[3] for case in ORPHANS])
def test_orphans(files: list[str], tenants: Tenants, expected: dict[Place, tuple[str, ...]], why: str) -> None:
    """With the paths that would have to go; what is an orphan's is no stray."""
    findings = survey(Tree(*SKELETON, *files), CLUSTERS, tenants, everywhere)
    assert findings.orphans == expected, why
    assert findings.strays == ()


STRAYS = [
    (["README.md"], ["README.md"], "at the root"),
    ([".github/workflows/a.yaml"], [".github"], "a folder at the root"),
    (["environments/README.md"], ["environments/README.md"], "among the types"),
    (["environments/.hidden/x/y"], ["environments/.hidden"], "a folder that no type can be"),
    (["environments/nonprod/README.md"], ["environments/nonprod/README.md"], "among the environments"),
    (["environments/nonprod/A_B/x"], ["environments/nonprod/A_B"], "a folder that no environment can be"),
    (["environments/nonprod/dev/README.md"], ["environments/nonprod/dev/README.md"], "in an environment"),
    (["environments/nonprod/dev/more/a"], ["environments/nonprod/dev/more"], "a folder in an environment"),
    (["appsets/README.md"], ["appsets/README.md"], "among the sets' types"),
    (["appsets/edge/apps/x-appset.yaml"], ["appsets/edge"], "sets of a type that has no environment at all"),
    (["appsets/nonprod/README.md"], ["appsets/nonprod/README.md"], "among the kinds of sets"),
    (["appsets/nonprod/apps/x-appset.yaml"], ["appsets/nonprod/apps/x-appset.yaml"], "a set of no environment"),
    (
        ["appsets/nonprod/apps/dev-platform-appset.yaml"],
        ["appsets/nonprod/apps/dev-platform-appset.yaml"],
        "an environment's set of the wrong kind",
    ),
    (["root-apps/README.md"], ["root-apps/README.md"], "among the root apps' types"),
    (["root-apps/nonprod/x.yaml"], ["root-apps/nonprod/x.yaml"], "a root app of no role"),
    (["environments/nonprod/dev/applications/README.md"], [], "in a claim's folder: that is the claim's to clear"),
]


@pytest.mark.parametrize(("files", "expected", "why"), STRAYS, ids=[case[2] for case in STRAYS])
def test_strays(files: list[str], expected: list[str], why: str) -> None:
    findings = survey(Tree(*SKELETON, *files), CLUSTERS, BOTH, everywhere)
    assert list(findings.strays) == expected, why
    assert findings.orphans == {}


def test_types_that_another_installation_serves_are_not_looked_at() -> None:
    """Whatever is in them; what is at the root belongs to nobody."""
    foreign = ["environments/edge/x/README.md", "appsets/edge/x", "root-apps/edge/x", "environments/edge/y/a/b", "x"]
    findings = survey(Tree(*SKELETON, *foreign), CLUSTERS[1:], NOBODY, lambda one: one == "prod")
    assert findings.orphans == {}
    assert findings.strays == ("x",)


def test_an_empty_repository_has_neither() -> None:
    findings = survey(Tree(), CLUSTERS, BOTH, everywhere)
    assert (findings.orphans, findings.strays) == ({}, ())


NOWHERE: list[tuple[Any, str]] = [
    (None, "no spec"),
    ({}, "an empty one"),
    ({"clusterType": "nonprod"}, "no environment"),
    ({"clusterType": "nonprod", "environment": 7}, "an environment that is a number"),
    ({"clusterType": {}, "environment": "dev"}, "a type that is a map"),
    ("dev", "a spec that is text"),
]


@pytest.mark.parametrize(("spec", "why"), NOWHERE, ids=[case[1] for case in NOWHERE])
def test_a_claim_that_names_no_place_lives_nowhere(spec: Any, why: str) -> None:
    """An API server holds what its schema let in once."""
    assert Tenants.of([claim("ApplicationClaim", spec)]).claims == {}, why


def test_who_lives_where() -> None:
    tenants = Tenants.of([SERVICES, APPS, claim("ApplicationClaim", at(PROD), "far")])
    assert tenants.of_place(DEV) == ["ApplicationClaim n/apps", "PlatformClaim n/services"]
    assert tenants.of_place(QA) == []
    assert tenants.of_types({"prod"}) == ["ApplicationClaim n/far"]
    assert tenants.of_types({"nonprod", "prod"}) == [
        "ApplicationClaim n/apps", "ApplicationClaim n/far", "PlatformClaim n/services",
    ]  # fmt: skip
    assert tenants.in_folder(DEV, "platform") == {"PlatformClaim"}
    assert tenants.claim_all_of(DEV, "applications")
    assert not tenants.claim_all_of(DEV, "platform"), "its namespaces are nobody's"
    assert tenants.in_folder(PROD, "platform") == set()


WISHES: list[tuple[str | None, set[Place], str]] = [
    (None, set(), "no annotation"),
    ("", set(), "an empty one"),
    ("nonprod/old", {("nonprod", "old")}, "one"),
    ("nonprod/old, prod/older ,", {("nonprod", "old"), ("prod", "older")}, "several, with blanks and a comma too many"),
    ("old", set(), "an environment without its type"),
    ("nonprod/", set(), "a type without its environment"),
    ("/old", set(), "and the other way round"),
    ("nonprod/old/applications", {("nonprod", "old/applications")}, "what is no environment names none that there is"),
    ("*/*", {("*", "*")}, "nor does a pattern"),
]


@pytest.mark.parametrize(("annotation", "expected", "why"), WISHES, ids=[case[2] for case in WISHES])
def test_named(annotation: str | None, expected: set[Place], why: str) -> None:
    assert named(annotation) == expected, why
