"""The Kubernetes client over real HTTP: what it sends, and what becomes of what a real API server answered."""

import json

import pytest

from shared.errors import KubeUnavailable
from shared.kube.client import EVENTS, Kube, Resource
from tests.shared.kube.claims import CLAIMS, DOCUMENT, FIELDS, PATH, failure, recorded
from tests.shared.kube.server import TOKEN, Answers

PATHS = [
    (CLAIMS.path("dev", "a"), f"{PATH}/namespaces/dev/applicationclaims/a", "one object"),
    (CLAIMS.path("dev", "a", "status"), f"{PATH}/namespaces/dev/applicationclaims/a/status", "a subresource"),
    (CLAIMS.path("dev"), f"{PATH}/namespaces/dev/applicationclaims", "a namespace's"),
    (CLAIMS.path(None), f"{PATH}/applicationclaims", "all namespaces"),
    (EVENTS.path("dev"), "/api/v1/namespaces/dev/events", "the core group has another root"),
    (CLAIMS.path("../x", "a/b?c"), f"{PATH}/namespaces/..%2Fx/applicationclaims/a%2Fb%3Fc", "nothing leaves its place"),
]


@pytest.mark.parametrize(("path", "expected", "why"), PATHS, ids=[case[2] for case in PATHS])
def test_paths(path: str, expected: str, why: str) -> None:
    assert expected == path, why


def test_get(kube: Kube, answers: Answers) -> None:
    """The document as it came, asked for with our token."""
    body = recorded("raw-get", 200)
    answers.give(200, body)
    assert json.loads(body) == kube.get(CLAIMS, "dev", "x1")
    asked = answers.asked[0]
    assert (asked.method, asked.path) == ("GET", f"{PATH}/namespaces/dev/applicationclaims/x1")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["accept"] == "application/json"


def test_get_what_is_not_there(kube: Kube, answers: Answers) -> None:
    answers.give(404, recorded("get-missing", 404))
    assert kube.get(CLAIMS, "dev", "nope") is None


def test_list_pages(kube: Kube, answers: Answers) -> None:
    """A real server's two pages, the second asked for with the first one's token."""
    first, second = recorded("raw-list-limit", 200), recorded("raw-list-continue", 200)
    last = json.loads(second) | {"metadata": {}}
    answers.give(200, first)
    answers.give(200, last)
    expected = [item["metadata"]["name"] for page in (json.loads(first), last) for item in page["items"]]
    assert expected == [item["metadata"]["name"] for item in kube.list(CLAIMS)]
    assert len(expected) >= 3
    token = json.loads(first)["metadata"]["continue"]
    assert [asked.query for asked in answers.asked] == [{"limit": "200"}, {"limit": "200", "continue": token}]
    assert answers.asked[1].path == f"{PATH}/applicationclaims"


def test_list_of_nothing(kube: Kube, answers: Answers) -> None:
    """`items` may be null, and a list has metadata or not."""
    for body in ('{"items": []}', '{"items": null}', '{"items": [], "metadata": {"continue": ""}}'):
        answers.give(200, body)
        assert list(kube.list(CLAIMS, "dev")) == []


SELECTED = {"limit": "200", "fieldSelector": "spec.clusterType=nonprod,spec.environment=dev"}


def test_a_list_by_fields(kube: Kube, answers: Answers) -> None:
    """Every page is asked for with the same selector, or the token does not fit."""
    answers.give(200, {"items": [DOCUMENT], "metadata": {"continue": "abc"}})
    answers.give(200, {"items": [DOCUMENT]})
    assert len(list(kube.list(CLAIMS, fields=FIELDS))) == 2
    assert [asked.query for asked in answers.asked] == [SELECTED, SELECTED | {"continue": "abc"}]


def test_a_server_that_knows_no_such_fields_sends_everything(kube: Kube, answers: Answers) -> None:
    """Before Kubernetes 1.31; labels, which every server knows, are asked for all the same."""
    answers.give(400, failure(400, "BadRequest", "field label not supported: spec.environment"))
    answers.give(200, {"items": [DOCUMENT], "metadata": {"continue": "abc"}})
    answers.give(200, {"items": [DOCUMENT]})
    assert len(list(kube.list(CLAIMS, "dev", fields=FIELDS, labels={"a": "b", "c": "d"}))) == 2
    plain = {"limit": "200", "labelSelector": "a=b,c=d"}
    assert [asked.query for asked in answers.asked] == [
        SELECTED | plain,
        plain,
        plain | {"continue": "abc"},
    ]


def test_an_object_of_the_whole_cluster_has_no_namespace(kube: Kube, answers: Answers) -> None:
    metadata = {"name": "dev", "uid": "u", "resourceVersion": "1"}
    answers.give(200, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    found = kube.get(Resource("v1", "namespaces"), "", "dev")
    assert found is not None
    assert found["metadata"] == metadata


@pytest.mark.parametrize("field", ["apiVersion", "kind"])
def test_an_object_says_what_it_is(kube: Kube, answers: Answers, field: str) -> None:
    """But for one in a list, where a real API server leaves it to the list."""
    untyped = {name: value for name, value in DOCUMENT.items() if name != field}
    answers.give(200, untyped)
    with pytest.raises(KubeUnavailable, match="something that is no object"):
        kube.get(CLAIMS, "dev", "dev-apps")
    answers.give(200, {"items": [untyped]})
    assert list(kube.list(CLAIMS)) == [untyped]


def test_apply(kube: Kube, answers: Answers) -> None:
    """Server-side apply, with force: what we say is ours."""
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "p", "namespace": "a"}}
    answers.give(200, document)
    assert document == kube.apply(Resource("argoproj.io/v1alpha1", "appprojects"), document)
    asked = answers.asked[0]
    assert (asked.method, asked.path) == ("PATCH", "/apis/argoproj.io/v1alpha1/namespaces/a/appprojects/p")
    assert asked.query == {"fieldManager": "infraforge", "force": "true"}
    assert asked.headers["content-type"] == "application/apply-patch+yaml"
    assert asked.body == document


def test_patch_status(kube: Kube, answers: Answers) -> None:
    """A merge patch of status alone, bound to the version that was read; nulls travel, for they remove."""
    answers.give(200, recorded("raw-patch-status-merge", 200))
    kube.patch_status(CLAIMS, DOCUMENT, {"phase": "X", "checksum": None})
    asked = answers.asked[0]
    assert (asked.method, asked.path) == ("PATCH", f"{PATH}/namespaces/dev/applicationclaims/dev-apps/status")
    assert asked.query == {"fieldManager": "infraforge"}
    assert asked.headers["content-type"] == "application/merge-patch+json"
    assert asked.body == {"metadata": {"resourceVersion": "7"}, "status": {"phase": "X", "checksum": None}}


def test_create(kube: Kube, answers: Answers) -> None:
    answers.give(201, DOCUMENT)
    kube.create(EVENTS, DOCUMENT)
    asked = answers.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", "/api/v1/namespaces/dev/events", DOCUMENT)
    assert asked.headers["content-type"] == "application/json"
    assert asked.query == {"fieldManager": "infraforge"}


def test_ping(kube: Kube, answers: Answers) -> None:
    answers.give(200, recorded("version", 200))
    kube.ping()
    assert answers.asked[0].path == "/version"
