"""What is read off ArgoCD's objects, and off those that a real one was seen to have."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.claims import Deployed
from shared.deploying import Place, Target
from shared.deploying.landscape import Landscape
from shared.deploying.tracking import judge, judge_root, overall
from tests.shared.deploying.documents import (
    ENVIRONMENT,
    LATER,
    NEW,
    OLD,
    SOURCE,
    application,
    application_set,
    root,
)

RECORDED = Path(__file__).parents[2] / "recordings" / "argocd" / "timeline.jsonl"
TARGET = Target("web", "dev-web", SOURCE, NEW)
FAILED_SET = application_set(conditions=[{"type": "ErrorOccurred", "status": "True", "message": "no such repository"}])
FAILED_ROOT = root(conditions=[{"type": "ComparisonError", "message": "cannot read voltran"}])


def seen(applications: dict[str, Any], set_: Any = None, root_: Any = None) -> Landscape:
    return Landscape(Place.of(ENVIRONMENT, "apps"), applications, lambda _: set_, lambda _: root_)


def contains(revision: str, commit: str) -> bool:
    return (revision, commit) in {(NEW, NEW), (LATER, NEW), (LATER, LATER), (LATER, OLD), (NEW, OLD), (OLD, OLD)}


def conditions(**messages: str) -> list[dict[str, str]]:
    return [{"type": type_, "message": message} for type_, message in messages.items()]


STATES = {
    "it runs": (application(), "Deployed", None),
    "at a later revision that contains the commit": (application(revision=LATER), "Deployed", None),
    "at an older revision": (application(revision=OLD), "Pending", "application"),
    "before it was compared": (application(sync={"revisions": None, "comparedTo": {}}), "Pending", "application"),
    "the chart is yet another": (
        application() | {"spec": {"sources": [SOURCE | {"targetRevision": "charts-0"}]}},
        "Pending",
        "set",
    ),
    "it was compared with another chart": (
        application(sync={"comparedTo": {"sources": [SOURCE | {"path": "old"}, {"ref": "values"}]}}),
        "Pending",
        "application",
    ),
    "it is being applied": (application(operationState={"phase": "Running"}), "Syncing", None),
    "it tries again": (
        application(operationState={"phase": "Running", "message": "no namespace. Retrying attempt #1"}),
        "SyncFailed",
        None,
    ),
    "it was not applied": (
        application(sync={"status": "OutOfSync"}, operationState={"phase": "Failed", "message": "no"}),
        "SyncFailed",
        None,
    ),
    "it was changed by hand": (application(sync={"status": "OutOfSync"}), "OutOfSync", None),
    "it starts": (application(health={"status": "Progressing"}), "Progressing", None),
    "it is not well": (application(health={"status": "Degraded", "message": "crashes"}), "Degraded", None),
    "a cron job that is suspended": (application(health={"status": "Suspended"}), "Deployed", None),
    "nobody knows its health": (application(health={"status": None}), "Progressing", None),
}


@pytest.mark.parametrize(("document", "reason", "lags"), STATES.values(), ids=STATES)
def test_states(document: Any, reason: str, lags: str | None) -> None:
    verdict = judge(TARGET, seen({"dev-web": document}, application_set(), root()), contains)
    assert (verdict.deployed.reason, verdict.lags) == (reason, lags)
    assert (verdict.deployed.status == "True") == (reason == "Deployed")
    assert verdict.deployed.commit == NEW
    assert verdict.deployed.message or verdict.deployed.status == "True"


ERRORS = {
    "the project forbids it": (
        application() | {"status": {"conditions": conditions(InvalidSpecError="forbidden")}},
        "forbidden",
    ),
    "it does not render": (
        application() | {"status": {"conditions": conditions(ComparisonError="bad values")}},
        "bad values",
    ),
}


@pytest.mark.parametrize(("document", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_are_in_argocds_words(document: Any, message: str) -> None:
    assert judge(TARGET, seen({"dev-web": document}), contains).deployed.message == message


WITHOUT = {
    "no set yet": (None, root(), "Pending", "set"),
    "no set, and the root cannot read": (None, FAILED_ROOT, "RootApplicationError", "set"),
    "no set and no root": (None, None, "RootApplicationError", "set"),
    "a set that has yet to look": (application_set(), root(), "Pending", "set"),
    "a set that cannot": (FAILED_SET, root(), "ApplicationSetError", "set"),
}


@pytest.mark.parametrize(("set_", "root_", "reason", "lags"), WITHOUT.values(), ids=WITHOUT)
def test_without_an_application(set_: Any, root_: Any, reason: str, lags: str) -> None:
    verdict = judge(TARGET, seen({}, set_, root_), contains)
    assert (verdict.deployed.reason, verdict.lags) == (reason, lags)


def test_an_error_of_the_set_reaches_a_row_whose_chart_does_not_change() -> None:
    document = application() | {"spec": {"sources": [SOURCE | {"path": "old"}]}}
    verdict = judge(TARGET, seen({"dev-web": document}, FAILED_SET, root()), contains)
    assert verdict.deployed.reason == "ApplicationSetError"
    assert "no such repository" in verdict.deployed.message


def test_what_is_known_to_be_deployed_asks_no_git() -> None:
    """Every commit of the environment moves every Application's revision on."""

    def fails(revision: str, commit: str) -> bool:
        raise AssertionError("Git was asked")

    before = Deployed(status="True", reason="Deployed", commit=NEW)
    target = Target("web", "dev-web", SOURCE, NEW, before)
    assert judge(target, seen({"dev-web": application(revision=LATER)}), fails).deployed == before


