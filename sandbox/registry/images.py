"""The images that the registry has, and their bytes.

::

    images:
      - repository: infraforge/user-service
        tags: [v1.0.0, latest]
        private: false
        mediaType: application/vnd.oci.image.manifest.v1+json

A tag's manifest names a config and one layer made from nothing but the words `repository:tag`. So every tag has a
digest of its own, the same after every start and on every machine. The file may list Helm charts besides (`charts.py`).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sandbox.registry.charts import HelmChart
from sandbox.registry.content import OCI, REPOSITORY, TAG, Content, Repository, descriptor, document

DOCKER: Final = "application/vnd.docker.distribution.manifest.v2+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
PARTS: Final = {
    OCI: ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"),
    DOCKER: ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar"),
}
"""Media types of the config and the layer that go with a manifest's."""

Tag = Annotated[str, StringConstraints(pattern=f"^{TAG}$")]


class Image(BaseModel):
    """One repository of the file. `mediaType` is its manifests': an image, or an index of two platforms' images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str = Field(pattern=f"^{REPOSITORY}$", max_length=255)
    tags: tuple[Tag, ...]
    private: bool = False
    media_type: Literal[
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ] = Field(default=OCI, alias="mediaType")


class Images(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: tuple[Image, ...] = ()
    charts: tuple[HelmChart, ...] = ()


def load(path: Path) -> dict[str, Repository]:
    """The repositories of the YAML file `path` by name; raises ValueError that names the field at fault."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    wanted = Images.model_validate(content or {})
    repositories = build(wanted.images)
    for chart in wanted.charts:
        if chart.repository in repositories:
            raise ValueError(f"the repository {chart.repository} is there twice")
        repositories[chart.repository] = chart.build(path.parent)
    return repositories


def build(images: Iterable[Image]) -> dict[str, Repository]:
    """The repositories by name; raises ValueError if one is given twice."""
    repositories: dict[str, Repository] = {}
    for image in images:
        if image.repository in repositories:
            raise ValueError(f"the repository {image.repository} is there twice")
        repositories[image.repository] = _repository(image)
    return repositories


def _repository(image: Image) -> Repository:
    repository = Repository(image.private, {}, {}, {})
    for tag in sorted(set(image.tags)):
        name = f"{image.repository}:{tag}"
        if image.media_type in PARTS:
            manifest = _image(repository, image.media_type, name, "amd64")
        else:
            manifest = _index(repository, image.media_type, name)
        repository.tags[tag] = manifest.digest
    return repository


def _image(repository: Repository, media_type: str, name: str, architecture: str) -> Content:
    """The manifest of a one-layer image that says its own name; it, the config and the layer are added."""
    config_type, layer_type = PARTS[media_type]
    layer = Content(layer_type, f"{name} for {architecture}\n".encode())
    config = document(
        config_type,
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Labels": {"org.opencontainers.image.ref.name": name}},
            "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
        },
    )
    described = {"config": descriptor(config), "layers": [descriptor(layer)]}
    manifest = document(media_type, {"schemaVersion": 2, "mediaType": media_type, **described})
    repository.blobs.update({config.digest: config, layer.digest: layer})
    repository.manifests[manifest.digest] = manifest
    return manifest


def _index(repository: Repository, media_type: str, name: str) -> Content:
    """The index (or Docker's list) of the images for amd64 and arm64."""
    inner = OCI if media_type == OCI_INDEX else DOCKER
    described = [
        {
            **descriptor(_image(repository, inner, name, architecture)),
            "platform": {"architecture": architecture, "os": "linux"},
        }
        for architecture in ("amd64", "arm64")
    ]
    index = document(media_type, {"schemaVersion": 2, "mediaType": media_type, "manifests": described})
    repository.manifests[index.digest] = index
    return index
