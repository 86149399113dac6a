"""Digests that Git holds for a claim."""

from typing import Any

import pytest

from cli.history.digests import folder, remembered
from tests.cli.history.repository import shop, spec

DIGEST = "sha256:" + "ab" * 32
PATH = "environments/nonprod/dev/applications/shop/values.yaml"
PINNED = spec(shop("v1")) | {"imagePolicy": "Digest"}


def values(tag: str = "v1", digest: str | None = DIGEST) -> bytes:
    found = f"image:\n  repository: ghcr.io/infraforge/shop\n  tag: {tag}\n"
    return (found + (f'  digest: "{digest}"\n' if digest else "")).encode()


ROW = {"name": "shop", "image": "ghcr.io/infraforge/shop:v1", "digest": DIGEST}
CASES: list[tuple[dict[str, bytes], list[dict[str, Any]], str]] = [
    ({PATH: values()}, [ROW], "the claim's image"),
    ({PATH: values("v0")}, [], "another one: the row was held when the claim last changed"),
    ({PATH: values(digest=None)}, [], "none: it was deployed by its tag"),
    ({PATH: b"{"}, [], "no YAML"),
    ({PATH: b"image: x"}, [], "no map"),
    ({}, [], "no file"),
]


@pytest.mark.parametrize(("files", "expected", "reason"), CASES, ids=[case[2] for case in CASES])
def test_remembered(files: dict[str, bytes], expected: list[dict[str, Any]], reason: str) -> None:
    assert remembered(PINNED, files) == expected


def test_a_claim_that_deploys_tags_has_none() -> None:
    assert folder(PINNED) == "environments/nonprod/dev/applications"
    assert folder(spec(shop())) is None
    assert folder({"gitea": {}}) is None