def test_what_was_deployed_before_says_nothing_of_a_later_commit() -> None:
    before = Deployed(status="True", reason="Deployed", commit=OLD)
    target = Target("web", "dev-web", SOURCE, NEW, before)
    verdict = judge(target, seen({"dev-web": application(revision=OLD)}), contains)
    assert (verdict.deployed.reason, verdict.lags) == ("Pending", "application")


def test_the_cause_stays_while_it_tries_again() -> None:
    before = Deployed(status="False", reason="SyncFailed", message="no namespace. Retrying attempt #1", commit=NEW)
    target = Target("web", "dev-web", SOURCE, NEW, before)
    again = application(operationState={"phase": "Running", "message": "Retrying operation. Attempt #1"})
    assert judge(target, seen({"dev-web": again}), contains).deployed == before


def test_a_row_without_files() -> None:
    verdict = judge(Target("web", "dev-web", SOURCE, None), seen({}), contains)
    assert (verdict.deployed.reason, verdict.lags) == ("NotInGit", None)


ROOTS = {
    "it brings what is in Git": (root(health={"status": "Healthy"}), "Deployed"),
    "it is not there yet": (None, "Pending"),
    "it cannot read": (FAILED_ROOT, "ComparisonError"),
    "a set that cannot generate": (root(health={"status": "Degraded", "message": "dev-apps"}), "Degraded"),
}


@pytest.mark.parametrize(("document", "reason"), ROOTS.values(), ids=ROOTS)
def test_roots(document: Any, reason: str) -> None:
    assert judge_root("nonprod-apps", document).reason == reason


GOOD = Deployed(status="True", reason="Deployed")
BAD = Deployed(status="False", reason="Degraded", message="crashes")
PENDING = Deployed(status="False", reason="Pending", message="soon")
OVERALL = {
    "nothing": ({}, ("True", "Deployed", "there is nothing to deploy")),
    "all": ({"a": GOOD, "b": GOOD}, ("True", "Deployed", "all 2 are deployed")),
    "a fault before what goes on by itself": (
        {"a": PENDING, "b": BAD, "c": GOOD},
        ("False", "Degraded", "1 of 3 are deployed; b: crashes; a: soon"),
    ),
    "many": (
        dict.fromkeys("abcde", BAD),
        ("False", "Degraded", "0 of 5 are deployed; a: crashes; b: crashes; c: crashes; and 2 more"),
    ),
}


@pytest.mark.parametrize(("rows", "expected"), OVERALL.values(), ids=OVERALL)
def test_overall(rows: dict[str, Deployed | None], expected: tuple[str, str, str]) -> None:
    assert overall(rows) == expected


def recorded(case: str, name: str) -> list[Deployed]:
    """What is told of an Application in the course of a recorded case, its last revision being the row's commit.

    A recording ends with its case, not with the Application's last word.
    """
    documents = [
        line["object"]
        for line in map(json.loads, RECORDED.read_text(encoding="utf-8").splitlines())
        if line["case"] == case and line["event"] != "DELETED"
    ]
    states = [one for one in documents if one.get("kind") == "Application" and one["metadata"]["name"] == name]
    source = {key: value for key, value in states[-1]["spec"]["sources"][0].items() if key in SOURCE}
    commit = (states[-1].get("status", {}).get("sync", {}).get("revisions") or [None, NEW])[-1]
    told: list[Deployed] = []
    for state in states:
        before = told[-1] if told else None
        target = Target("row", name, source, commit, before)
        deployed = judge(
            target, seen({name: state}, application_set(), root()), lambda one, other: one == other
        ).deployed
        if deployed != before:
            told.append(deployed)
    return told


COURSES = {
    "new-folder-then-refresh": ("dev-cart", ["Pending", "Syncing", "OutOfSync", "Syncing"]),
    "edit-then-refresh-normal": ("dev-user-service", ["Pending", "Syncing"]),
    "repo-not-in-project": ("dev-user-service", ["Pending", "InvalidSpecError"]),
    "namespace-missing": ("dev-user-service", ["Pending", "Syncing", "SyncFailed", "SyncFailed", "SyncFailed"]),
}


@pytest.mark.parametrize("case", COURSES)
def test_courses_that_a_real_argocd_took(case: str) -> None:
    name, reasons = COURSES[case]
    assert [one.reason for one in recorded(case, name)] == reasons


SAID = {
    "bad-values-schema": ("dev-user-service", "ComparisonError", "values don't meet the specifications of the schema"),
    "chart-missing": ("dev-nochart", "ComparisonError", "nochart: app path does not exist"),
    "namespace-not-in-project": (
        "dev-user-service",
        "InvalidSpecError",
        "do not match any of the allowed destinations",
    ),
    "namespace-missing": ("dev-user-service", "SyncFailed", 'namespaces "nonesuch" not found'),
    "deployment-stuck": ("dev-user-service", "Degraded", "apps/Deployment"),
}


@pytest.mark.parametrize("case", SAID)
def test_what_a_real_argocd_said_reaches_the_row(case: str) -> None:
    name, reason, words = SAID[case]
    assert any(one.reason == reason and words in one.message for one in recorded(case, name)), recorded(case, name)
