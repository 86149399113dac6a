"""Changes that do not depend on the version that was read, and deletions."""

from typing import Any

import pytest

from shared.kube import Kube
from shared.kube.client import Resource

from .server import Answers

SETS = Resource("argoproj.io/v1alpha1", "applicationsets")
PATH = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applicationsets/dev-apps"
SET = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "ApplicationSet",
    "metadata": {"name": "dev-apps", "namespace": "argocd", "uid": "u", "resourceVersion": "1"},
}
MISSING = {"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "not found", "code": 404}


def test_patch(kube: Kube, answers: Answers) -> None:
    answers.give(200, SET)
    change = {"metadata": {"annotations": {"a": "b"}}}
    assert kube.patch(SETS, "argocd", "dev-apps", change) == SET
    asked = answers.asked[0]
    assert (asked.method, asked.path, asked.body) == ("PATCH", PATH, change)
    assert asked.headers["content-type"] == "application/merge-patch+json"
    assert asked.query == {"fieldManager": "infraforge"}


def test_patching_what_is_gone(kube: Kube, answers: Answers) -> None:
    answers.give(404, MISSING)
    assert kube.patch(SETS, "argocd", "dev-apps", {}) is None


ORPHANS = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan"}


@pytest.mark.parametrize(("orphans", "body"), [(False, None), (True, ORPHANS)], ids=["with", "without"])
def test_delete(kube: Kube, answers: Answers, orphans: bool, body: Any) -> None:
    answers.give(200, {"kind": "Status", "status": "Success"})
    kube.delete(SETS, "argocd", "dev-apps", orphans=orphans)
    asked = answers.asked[0]
    assert (asked.method, asked.path, asked.body) == ("DELETE", PATH, body)


def test_deleting_what_is_gone(kube: Kube, answers: Answers) -> None:
    answers.give(404, MISSING)
    kube.delete(SETS, "argocd", "dev-apps")
    assert len(answers.asked) == 1
