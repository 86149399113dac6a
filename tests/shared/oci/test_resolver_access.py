"""Whom a registry lets in: tokens, credentials, and what is said to those whom it does not."""

import base64
import json
from pathlib import Path

import httpx
import pytest

from shared.oci import CredentialsFile, NotAllowed, Private, Resolution, Resolved, Unavailable, parse
from tests.shared.oci.registries import DIGEST
from tests.shared.oci.resolving import IMAGE, NO, Clock, Handler, Script, failed, found, resolver

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
