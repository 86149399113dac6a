"""Tags to digests, over a transport of the test's own."""

import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from shared.oci import (
    Credentials,
    CredentialsFile,
    HostPolicy,
    NotAllowed,
    Private,
    Reference,
    Resolution,
    Resolved,
    Resolver,
    TagMissing,
    Unavailable,
    parse,
)
from shared.oci.inquiry import MANIFESTS, MAX_MANIFEST
from tests.shared.oci.registries import DIGEST, INDEX, MANIFEST

IMAGE = parse("ghcr.io/acme/shop", "1.2.4")
Handler = Callable[[httpx.Request], httpx.Response]


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Script:
    """A transport that answers by a function and keeps what it was asked."""

    def __init__(self, handler: Handler) -> None:
        self.asked: list[httpx.Request] = []
        self._handler = handler
        self._lock = threading.Lock()
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.asked.append(request)
        return self._handler(request)

    @property
    def lines(self) -> list[str]:
        return [f"{one.method} {one.url.host}{one.url.path}" for one in self.asked]


def resolver(script: Script, clock: Clock | None = None, credentials: Credentials | None = None) -> Resolver:
    return Resolver(
        policy=HostPolicy(), credentials=credentials, transport=script.transport, clock=clock or Clock(), timeout=5.0
    )


def found(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"Docker-Content-Digest": DIGEST, "Content-Type": INDEX}, content=MANIFEST)


def failed(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"code": code, "message": "x"}]})


def test_one_head_with_all_four_media_types() -> None:
    script = Script(found)
    assert resolver(script).resolve(IMAGE) == Resolved(DIGEST)
    assert script.lines == ["HEAD ghcr.io/v2/acme/shop/manifests/1.2.4"]
    assert script.asked[0].headers["accept"].split(", ") == list(MANIFESTS)
    assert "authorization" not in script.asked[0].headers
    assert "cookie" not in script.asked[0].headers


def answer(head: httpx.Response, get: httpx.Response, tags: httpx.Response | None = None) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/tags/list"):
            return tags or failed(404, "NAME_UNKNOWN")
        return head if request.method == "HEAD" else get

    return handler


GET = {"Content-Type": INDEX}
NO = "ghcr.io/acme/shop:1.2.4 is not resolved: "


@pytest.mark.parametrize(
    ("head", "get", "expected", "reason"),
    [
        (httpx.Response(200), httpx.Response(200, headers=GET, content=MANIFEST), Resolved(DIGEST), "hash of the body"),
        (
            httpx.Response(405),
            httpx.Response(200, headers=GET, content=MANIFEST),
            Resolved(DIGEST),
            "a registry without HEAD",
        ),
        (
            httpx.Response(404),
            httpx.Response(200, headers=GET, content=MANIFEST),
            Resolved(DIGEST),
            "a registry whose HEAD is wrong",
        ),
        (
            httpx.Response(200, headers={"Docker-Content-Digest": "sha512:" + "b" * 128}),
            httpx.Response(500),
            Resolved("sha512:" + "b" * 128),
            "the other registered algorithm",
        ),
        (
            httpx.Response(200),
            httpx.Response(200, headers={**GET, "Docker-Content-Digest": "sha256:" + "b" * 64}, content=MANIFEST),
            Unavailable(NO + "ghcr.io gives a wrong digest: it is not that of the manifest it sends", 5),
            "header and body differ",
        ),
        (
            httpx.Response(200, headers={"Docker-Content-Digest": "sha256:" + "B" * 64}),
            httpx.Response(200, headers=GET, content=MANIFEST),
            Unavailable(NO + "ghcr.io gives a digest that is none", 5),
            "capital letters are no digest",
        ),
        (
            httpx.Response(200, headers={"Docker-Content-Digest": "md5:" + "b" * 32}),
            httpx.Response(200, headers=GET, content=MANIFEST),
            Unavailable(NO + "ghcr.io gives a digest that is none", 5),
            "an algorithm that proves nothing",
        ),
        (
            httpx.Response(200),
            httpx.Response(200, html="<h1>Welcome to nginx!</h1>"),
            Unavailable(NO + "ghcr.io answers with something that is no image manifest", 5),
            "a web server in the registry's place",
        ),
        (
            httpx.Response(200),
            httpx.Response(200, headers=GET, content=MANIFEST[:-4]),
            Unavailable(NO + "ghcr.io answers with something that is no image manifest", 5),
            "a body cut short",
        ),
        (
            httpx.Response(200),
            httpx.Response(200, headers=GET, content=b"[" * 100_000),
            Unavailable(NO + "ghcr.io answers with something that is no image manifest", 5),
            "JSON that is too deep to read",
        ),
        (
            httpx.Response(200),
            httpx.Response(200, headers=GET, content=b"x" * (MAX_MANIFEST + 1)),
            Unavailable(NO + "ghcr.io breaks off its answer (more than 4194304 bytes)", 5),
            "a huge body",
        ),
        (
            httpx.Response(404),
            httpx.Response(404, text="default backend - 404"),
            TagMissing("ghcr.io/acme/shop has no tag 1.2.4, nor any other: is the repository's name right?"),
            "no repository either",
        ),
        (
            httpx.Response(500),
            httpx.Response(200, headers=GET, content=MANIFEST),
            Unavailable(NO + "ghcr.io answers 500", 5),
            "broken",
        ),
        (
            httpx.Response(400),
            httpx.Response(200, headers=GET, content=MANIFEST),
            Unavailable(NO + "ghcr.io answers 400", 5),
            "an answer that says nothing",
        ),
        (
            httpx.Response(404),
            failed(400, "TAG_INVALID"),
            Unavailable(NO + "ghcr.io answers 400 TAG_INVALID", 5),
            "the code is shown",
        ),
    ],
)
def test_digests_and_their_proof(head: httpx.Response, get: httpx.Response, expected: Resolution, reason: str) -> None:
    assert resolver(Script(answer(head, get))).resolve(IMAGE) == expected, reason


