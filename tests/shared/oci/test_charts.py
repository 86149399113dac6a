"""Charts from registries: the archive that the digest names, or why there is none."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shared.errors import Forbidden, RegistryUnavailable
from shared.oci import ChartMissing, ChartRegistries, HostNotAllowed, HostPolicy
from shared.oci.charts import CONFIG, CONTENT, MANIFEST, MAX_ARCHIVE

ARCHIVE = b"\x1f\x8b a chart"
Handler = Callable[[httpx.Request], httpx.Response]


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def manifest(**changes: Any) -> bytes:
    layer = {"mediaType": CONTENT, "digest": digest(ARCHIVE), "size": len(ARCHIVE)} | changes.pop("layer", {})
    config = {"mediaType": CONFIG, "digest": digest(b"{}"), "size": 2}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]} | changes
    ).encode()


def served(
    content: bytes | None = None, blob: httpx.Response | None = None, headers: dict[str, str] | None = None
) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        if "/manifests/" in request.url.path:
            return httpx.Response(200, content=manifest() if content is None else content, headers=headers)
        return blob or httpx.Response(200, content=ARCHIVE)

    return handler


def registries(handler: Handler, asked: list[httpx.Request] | None = None, **policy: Any) -> ChartRegistries:
    def remembering(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        return handler(request)

    return ChartRegistries(policy=HostPolicy(**policy), transport=httpx.MockTransport(remembering))


def failed(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"code": code}]})


@pytest.mark.parametrize(
    ("registry", "version", "expected", "why"),
    [
        ("ghcr.io/acme/charts", "1.2.3", "https://ghcr.io/v2/acme/charts/shop/manifests/1.2.3", "below a path"),
        ("GHCR.io", "1.2.3", "https://ghcr.io/v2/shop/manifests/1.2.3", "at the top, by its lower-case name"),
        ("ghcr.io/acme", "1.2.3+b.4", "https://ghcr.io/v2/acme/shop/manifests/1.2.3_b.4", "tags hold no +"),
    ],
)
def test_a_chart_is_a_manifest_and_a_layer(registry: str, version: str, expected: str, why: str) -> None:
    asked: list[httpx.Request] = []

    assert registries(served(), asked).pull(registry, "shop", version) == ARCHIVE

    assert str(asked[0].url) == expected, why
    assert asked[0].headers["accept"] == MANIFEST
    assert asked[1].url.path.endswith(f"/shop/blobs/{digest(ARCHIVE)}")


def test_a_blob_may_be_kept_elsewhere() -> None:
    """As GitHub, Docker Hub and all clouds do; no credential goes there."""
    elsewhere = httpx.Response(307, headers={"location": "https://storage.example.com/x?signature=1"})

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "storage.example.com":
            return httpx.Response(200, content=ARCHIVE)
        return served(blob=elsewhere)(request)

    asked: list[httpx.Request] = []
    assert registries(handler, asked).pull("ghcr.io/acme", "shop", "1.0.0") == ARCHIVE
    assert "authorization" not in asked[-1].headers

    with pytest.raises(RegistryUnavailable, match=r"keeps its charts elsewhere: registry storage\.example\.com"):
        registries(handler, allowed=["ghcr.io"]).pull("ghcr.io/acme", "shop", "1.0.0")


@pytest.mark.parametrize(
    ("handler", "error", "message"),
    [
        pytest.param(served(manifest(config={"mediaType": "x"})), ChartMissing, "is no Helm chart", id="an image"),
        pytest.param(served(manifest(layers=[])), ChartMissing, "is no Helm chart", id="without layers"),
        pytest.param(served(manifest(layers=None)), ChartMissing, "is no Helm chart", id="null"),
        pytest.param(served(b"[]"), ChartMissing, "is no Helm chart", id="no map"),
        pytest.param(served(manifest(layer={"digest": "md5:1"})), RegistryUnavailable, "digest", id="no digest"),
        pytest.param(
            served(manifest(layer={"size": MAX_ARCHIVE + 1})), RegistryUnavailable, "larger than 4 MiB", id="large"
        ),
        pytest.param(
            served(blob=httpx.Response(200, content=bytes(MAX_ARCHIVE + 1))),
            RegistryUnavailable,
            "breaks off",
            id="larger than it says",
        ),
        pytest.param(
            served(blob=httpx.Response(200, content=b"another")), RegistryUnavailable, "another archive", id="another"
        ),
        pytest.param(
            served(headers={"docker-content-digest": digest(b"another")}),
            RegistryUnavailable,
            "wrong digest",
            id="forged",
        ),
        pytest.param(served(blob=failed(404, "BLOB_UNKNOWN")), RegistryUnavailable, "answers 404", id="half a push"),
        pytest.param(lambda _: httpx.Response(500), RegistryUnavailable, "answers 500", id="broken"),
        pytest.param(lambda _: failed(403, "DENIED"), Forbidden, "answers 403", id="private"),
        pytest.param(lambda _: httpx.Response(404), RegistryUnavailable, "is it a registry", id="no registry"),
    ],
)
def test_what_is_no_chart(handler: Handler, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        registries(handler).pull("ghcr.io/acme", "shop", "1.0.0")


def test_a_version_that_is_not_there_names_those_that_are() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/tags/list"):
            return httpx.Response(200, json={"name": "x", "tags": ["1.0.0", "1.1.0_b.1", "9.0.0"]})
        return failed(404, "MANIFEST_UNKNOWN")

    with pytest.raises(ChartMissing) as missing:
        registries(handler).pull("ghcr.io/acme", "shop", "1.1.1")

    said = str(missing.value)
    assert said.startswith("ghcr.io/acme/shop has no version 1.1.1; the nearest that exist: 1.1.0+b.1, 1.0.0")


def test_a_chart_that_is_not_there() -> None:
    with pytest.raises(ChartMissing, match="nor any other"):
        registries(lambda _: failed(404, "NAME_UNKNOWN")).pull("ghcr.io/acme", "shop", "1.1.1")


@pytest.mark.parametrize("version", ["", "a b", "-1", "1" * 200])
def test_what_is_no_version_is_not_asked_for(version: str) -> None:
    asked: list[httpx.Request] = []
    with pytest.raises(ChartMissing, match="is no version"):
        registries(served(), asked).pull("ghcr.io/acme", "shop", version)
    assert asked == []


def test_a_registry_that_is_not_allowed_is_not_asked() -> None:
    asked: list[httpx.Request] = []
    with pytest.raises(HostNotAllowed):
        registries(served(), asked, allowed=["ghcr.io"]).pull("example.com/acme", "shop", "1.0.0")
    with pytest.raises(HostNotAllowed):
        registries(served(), asked).pull("127.0.0.1:5000/acme", "shop", "1.0.0")
    assert asked == []
