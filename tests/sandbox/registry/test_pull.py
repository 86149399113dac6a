"""The read half of the distribution API, without tokens."""

import hashlib
from pathlib import Path

import pytest
import yaml

from sandbox.registry.content import OCI
from sandbox.registry.images import DOCKER, DOCKER_LIST, OCI_INDEX, load
from tests.sandbox.registry.running import ALL_TYPES, CREDENTIALS, ask, errors

EXAMPLES = Path(__file__).parents[3] / "sandbox/registry/images.yaml"
DEPLOYMENTS = Path(__file__).parents[3] / "deployments"
ABSENT = f"sha256:{'0' * 64}"


def test_version_check() -> None:
    """200 and an empty object mean: the API is here, and no one asks who you are."""
    response = ask("/v2/")
    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["docker-distribution-api-version"] == "registry/2.0"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("repository", "media_type"),
    [("team/one", OCI), ("team/index", OCI_INDEX), ("team/docker", DOCKER), ("team/list", DOCKER_LIST)],
)
def test_manifest_by_tag_and_digest(method: str, repository: str, media_type: str) -> None:
    """Type, length and digest are in the headers, for HEAD as for GET, and the digest finds the same bytes."""
    tag = "v1.2.0" if repository == "team/one" else "v1"
    by_tag = ask(f"/v2/{repository}/manifests/{tag}", method=method)
    digest = by_tag.headers["docker-content-digest"]
    by_digest = ask(f"/v2/{repository}/manifests/{digest}", method="GET")
    assert (by_tag.status_code, by_tag.headers["content-type"]) == (200, media_type)
    assert f"sha256:{hashlib.sha256(by_digest.content).hexdigest()}" == digest
    assert by_tag.headers["content-length"] == str(len(by_digest.content))
    assert by_tag.content == (b"" if method == "HEAD" else by_digest.content)
    assert by_digest.json()["mediaType"] == media_type


def test_a_whole_image_can_be_pulled() -> None:
    """From the index through a platform's manifest to its config and layer, sizes and digests all right."""
    index = ask("/v2/team/index/manifests/v1").json()
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]
    for entry in index["manifests"]:
        manifest = ask(f"/v2/team/index/manifests/{entry['digest']}")
        assert (len(manifest.content), manifest.headers["content-type"]) == (entry["size"], entry["mediaType"])
        for part in (manifest.json()["config"], *manifest.json()["layers"]):
            blob = ask(f"/v2/team/index/blobs/{part['digest']}")
            assert f"sha256:{hashlib.sha256(blob.content).hexdigest()}" == part["digest"]
            assert len(blob.content) == part["size"]
            assert ask(f"/v2/team/index/blobs/{part['digest']}", method="HEAD").headers["content-length"] == str(
                part["size"]
            )


def test_digests_are_the_same_everywhere() -> None:
    """Made from the name and nothing else: a digest in Git stays true after a restart and on the next machine."""
    expected = {
        "team/one": "sha256:92b70242a2da517aa99fb2a82b7e88aee3f392b01c92435108a23bc2fe2f7001",
        "team/index": "sha256:6119f08017e3c836901352e5e443d02478223e475155bd406bbba9fb72e8067c",
    }
    tags = {"team/one": "v1.2.0", "team/index": "v1"}
    actual = {name: ask(f"/v2/{name}/manifests/{tags[name]}").headers["docker-content-digest"] for name in expected}
    assert actual == expected


def test_every_tag_has_a_digest_of_its_own() -> None:
    """`latest` too: nothing is an alias here."""
    tags = ask("/v2/team/one/tags/list").json()["tags"]
    assert len({ask(f"/v2/team/one/manifests/{tag}").headers["docker-content-digest"] for tag in tags}) == len(tags)


@pytest.mark.parametrize(
    ("accept", "status", "why"),
    [
        (OCI, 200, "the very type"),
        (f"{DOCKER}, {OCI};q=0.5", 200, "among others, with a weight"),
        (DOCKER, 404, "another type"),
        ("*/*", 404, "a wildcard is no listing"),
        ("", 404, "nothing at all"),
    ],
)
def test_accept(accept: str, status: int, why: str) -> None:
    """As ghcr.io: a manifest is there only for those who list its type."""
    response = ask("/v2/team/one/manifests/v1.2.0", headers={"Accept": accept})
    assert response.status_code == status, why
    if status == 404:
        assert errors(response) == ["MANIFEST_UNKNOWN"]


