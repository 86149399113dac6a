"""Which claims a state of `voltran` stands for."""

from pathlib import Path
from typing import Any

import pytest

from cli.clone import Clone as Reader
from cli.history.commits import Recorded
from cli.history.standing import standing
from tests.cli.history.repository import CLAIM, Clone, record, shop, spec

SET = "appsets/nonprod/apps/dev-appset.yaml"
PLATFORM_SET = "appsets/nonprod/platform/dev-platform-appset.yaml"
SERVICES = {"clusterType": "nonprod", "environment": "dev", "services": [{"name": "postgres", "type": "internal"}]}
NAMESPACES = {"clusterType": "nonprod", "environment": "dev", "namespaces": [{"name": "shop"}]}


def bootstrap(*types: str) -> dict[str, Any]:
    return {"gitea": {}, "clusters": [{"type": type_, "environments": ["dev"]} for type_ in types]}


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """An empty repository."""
    return Clone.made(tmp_path)


def names(clone: Clone, *cluster_types: str) -> list[str]:
    return [one.claim for one in standing(Reader(str(clone.folder), ""), "main", cluster_types)]


def test_all_kinds_in_the_order_in_which_they_wait_for_each_other(clone: Clone) -> None:
    clone.commit(record(spec(shop())), {SET: "set"})
    clone.commit(record(SERVICES, kind="PlatformClaim"), {"environments/nonprod/dev/platform/postgres/values.yaml": ""})
    clone.commit(
        record(NAMESPACES, kind="InfrastructureClaim"), {"environments/nonprod/dev/platform/namespaces/values.yaml": ""}
    )
    clone.commit(record(bootstrap("nonprod"), kind="BootstrapClaim"), {"root-apps/nonprod.yaml": ""})
    clone.commit("A person's", {"README.md": "hello"})
    assert [name.partition("/")[0] for name in names(clone)] == [
        "BootstrapClaim",
        "InfrastructureClaim",
        "PlatformClaim",
        "ApplicationClaim",
    ]


def test_the_last_record_counts(clone: Clone) -> None:
    clone.commit(record(spec(shop("v1"))), {SET: "one"})
    last = clone.commit(record(spec(shop("v2")), 2), {SET: "two"})
    (found,) = standing(Reader(str(clone.folder), ""), "main")
    assert (found.entry.sha, found.problem) == (last, None)


def test_a_claim_that_was_deleted_stays_deleted(clone: Clone) -> None:
    """Its service's set may live on for the namespaces of another claim."""
    clone.commit(record(SERVICES, kind="PlatformClaim"), {PLATFORM_SET: "both"})
    clone.commit(record(NAMESPACES, kind="InfrastructureClaim"), {"environments/nonprod/dev/platform/namespaces/v": ""})
    clone.commit(record(SERVICES, 2, kind="PlatformClaim", deleted=True), {PLATFORM_SET: "namespaces"})
    assert names(clone) == ["InfrastructureClaim/dev/apps"]


def test_what_was_taken_out_of_the_tree_by_others_is_gone(clone: Clone) -> None:
    """An environment that was removed by its name on the BootstrapClaim."""
    clone.commit(record(spec(shop())), {SET: "set"})
    clone.commit(record(bootstrap("nonprod"), kind="BootstrapClaim"), {"root-apps/a": "", SET: None})
    assert names(clone) == ["BootstrapClaim/dev/apps"]


def test_a_claim_that_took_over_an_environment(clone: Clone) -> None:
    clone.commit(record(spec(shop()), name="old"), {SET: "old"})
    clone.commit(record(spec(shop()), name="new"), {SET: "new"})
    assert names(clone) == ["ApplicationClaim/dev/new"]


def test_two_clusters_with_claims_of_one_name(clone: Clone) -> None:
    """By the type of their environments each cluster finds its own."""
    clone.commit(record(spec(shop()), uid="a"), {SET: "a"})
    there = {"clusterType": "prod", "environment": "live", "applications": []}
    clone.commit(record(there, uid="b"), {"appsets/prod/apps/live-appset.yaml": "b"})
    clone.commit(record(bootstrap("nonprod"), kind="BootstrapClaim", uid="a"), {"root-apps/a": "a"})
    clone.commit(record(bootstrap("prod"), kind="BootstrapClaim", uid="b"), {"root-apps/a": "b"})
    assert names(clone) == ["BootstrapClaim/dev/apps", CLAIM, CLAIM]
    for type_, uid in (("nonprod", "a"), ("prod", "b")):
        found = standing(Reader(str(clone.folder), ""), "main", [type_])
        assert [one.entry.record.uid for one in found if isinstance(one.entry, Recorded)] == [uid, uid]


def test_a_commit_with_a_copy_of_trailers_is_passed_over(clone: Clone) -> None:
    """`git commit --amend -s` on one of ours: the record before it counts."""
    own = clone.commit(record(spec(shop())), {SET: "set"})
    message = clone.git("log", "-1", "--format=%B")
    clone.commit(f"{message}\nSigned-off-by: Jo <jo@example.com>\n", {SET: "edited"})
    (found,) = standing(Reader(str(clone.folder), ""), "main")
    assert found.entry.sha == own


def test_what_cannot_be_restored_says_why(clone: Clone) -> None:
    clone.commit(record(spec(shop()), omitted=("applications[0].values.password",)), {SET: "set"})
    trailers = f"Claim: {CLAIM}2\nClaim-UID: u\nClaim-Generation: 1\nEvent-Id: e\n"
    clone.commit(f"A\n\n{trailers}")
    first, second = standing(Reader(str(clone.folder), ""), "main")
    assert (first.problem or "").startswith("applications[0].values.password: not recorded")
    assert "cannot be read: the commit has a claim's trailers and no spec" in (second.problem or "")
