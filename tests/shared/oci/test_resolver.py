"""Tags to digests, over a transport of the test's own."""

import httpx
import pytest

from shared.oci import HostPolicy, NotAllowed, Resolution, Resolved, Resolver, TagMissing, Unavailable
from shared.oci.inquiry import MANIFESTS, MAX_MANIFEST
from tests.shared.oci.registries import DIGEST, INDEX, MANIFEST
from tests.shared.oci.resolving import IMAGE, NO, UNKNOWN, Script, answer, failed, found, resolver


def test_one_head_with_all_four_media_types() -> None:
    script = Script(found)
    assert resolver(script).resolve(IMAGE) == Resolved(DIGEST)
    assert script.lines == ["HEAD ghcr.io/v2/acme/shop/manifests/1.2.4"]
    assert script.asked[0].headers["accept"].split(", ") == list(MANIFESTS)
    assert "authorization" not in script.asked[0].headers
    assert "cookie" not in script.asked[0].headers


GET = {"Content-Type": INDEX}


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


def test_an_unlisted_registry_is_never_asked() -> None:
    script = Script(found)
    asking = Resolver(policy=HostPolicy(["quay.io"]), transport=script.transport)
    outcome = asking.resolve(IMAGE)
    assert outcome == NotAllowed(NO + "registry ghcr.io is not one of those that this installation allows")
    assert script.asked == []
