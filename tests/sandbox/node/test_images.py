"""Which images, and which objects, are InfraForge's own."""

from typing import Any

import pytest

from sandbox.node.images import function_of, is_ours


@pytest.mark.parametrize(
    ("image", "function", "reason"),
    [
        ("ghcr.io/infraforge/bootstrap:0.1.0", "bootstrap", "as the chart writes it"),
        ("registry.example:5000/team/application:v1", "application", "a port is not a tag"),
        ("ghcr.io/infraforge/platform@sha256:0f", "platform", "by digest"),
        ("ghcr.io/infraforge/platform:1@sha256:0f", "platform", "by both"),
        ("localhost:5000/bootstrap", "bootstrap", "no tag means latest"),
        ("ghcr.io/infraforge/user-service:v1.0.0", None, "a team's"),
        ("ghcr.io/infraforge/bootstrap-extra:1", None, "only begins alike"),
        ("bootstrap:1", None, "somebody's on Docker Hub"),
        ("", None, "none at all"),
    ],
)
def test_whose_image_it_is(image: str, function: str | None, reason: str) -> None:
    assert function_of(image) == function, reason


@pytest.mark.parametrize(
    ("label", "images", "ours", "reason"),
    [
        ("infraforge", ["x/bootstrap:1"], True, "labelled, and ours"),
        ("infraforge", ["x/bootstrap:1", "x/sidecar:1"], False, "a pod is run as a whole or not at all"),
        ("infraforge", [], False, "nothing to run"),
        ("shop", ["x/bootstrap:1"], False, "another's product of the same image name"),
        (None, ["x/bootstrap:1"], False, "no label"),
    ],
)
def test_whose_object_it_is(label: str | None, images: list[str], ours: bool, reason: str) -> None:
    metadata: dict[str, Any] = {"labels": {"app.kubernetes.io/part-of": label}} if label else {}
    spec = {"containers": [{"image": image} for image in images]}

    assert is_ours(metadata, spec) is ours, reason