MISSING = "ghcr.io/acme/shop has no tag 1.2.4"
UNKNOWN = failed(404, "MANIFEST_UNKNOWN")
PLAIN = httpx.Response(404, text="default backend - 404")


@pytest.mark.parametrize(
    ("get", "tags", "expected", "reason"),
    [
        (
            UNKNOWN,
            httpx.Response(200, json={"tags": ["1.2.3", "latest", "1.3.0"]}),
            TagMissing(f"{MISSING}; the nearest that exist: 1.2.3, 1.3.0, latest", ("1.2.3", "1.3.0", "latest")),
            "the nearest tags are named",
        ),
        (
            UNKNOWN,
            httpx.Response(200, json={"tags": None}),
            TagMissing(f"{MISSING}, nor any other: is the repository's name right?"),
            "a repository without tags",
        ),
        (UNKNOWN, httpx.Response(500), TagMissing(MISSING), "the list is only a courtesy"),
        (UNKNOWN, httpx.Response(401), TagMissing(MISSING), "listing may be forbidden"),
        (UNKNOWN, httpx.Response(200, text="tags"), TagMissing(MISSING), "a list that is none"),
        (
            UNKNOWN,
            httpx.Response(200, json={"tags": [7, {}]}),
            TagMissing(f"{MISSING}, nor any other: is the repository's name right?"),
            "no names",
        ),
        (UNKNOWN, httpx.Response(302, headers={"Location": "https://10.0.0.1/"}), TagMissing(MISSING), "led astray"),
        (
            UNKNOWN,
            httpx.Response(200, json={"tags": ["<b>", "a\nb", "1.2.5"]}),
            TagMissing(f"{MISSING}; the nearest that exist: 1.2.5", ("1.2.5",)),
            "hostile names are not shown",
        ),
        (
            UNKNOWN,
            httpx.Response(200, json={"tags": ["1.2.4"]}),
            Unavailable(NO + "ghcr.io lists the tag but does not serve its manifest", 5),
            "the registry contradicts itself",
        ),
        (
            PLAIN,
            httpx.Response(404, text="default backend - 404"),
            Unavailable(NO + "ghcr.io answers 404 and does not say of what: is it a registry?", 5),
            "an ingress whose registry is gone",
        ),
        (
            PLAIN,
            httpx.Response(200, json={"tags": ["1.2.5"]}),
            TagMissing(f"{MISSING}; the nearest that exist: 1.2.5", ("1.2.5",)),
            "a registry of few words, but it lists",
        ),
    ],
)
def test_a_missing_tag(get: httpx.Response, tags: httpx.Response, expected: Resolution, reason: str) -> None:
    assert resolver(Script(answer(httpx.Response(404), get, tags))).resolve(IMAGE) == expected, reason