@pytest.mark.parametrize(
    ("query", "tags", "following", "why"),
    [
        ("", ["latest", "v1.10.0", "v1.2.0", "v1.9.0"], None, "lexical order, not that of versions"),
        ("?n=2", ["latest", "v1.10.0"], "</v2/team/one/tags/list?n=2&last=v1.10.0>", "a page and the way on"),
        ("?n=2&last=v1.10.0", ["v1.2.0", "v1.9.0"], None, "the last page has no next"),
        ("?last=v1.3", ["v1.9.0"], None, "last need not exist"),
        ("?n=0", [], None, "none wanted"),
        ("?last=z", [], None, "nothing after"),
    ],
)
def test_tags(query: str, tags: list[str], following: str | None, why: str) -> None:
    """Paging by n and last, with Link."""
    response = ask(f"/v2/team/one/tags/list{query}")
    assert response.json() == {"name": "team/one", "tags": tags}, why
    assert response.headers.get("link") == (f'{following}; rel="next"' if following else None)


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "why"),
    [
        ("GET", "/v2/team/one/manifests/v9", 404, "MANIFEST_UNKNOWN", "a tag that is missing"),
        ("GET", f"/v2/team/one/manifests/{ABSENT}", 404, "MANIFEST_UNKNOWN", "a digest that is missing"),
        ("GET", "/v2/team/one/manifests/-bad-", 400, "MANIFEST_INVALID", "no tag"),
        ("GET", f"/v2/team/one/blobs/{ABSENT}", 404, "BLOB_UNKNOWN", "a blob that is missing"),
        ("GET", "/v2/team/one/blobs/v1", 400, "DIGEST_INVALID", "no digest"),
        ("GET", "/v2/team/one/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID", "no number"),
        ("GET", "/v2/team/one/tags/other", 404, "NAME_UNKNOWN", "no page of the API"),
        ("GET", "/v2/Team/One/manifests/v1", 404, "NAME_INVALID", "upper case"),
        ("GET", "/v2/_catalog", 404, "NAME_INVALID", "the catalog, which ghcr.io does not have either"),
        ("GET", "/v2/team/missing/manifests/v1", 401, "DENIED", "a repository that is missing"),
        ("GET", "/v2/team/secret/manifests/v1", 401, "DENIED", "and one that is private: the same answer"),
        ("POST", "/v2/team/one/blobs/uploads/", 405, "UNSUPPORTED", "a push"),
        ("DELETE", "/v2/team/one/manifests/v1.2.0", 405, "UNSUPPORTED", "a deletion"),
        ("GET", "/token?scope=repository:team/one:pull", 404, "UNSUPPORTED", "tokens, which no one asked for"),
    ],
)
def test_refusals(method: str, path: str, status: int, code: str, why: str) -> None:
    """Errors in the form of the specification."""
    response = ask(path, method=method)
    assert (response.status_code, errors(response)) == (status, [code]), why


def test_a_private_image_with_basic_credentials() -> None:
    """Without tokens they are asked for directly."""
    assert CREDENTIALS.password
    assert ask("/v2/team/secret/manifests/v1", auth=(CREDENTIALS.user, CREDENTIALS.password)).status_code == 200
    refused = ask("/v2/team/secret/manifests/v1", auth=(CREDENTIALS.user, "wrong"))
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Basic realm="registry.test"')


def test_the_examples_hold_every_image_of_the_deployments() -> None:
    """dev and prod, under ghcr.io's names without the host, and tags beside the one that is deployed."""
    repositories = load(EXAMPLES)
    claims = [yaml.safe_load(path.read_text()) for path in DEPLOYMENTS.rglob("*-apps-claim.yaml")]
    images = [app["image"] for claim in claims for app in claim["spec"]["applications"]]
    assert len(images) == 4
    for image in images:
        host, _, name = image["repository"].partition("/")
        assert host == "ghcr.io"
        assert image["tag"] in repositories[name].tags
        assert len(repositories[name].tags) > 2
    assert {"infraforge/product-service", "infraforge/order-service"} <= set(repositories)
    assert ALL_TYPES.count(",") == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images: [{repository: A/b, tags: [v1]}]", r"images\.0\.repository"),
        ("images: [{repository: a/b, tags: ['-']}]", r"images\.0\.tags\.0"),
        ("images: [{repository: a/b, tags: [v1], mediaType: text/plain}]", r"images\.0\.mediaType"),
        ("images: [{repository: a, tags: []}, {repository: a, tags: []}]", "the repository a is there twice"),
        ("images: {", "is not YAML"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    """The field at fault is named."""
    path = tmp_path / "images.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load(path)
