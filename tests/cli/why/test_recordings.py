"""What `why` makes of every state that a real ArgoCD was seen in."""

from typing import Any

import pytest

from cli.why.chain import chain
from tests.cli.why.facts import deployed_by, facts, recorded, states, working_set

RETRYING = 'one or more objects failed to apply, reason: namespaces "nonesuch" not found. Retrying attempt #3'
FORBIDDEN = "InvalidSpecError: application repo http://gitea.test/argo/charts.git is not permitted in project 'nonprod'"
OUTSIDE = "InvalidSpecError: application destination server 'https://kubernetes.default.svc' and namespace 'dev' do not"
HELM = "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 2: rpc error: code = "
APPLICATIONS = [
    ("bad-values-schema", "dev-user-service", HELM, "values that the chart's schema refuses"),
    ("bad-values-schema", "dev-user-service", "got string, want", "and Helm's own words are in it"),
    ("bad-yaml", "dev-user-service", HELM, "values that are no YAML"),
    ("values-file-missing", "dev-user-service", HELM, "no values"),
    ("chart-missing", "dev-nochart", "nochart: app path does not exist", "no chart"),
    ("repo-not-in-project", "dev-order-service", FORBIDDEN, "a repository that the project forbids"),
    ("namespace-not-in-project", "dev-order-service", OUTSIDE, "a namespace that the project forbids"),
    ("namespace-missing", "dev-user-service", RETRYING, "an operation that fails and retries is Running all the time"),
    ("raw-url-values-private", "dev-order-service", "ComparisonError: Failed to load target state", "values by URL"),
    ("deployment-stuck", "dev-user-service", "Synced, Degraded at 43ab85ca: Caused by apps/Deployment", "health"),
    ("chart-by-template-patch", "dev-order-service", 'DeletionError: configmaps "order-service" not found', "deletion"),
    ("removal-while-operation-retries", "dev-user-service", "SyncError: Failed last sync attempt to", "ended by hand"),
]


@pytest.mark.parametrize(("case", "name", "message", "reason"), APPLICATIONS, ids=[one[3] for one in APPLICATIONS])
def test_an_application_that_is_not_well(case: str, name: str, message: str, reason: str) -> None:
    application = recorded(case, "Application", name)
    application = {**application, "metadata": {**application["metadata"], "deletionTimestamp": None}}
    first = chain(deployed_by(application)).first
    assert first is not None
    assert (first.step, first.subject, first.state) == ("application", name, "wrong")
    assert message in first.message
    assert first.look == f"kubectl describe applications.argoproj.io/{name} -n argocd"


GIT = "error generating params from git: error getting directories from repo: error retrieving Git Directories: "
SETS = [
    ("no-credentials", "dev-apps", GIT, "a repository that wants credentials"),
    ("template-missing-key", "t-missingkey", "failed to execute go template dev-{{ .path.nothing }}", "a template"),
    ("duplicate-names", "t-dup", "contains applications with duplicate name: dev-same", "one name twice"),
    (
        "project-missing",
        "t-proj",
        'error getting project nowhere: AppProject.argoproj.io "nowhere" not found',
        "project",
    ),
    ("repository-missing", "t-norepo", GIT, "no repository"),
    ("revision-missing", "t-norev", GIT, "no such revision"),
    ("chart-by-merge-generator", "t-merge", "the parameters from a generator were not unique", "a merge generator"),
    ("two-sets-one-name", "z-b", "is already owned by another ApplicationSet controller", "two sets"),
    ("gitea-repository-deleted", "dev-apps", GIT, "the repository deleted under it"),
]


@pytest.mark.parametrize(("case", "name", "message", "reason"), SETS, ids=[one[3] for one in SETS])
def test_a_set_that_is_not_well(case: str, name: str, message: str, reason: str) -> None:
    """The Applications live on meanwhile, and look well."""
    application = recorded("credentials-added-then-refresh", "Application", "dev-order-service")
    given = recorded(case, "ApplicationSet", name)
    first = chain(deployed_by(application, set=given)).first
    assert first is not None
    assert (first.step, first.state, first.look) == (
        "set",
        "wrong",
        "kubectl describe applicationsets.argoproj.io/dev-apps -n argocd",
    )
    assert message in first.message