def test_tags_are_paged_on_the_same_host_and_not_for_ever() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/tags/list"):
            return UNKNOWN
        page = int(request.url.params.get("last", "0")) + 1
        link = f'</v2/acme/shop/tags/list?n=1000&last={page}>; rel="next"'
        return httpx.Response(200, json={"tags": [f"1.2.{page + 10}"]}, headers={"Link": link})

    script = Script(handler)
    outcome = resolver(script).resolve(IMAGE)
    assert isinstance(outcome, TagMissing)
    assert outcome.nearest == ("1.2.11", "1.2.12", "1.2.13", "1.2.14", "1.2.15")
    assert len([line for line in script.lines if "tags" in line]) == 10


def test_a_next_page_elsewhere_is_not_fetched() -> None:
    link = {"Link": '<https://evil.example/v2/acme/shop/tags/list?last=1>; rel="next"'}
    script = Script(answer(httpx.Response(404), UNKNOWN, httpx.Response(200, json={"tags": ["1"]}, headers=link)))
    assert isinstance(resolver(script).resolve(IMAGE), TagMissing)
    assert {one.url.host for one in script.asked} == {"ghcr.io"}


CHALLENGE = {"WWW-Authenticate": 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:other:push"'}


def guarded(life: object = None) -> Handler:
    """A registry that wants a token which its token service gives to everybody."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"token": "t0k3n"} | ({} if life is None else {"expires_in": life}))
        if request.headers.get("authorization") != "Bearer t0k3n":
            return httpx.Response(401, headers=CHALLENGE)
        return found(request)

    return handler


def test_the_bearer_flow_asks_for_reading_one_repository() -> None:
    script = Script(guarded())
    assert resolver(script).resolve(IMAGE) == Resolved(DIGEST)
    assert script.lines == [
        "HEAD ghcr.io/v2/acme/shop/manifests/1.2.4",
        "GET ghcr.io/token",
        "HEAD ghcr.io/v2/acme/shop/manifests/1.2.4",
    ]
    assert dict(script.asked[1].url.params) == {"scope": "repository:acme/shop:pull", "service": "ghcr.io"}


@pytest.mark.parametrize(
    ("life", "seconds", "fetched", "reason"),
    [
        (None, 45, 1, "60 s if it does not say"),
        (None, 55, 2, "less a margin"),
        (300, 280, 1, "as it says"),
        (10**9, 3500, 1, "an hour at most"),
        (10**9, 3600, 2, "an hour at most"),
        (5, 1, 2, "not remembered if it is about to expire"),
        ("soon", 45, 1, "nonsense counts as silence"),
        (-1, 45, 1, "nonsense counts as silence"),
        (True, 45, 1, "nonsense counts as silence"),
    ],
)
def test_a_token_is_used_until_shortly_before_it_expires(
    life: object, seconds: float, fetched: int, reason: str
) -> None:
    script, clock = Script(guarded(life)), Clock()
    asking = resolver(script, clock)
    asking.resolve(IMAGE)
    clock.now += seconds
    assert asking.resolve(parse("ghcr.io/acme/shop", "2"), fresh=True) == Resolved(DIGEST)
    assert script.lines.count("GET ghcr.io/token") == fetched, reason


def test_a_token_that_was_revoked_is_fetched_again() -> None:
    valid = ["one"]

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": valid[0]})
        if request.headers.get("authorization") != f"Bearer {valid[0]}":
            return httpx.Response(401, headers=CHALLENGE)
        return found(request)

    asking = resolver(Script(handler))
    asking.resolve(IMAGE)
    valid[0] = "two"
    assert asking.resolve(IMAGE, fresh=True) == Resolved(DIGEST)


PRIVATE = (
    "ghcr.io/acme/shop:1.2.4 is private, or does not exist: {}. Credentials for ghcr.io would tell; "
    "the cluster's own pull secrets may still fetch it"
)


@pytest.mark.parametrize(
    ("registry", "service", "expected", "reason"),
    [
        (
            httpx.Response(401, headers=CHALLENGE),
            failed(403, "DENIED"),
            Private(PRIVATE.format("ghcr.io gives no token for ghcr.io/acme/shop without credentials")),
            "ghcr.io for a private package, and for a missing one",
        ),
        (
            httpx.Response(401, headers=CHALLENGE),
            httpx.Response(200, json={"token": "x"}),
            Private(PRIVATE.format("ghcr.io answers 401")),
            "Docker Hub: a token that opens nothing",
        ),
        (failed(403, "DENIED"), httpx.Response(500), Private(PRIVATE.format("ghcr.io answers 403")), "no challenge"),
        (
            httpx.Response(401),
            httpx.Response(500),
            Private(PRIVATE.format("ghcr.io does not let us in, nor does it say how to ask")),
            "401 without a challenge",
        ),
        (
            httpx.Response(401, headers={"WWW-Authenticate": 'Basic realm="x"'}),
            httpx.Response(500),
            Private(PRIVATE.format("ghcr.io wants a user name and password, and none is configured for it")),
            "htpasswd",
        ),
        (
            httpx.Response(401, headers=CHALLENGE),
            httpx.Response(500),
            Unavailable(NO + "ghcr.io answers 500", 5),
            "a token service that is broken says nothing of the image",
        ),
        (
            httpx.Response(401, headers=CHALLENGE),
            httpx.Response(200, json={"token": "a\r\nX-Evil: 1"}),
            Unavailable(NO + "ghcr.io answers 200 without a token", 5),
            "a token that would write headers",
        ),
        (
            httpx.Response(401, headers=CHALLENGE),
            httpx.Response(200, json=["token"]),
            Unavailable(NO + "ghcr.io answers 200 without a token", 5),
            "no token",
        ),
        (
            httpx.Response(401, headers=CHALLENGE),
            httpx.Response(302, headers={"Location": "https://ghcr.io/other"}),
            Unavailable(NO + "ghcr.io stands at the end of more than 0 redirects", 5),
            "a token service does not redirect",
        ),
        (
            httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="https://1.2.3.400/token"'}),
            httpx.Response(500),
            Unavailable(NO + "ghcr.io names a token service whose address does not parse", 5),
            "a realm that is no URL",
        ),
        (
            httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="http://ghcr.io/token"'}),
            httpx.Response(200, json={"token": "x"}),
            NotAllowed(NO + "registry ghcr.io:80 may only be asked over https"),
            "a realm without encryption",
        ),
        (
            httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="https://169.254.169.254/latest"'}),
            httpx.Response(200, json={"token": "x"}),
            NotAllowed(
                NO + "registry 169.254.169.254 has an address that is not public, "
                "and this installation does not list it"
            ),
            "a realm in the inner network",
        ),
    ],
)
def test_who_does_not_let_us_in(
    registry: httpx.Response, service: httpx.Response, expected: Resolution, reason: str
) -> None:
    script = Script(lambda request: service if request.url.path in ("/token", "/other") else registry)
    assert resolver(script).resolve(IMAGE) == expected, reason


def test_an_unlisted_registry_is_never_asked() -> None:
    script = Script(found)
    asking = Resolver(policy=HostPolicy(["quay.io"]), transport=script.transport)
    outcome = asking.resolve(IMAGE)
    assert outcome == NotAllowed(NO + "registry ghcr.io is not one of those that this installation allows")
    assert script.asked == []


@pytest.mark.parametrize(
    ("header", "seconds", "reason"),
    [
        ({"Retry-After": "20"}, 20, "as it says"),
        ({"Retry-After": "86400"}, 60, "but not for a day"),
        ({"Retry-After": "0"}, 1, "and not at once"),
        ({"Retry-After": "Wed, 21 Oct 2037 07:28:00 GMT"}, 10, "a date counts as silence"),
        ({"Retry-After": "²"}, 10, "a digit that is no number"),
        ({}, 10, "ten seconds if it says nothing"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_throttling_host_is_left_alone_for_a_while(
    status: int, header: dict[str, str], seconds: int, reason: str
) -> None:
    headers = {key: value.encode() for key, value in header.items()}
    script, clock = Script(lambda request: httpx.Response(status, headers=headers)), Clock()
    asking = resolver(script, clock)
    message = NO + f"ghcr.io answers {status}: it is busy, or has had enough of us"
    assert asking.resolve(IMAGE) == Unavailable(message, seconds), reason
    clock.now += seconds - 0.5
    assert asking.resolve(IMAGE) == Unavailable(message, 1)
    assert len(script.asked) == 1
    clock.now += 0.5
    asking.resolve(IMAGE)
    assert len(script.asked) == 2


def test_a_dead_registry_costs_its_timeout_once() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("timed out", request=request)

    script = Script(handler)
    asking = resolver(script)
    first = asking.resolve(IMAGE)
    assert first == Unavailable(NO + "ghcr.io does not answer (timed out)", 5)
    others = asking.resolve_all(parse("ghcr.io/acme/shop", str(n)) for n in range(100))
    assert all(isinstance(one, Unavailable) for one in others.values())
    assert len(script.asked) == 1


def test_results_are_remembered_for_a_short_while() -> None:
    script, clock = Script(found), Clock()
    asking = resolver(script, clock)
    for _ in range(3):
        asking.resolve(IMAGE)
    assert len(script.asked) == 1
    asking.resolve(IMAGE, fresh=True)
    assert len(script.asked) == 2
    clock.now += 31
    asking.resolve(IMAGE)
    assert len(script.asked) == 3


def test_a_missing_tag_is_remembered_for_a_shorter_while() -> None:
    """Somebody pushes the tag and applies again: that must not take half a minute."""
    script, clock = Script(answer(httpx.Response(404), UNKNOWN)), Clock()
    asking = resolver(script, clock)
    asking.resolve(IMAGE)
    count = len(script.asked)
    asking.resolve(IMAGE)
    assert len(script.asked) == count
    clock.now += 6
    asking.resolve(IMAGE)
    assert len(script.asked) == 2 * count


def test_many_images_are_asked_for_at_the_same_time() -> None:
    """Four requests meet at a barrier, which one after the other would never."""
    barrier = threading.Barrier(4, timeout=10)

    def handler(request: httpx.Request) -> httpx.Response:
        barrier.wait()
        return found(request)

    images = [parse("ghcr.io/acme/shop", str(n)) for n in range(4)]
    outcomes = resolver(Script(handler)).resolve_all([*images, *images])
    assert outcomes == dict.fromkeys(images, Resolved(DIGEST))
    assert list(outcomes) == images


def test_many_images_together_end_in_time() -> None:
    clock = Clock()

    def handler(request: httpx.Request) -> httpx.Response:
        clock.now += 4
        return found(request)

    images = [Reference(f"r{n}.example", "shop", "1") for n in range(40)]
    outcomes = resolver(Script(handler), clock).resolve_all(images, within=30.0)
    late = [one for one in outcomes.values() if isinstance(one, Unavailable)]
    assert late
    assert late[-1].message == "r39.example/shop:1 is not resolved: r39.example did not answer all questions in time"


def test_the_questions_about_one_image_end_in_time() -> None:
    clock = Clock()

    def handler(request: httpx.Request) -> httpx.Response:
        clock.now += 4.9
        page = int(request.url.params.get("last", "0")) + 1
        if not request.url.path.endswith("/tags/list"):
            return UNKNOWN
        link = f'</v2/acme/shop/tags/list?n=1000&last={page}>; rel="next"'
        return httpx.Response(200, json={"tags": [str(page)]}, headers={"Link": link})

    script = Script(handler)
    outcome = resolver(script, clock).resolve(IMAGE)
    assert isinstance(outcome, TagMissing)
    assert outcome.nearest == ("1",)
    assert len(script.asked) == 4


def test_credentials_that_change_in_their_file(tmp_path: Path) -> None:
    """The next image is asked for with what is there by then, and what is not there leaves an image as it was."""
    file = tmp_path / ".dockerconfigjson"

    def write(password: str) -> str:
        """The header that the registry takes from now on, and no other."""
        pair = base64.b64encode(f"bob:{password}".encode()).decode()
        file.write_text(json.dumps({"auths": {"ghcr.io": {"auth": pair}}}))
        return f"Basic {pair}"

    def edge(request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") == good:
            return found(request)
        return httpx.Response(401, headers={"WWW-Authenticate": 'Basic realm="ghcr.io"'})

    good = write("first")
    asked = resolver(Script(edge), credentials=CredentialsFile(file))
    assert asked.resolve(IMAGE, fresh=True) == Resolved(DIGEST)
    good = write("second")
    assert asked.resolve(IMAGE, fresh=True) == Resolved(DIGEST), "the header that was remembered is refused"
    good = "revoked"
    assert isinstance(asked.resolve(IMAGE, fresh=True), Private)
    file.write_text("")
    outcome = asked.resolve(parse("ghcr.io/acme/shop", "1.2.5"), fresh=True)
    assert isinstance(outcome, Unavailable)
    assert f"registry credentials: {file} is not JSON: mend the file" in outcome.message
    good = write("third")
    assert asked.resolve(IMAGE, fresh=True) == Resolved(DIGEST)
