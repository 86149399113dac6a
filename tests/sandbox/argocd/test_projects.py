"""What an AppProject allows, with ArgoCD's words for what it does not."""

from typing import Any

import pytest

from sandbox.argocd.projects import IN_CLUSTER, default_project, kind_permitted, violations

URL = "http://gitea.test/argo/charts.git"


def _project(**spec: Any) -> dict[str, Any]:
    whole = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    return {"metadata": {"name": "nonprod"}, "spec": whole | spec}


def _spec(namespace: str = "dev", **destination: str) -> dict[str, Any]:
    where = {"namespace": namespace} | (destination or {"server": IN_CLUSTER})
    return {"project": "nonprod", "source": {"repoURL": URL}, "destination": where}


@pytest.mark.parametrize(
    ("patterns", "allowed", "reason"),
    [
        (["*"], True, "everything"),
        ([URL], True, "itself"),
        (["http://gitea.test/argo/charts"], True, "without .git"),
        (["http://gitea.test/argo/*"], True, "a part"),
        (["http://gitea.test/*"], False, "a star is one part"),
        (["http://gitea.test/**"], True, "two are any"),
        (["*", f"!{URL}"], False, "but this one"),
        ([], False, "nothing"),
        (["http://gitea.test/argo/voltran.git"], False, "another"),
    ],
)
def test_sources(patterns: list[str], allowed: bool, reason: str) -> None:
    found = violations(_spec(), _project(sourceRepos=patterns))
    expected = [] if allowed else [f"application repo {URL} is not permitted in project 'nonprod'"]
    assert found == expected, reason


@pytest.mark.parametrize(
    ("destinations", "spec", "allowed", "reason"),
    [
        ([{"server": "*", "namespace": "*"}], _spec(), True, "everywhere"),
        ([{"server": IN_CLUSTER, "namespace": "dev"}], _spec(), True, "just there"),
        ([{"server": IN_CLUSTER, "namespace": "d*"}], _spec(), True, "a glob"),
        ([{"server": IN_CLUSTER, "namespace": "prod"}], _spec(), False, "another namespace"),
        ([{"server": "https://other", "namespace": "dev"}], _spec(), False, "another cluster"),
        ([{"server": "*", "namespace": "!dev"}, {"server": "*", "namespace": "*"}], _spec(), False, "but this one"),
        ([{"name": "in-cluster", "namespace": "dev"}], _spec(name="in-cluster"), True, "a cluster by its name"),
        ([], _spec(), False, "nowhere"),
    ],
)
def test_destinations(destinations: list[Any], spec: dict[str, Any], allowed: bool, reason: str) -> None:
    found = violations(spec, _project(destinations=destinations))
    words = f"application destination server '{IN_CLUSTER}' and namespace 'dev' do not match any of the allowed"
    expected = [] if allowed else [f"{words} destinations in project 'nonprod'"]
    assert found == expected, reason


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (_spec(name="elsewhere"), "there are no clusters with this name: elsewhere"),
        (_spec(server="https://other"), 'cluster "https://other" not found'),
        (_spec(server=IN_CLUSTER, name="in-cluster"), "can't have both name and server defined"),
    ],
)
def test_clusters_that_are_not_ours(spec: dict[str, Any], message: str) -> None:
    (found,) = violations(spec, _project())
    assert message in found


def test_a_missing_project() -> None:
    assert violations(_spec(), None) == ["Application referencing project nonprod which does not exist"]


@pytest.mark.parametrize(
    ("spec", "kind", "namespaced", "allowed", "reason"),
    [
        ({}, ("apps", "Deployment"), True, True, "namespaced kinds unless they are listed"),
        (
            {"namespaceResourceWhitelist": [{"group": "", "kind": "*"}]},
            ("apps", "Deployment"),
            True,
            False,
            "not listed",
        ),
        (
            {"namespaceResourceBlacklist": [{"group": "apps", "kind": "*"}]},
            ("apps", "Deployment"),
            True,
            False,
            "ruled out",
        ),
        ({}, ("", "Namespace"), False, False, "a cluster's kinds only if they are listed"),
        ({"clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}]}, ("", "Namespace"), False, True, "listed"),
    ],
)
def test_kinds(spec: dict[str, Any], kind: tuple[str, str], namespaced: bool, allowed: bool, reason: str) -> None:
    assert kind_permitted(_project(**spec), *kind, namespaced=namespaced) is allowed, reason


def test_the_default_project_allows_everything() -> None:
    project = default_project("argocd")
    assert violations(_spec() | {"project": "default"}, project) == []
    assert kind_permitted(project, "", "Namespace", namespaced=False)
