"""The Kubernetes client over real HTTP: what it sends, and what becomes of what a real API server answered."""

import json
import socket
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import Forbidden, InfraForgeError, KubeConflict, KubeUnavailable
from shared.kube.client import EVENTS, Kube, KubeNotFound, KubeRefused, Resource
from tests.shared.kube.server import TOKEN, Answers, client

CLAIMS = Resource("platform.infraforge.io/v1alpha1", "applicationclaims")
PATH = "/apis/platform.infraforge.io/v1alpha1"
DOCUMENT: dict[str, Any] = {
    "apiVersion": "platform.infraforge.io/v1alpha1",
    "kind": "ApplicationClaim",
    "metadata": {"name": "dev-apps", "namespace": "dev", "uid": "u", "resourceVersion": "7"},
}


def recorded(case: str, status: int) -> str:
    """The body of a real API server's answer."""
    for line in (Path(__file__).parents[2] / "recordings/kubernetes/transcript.jsonl").read_text().splitlines():
        exchange = json.loads(line)
        if exchange["case"] == case and exchange["response"]["status"] == status:
            body = exchange["response"]["body"]
            return body if isinstance(body, str) else json.dumps(body)
    raise LookupError(case)


def failure(code: int, reason: str, message: str) -> dict[str, Any]:
    """A Status as an API server writes it, for what nobody recorded."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


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


FIELDS = {"spec.clusterType": "nonprod", "spec.environment": "dev"}
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


def test_a_refusal_that_has_nothing_to_do_with_fields(kube: Kube, answers: Answers) -> None:
    """Asked once with and once without; then it is told."""
    for _ in range(3):
        answers.give(400, failure(400, "BadRequest", "no"))
    with pytest.raises(KubeRefused):
        list(kube.list(CLAIMS, fields=FIELDS))
    with pytest.raises(KubeRefused):
        list(kube.list(CLAIMS))
    assert len(answers.asked) == 3


def test_a_list_that_expires_half_way(kube: Kube, answers: Answers) -> None:
    """The items so far are not the list: whoever asked must start again."""
    answers.give(200, {"items": [DOCUMENT], "metadata": {"continue": "abc"}})
    answers.give(410, failure(410, "Expired", "The provided continue parameter is too old"))
    with pytest.raises(
        KubeUnavailable, match="asks for patience \\(410\\): The provided continue parameter is too old"
    ):
        list(kube.list(CLAIMS))


NO_OBJECTS = [
    ("{}", "nothing"),
    ("[" * 100_000, "deeper than any object"),
    (json.dumps(DOCUMENT | {"metadata": None}), "without metadata"),
    (json.dumps(DOCUMENT | {"metadata": ["name"]}), "metadata that are a list"),
    *(
        (json.dumps(DOCUMENT | {"metadata": DOCUMENT["metadata"] | {key: wrong}}), f"{key} is {wrong!r}")
        for key in ("name", "namespace", "uid", "resourceVersion")
        for wrong in (None, "", 1)
    ),
]


@pytest.mark.parametrize(("body", "why"), NO_OBJECTS, ids=[case[1] for case in NO_OBJECTS])
def test_what_is_no_object(kube: Kube, answers: Answers, body: str, why: str) -> None:
    """Whoever reads on would trip over what every object has; an API server may come to its senses."""
    reads: list[Callable[[], object]] = [
        lambda: kube.get(CLAIMS, "dev", "dev-apps"),
        lambda: list(kube.list(CLAIMS)),
        lambda: kube.patch_status(CLAIMS, DOCUMENT, {}),
        lambda: kube.patch_metadata(CLAIMS, DOCUMENT, {}),
    ]
    for read, answer in zip(reads, (body, f'{{"items": [{body}]}}', body, body), strict=True):
        answers.give(200, answer)
        with pytest.raises(KubeUnavailable, match="something that is"):
            read()
            pytest.fail(why)


@pytest.mark.parametrize("body", ['{"items": {"a": 1}}', '{"items": 1}', '{"items": [], "metadata": "x"}'])
def test_what_is_no_list(kube: Kube, answers: Answers, body: str) -> None:
    answers.give(200, body)
    with pytest.raises(KubeUnavailable, match="something that is no object"):
        list(kube.list(CLAIMS))


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


FAILURES = [
    (
        401,
        failure(401, "Unauthorized", "Unauthorized"),
        KubeUnavailable,
        "KubeUnavailable",
        "the Kubernetes API does not know our token (401): it has expired or been revoked",
        "the next try reads the token again; the server's text says nothing",
    ),
    (
        403,
        failure(403, "Forbidden", 'User "system:serviceaccount:x" cannot patch resource'),
        Forbidden,
        "Forbidden",
        'the Kubernetes API refuses us: User "system:serviceaccount:x" cannot patch resource',
        "RBAC, or an admission policy",
    ),
    (
        404,
        recorded("raw-patch-missing", 404),
        KubeNotFound,
        "NotFound",
        f"{PATH}/namespaces/dev/applicationclaims/dev-apps/status: "
        'applicationclaims.platform.infraforge.io "nope" not found',
        "the object went",
    ),
    (
        404,
        "404 page not found\n",
        KubeNotFound,
        "NotFound",
        f"{PATH}/namespaces/dev/applicationclaims/dev-apps/status: HTTP 404",
        "the kind is not installed: no Status, but text",
    ),
    (
        409,
        recorded("raw-patch-stale-rv", 409),
        KubeConflict,
        "KubeConflict",
        'Operation cannot be fulfilled on applicationclaims.platform.infraforge.io "x1": the object has been modified; '
        "please apply your changes to the latest version and try again",
        "somebody was faster",
    ),
    (
        409,
        recorded("raw-create-exists", 409),
        KubeConflict,
        "KubeConflict",
        'applicationclaims.platform.infraforge.io "x1" already exists',
        "it is there",
    ),
    (
        410,
        failure(410, "Expired", "too old"),
        KubeUnavailable,
        "KubeUnavailable",
        "the Kubernetes API asks for patience (410): too old",
        "list again",
    ),
    (
        422,
        recorded("raw-patch-status-invalid", 422),
        KubeRefused,
        "Refused",
        None,
        "a status that the schema refuses",
    ),
    (415, recorded("raw-patch-bad-content-type", 415), KubeRefused, "Refused", None, "a fault of ours"),
    (
        429,
        failure(429, "TooManyRequests", "The apiserver is shutting down, please try again later."),
        KubeUnavailable,
        "KubeUnavailable",
        "the Kubernetes API asks for patience (429): The apiserver is shutting down, please try again later.",
        "throttled",
    ),
    (
        500,
        failure(500, "InternalError", "etcdserver: leader changed"),
        KubeUnavailable,
        "KubeUnavailable",
        "the Kubernetes API asks for patience (500): etcdserver: leader changed",
        "etcd moved",
    ),
    (503, "", KubeUnavailable, "KubeUnavailable", "the Kubernetes API asks for patience (503): HTTP 503", "no body"),
    (
        502,
        "<html><body>Bad Gateway</body></html>",
        KubeUnavailable,
        "KubeUnavailable",
        "the Kubernetes API asks for patience (502): HTTP 502",
        "a proxy in front",
    ),
    (
        307,
        "",
        KubeRefused,
        "Refused",
        "the Kubernetes API refuses the request (307): HTTP 307",
        "no redirect is followed",
    ),
    (
        200,
        "<html>hello</html>",
        KubeUnavailable,
        "KubeUnavailable",
        "the Kubernetes API answered with something that is not JSON",
        "a proxy's page instead of an answer",
    ),
    (
        200,
        "[]",
        KubeUnavailable,
        "KubeUnavailable",
        "the Kubernetes API answered with something that is not JSON",
        "no object",
    ),
    (
        200,
        b"\xff\xfe",
        KubeUnavailable,
        "KubeUnavailable",
        "the Kubernetes API answered with something that is not JSON",
        "no text",
    ),
]


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason", "message", "why"), FAILURES, ids=[f"{case[0]} {case[5]}" for case in FAILURES]
)
def test_failures(
    kube: Kube,
    answers: Answers,
    status: int,
    body: object,
    kind: type[InfraForgeError],
    reason: str,
    message: str | None,
    why: str,
) -> None:
    """Each answer is an error of ours, by what a function has to do about it; no message holds the token."""
    answers.give(status, body)
    with pytest.raises(InfraForgeError) as caught:
        kube.patch_status(CLAIMS, DOCUMENT, {})
    error = caught.value
    assert type(error) is kind, why
    assert error.reason == reason
    if message is not None:
        assert str(error) == message
    assert len(str(error)) < 700
    assert TOKEN not in "".join(traceback.format_exception(error))
    assert len(answers.asked) == 1, "one try: the Broker retries, and a second layer would hide what is slow"


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens: a connection is refused
        kube = client(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(KubeUnavailable) as caught:
            kube.ping()
    assert str(caught.value) == "the Kubernetes API does not answer: NewConnectionError"
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_server_that_hangs_up(tmp_path: Path) -> None:
    """It accepts, reads, and closes without a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kube = client(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}")
        server.settimeout(5)

        def hang_up() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(KubeUnavailable, match="the Kubernetes API does not answer: "):
            kube.ping()
        thread.join()


def test_a_token_that_no_header_can_hold(tmp_path: Path) -> None:
    """http.client quotes the header that it refuses; the token is in it, and must not reach a log."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kube = client(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}", token=f"{TOKEN}\nline")
        with pytest.raises(KubeUnavailable) as caught:
            kube.ping()
    assert str(caught.value) == (
        "the Kubernetes API cannot be asked with the token as it stands (ValueError): "
        "it is malformed, or just being replaced"
    )
    assert TOKEN not in repr(caught.value.__cause__)
    assert caught.value.__suppress_context__
