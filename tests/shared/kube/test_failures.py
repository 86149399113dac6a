"""What is made of an API server that refuses, breaks off, or answers with something else."""

import json
import socket
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import Forbidden, InfraForgeError, KubeConflict, KubeUnavailable
from shared.kube.client import Kube, KubeNotFound, KubeRefused
from tests.shared.kube.claims import CLAIMS, DOCUMENT, FIELDS, PATH, failure, recorded
from tests.shared.kube.server import TOKEN, Answers, client


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