WIPE = "auto-sync will wipe out all resources"
ROOTS: list[tuple[str, float, str, str, str]] = [
    ("gitea-repository-deleted", 0.2, "wrong", "Repository not found", "the repository is gone"),
    ("safe-removal-of-a-set-file", 1e9, "wrong", WIPE, "its last set is gone from Git"),
    ("root-set-changed-by-hand", 1e9, "waiting", "OutOfSync: ApplicationSet dev-apps differs from Git", "a hand edit"),
    ("root-app", 0.5, "waiting", "ArgoCD has not looked at it yet", "just created"),
]


@pytest.mark.parametrize(("case", "seconds", "state", "message", "reason"), ROOTS, ids=[one[4] for one in ROOTS])
def test_a_root_application_that_is_not_well(case: str, seconds: float, state: str, message: str, reason: str) -> None:
    given = recorded(case, "Application", "nonprod-apps", seconds)
    application = recorded("credentials-added-then-refresh", "Application", "dev-order-service")
    first = chain(deployed_by(application, roots={"nonprod-apps": given})).first
    assert first is not None
    assert (first.step, first.subject, first.state) == ("root", "nonprod-apps", state)
    assert message in first.message


@pytest.mark.parametrize(
    ("case", "seconds", "reason"),
    [
        ("gitea-repository-deleted", 1e9, "its health is that of its sets, which speak for themselves"),
        ("gitea-repository-deleted", 0.08, "another set than ours differs"),
    ],
)
def test_a_root_application_that_does_not_keep_the_claim(case: str, seconds: float, reason: str) -> None:
    given = recorded(case, "Application", "nonprod-apps", seconds)
    application = recorded("credentials-added-then-refresh", "Application", "dev-order-service")
    assert chain(deployed_by(application, roots={"nonprod-apps": given})).first is None, reason


def test_every_state_of_an_application_is_told_as_it_is() -> None:
    """Well is what is compared, synced and healthy without a complaint, and nothing else; an error is told in full."""
    seen = {"ok": 0, "waiting": 0, "wrong": 0}
    for one in states("Application"):
        application = one["object"]
        if not application["metadata"]["name"].startswith("dev-"):
            continue
        first = chain(deployed_by(application)).first
        status = application.get("status", {})
        errors = [each for each in status.get("conditions") or () if each["type"].endswith("Error")]
        state = status.get("sync", {}).get("status"), status.get("health", {}).get("status")
        said = (status.get("operationState") or {}).get("message") or ""
        is_well = state == ("Synced", "Healthy") and not errors and "etrying" not in said
        is_well = is_well and not application["metadata"].get("deletionTimestamp")
        assert (first is None) == is_well, (one["case"], one["seconds"], first)
        if errors and first is not None and first.message != "it is being deleted":
            assert first.message == f"{errors[0]['type']}: {errors[0]['message']}"
        seen[first.state if first else "ok"] += 1
    assert min(seen.values()) > 20, f"the recording holds some of each: {seen}"


def test_every_state_of_a_set_is_told_as_it_is() -> None:
    application: Any = recorded("credentials-added-then-refresh", "Application", "dev-order-service")
    seen = {"ok": 0, "waiting": 0, "wrong": 0}
    for one in states("ApplicationSet"):
        first = chain(deployed_by(application, set=one["object"])).first
        conditions = {each["type"]: each for each in one["object"].get("status", {}).get("conditions") or ()}
        failed = conditions.get("ErrorOccurred", {})
        if failed.get("status") == "True":
            assert first is not None
            assert first.message == failed["message"]
        else:
            assert (first is None) == bool(conditions), one["case"]
        seen[first.state if first else "ok"] += 1
    assert min(seen.values()) > 5, f"the recording holds some of each: {seen}"


def test_what_argocd_has_yet_to_make() -> None:
    """A set that nobody has brought yet, and then an Application that the set has not generated."""
    roots = {"nonprod-apps": recorded("root-app", "Application", "nonprod-apps")}
    first = chain(facts(applications={}, roots={})).first
    assert first is not None
    assert (first.step, first.look) == ("root", "kubectl get bootstrapclaims -A")
    first = chain(facts(applications={}, roots=roots)).first
    assert first is not None
    assert (first.step, first.state) == ("set", "waiting")
    assert first.look == (
        "kubectl annotate applications.argoproj.io/nonprod-apps -n argocd argocd.argoproj.io/refresh=normal --overwrite"
    )
    first = chain(facts(applications={}, roots=roots, set=working_set())).first
    assert first is not None
    assert (first.step, first.subject, first.state) == ("application", "dev-user-service", "waiting")
    assert "argocd.argoproj.io/application-set-refresh=true" in first.look
