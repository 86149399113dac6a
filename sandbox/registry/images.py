"""The images that the registry has, and their bytes.

::

    images:
      - repository: infraforge/user-service
        tags: [v1.0.0, latest]
        private: false
        mediaType: application/vnd.oci.image.manifest.v1+json

A tag's manifest names a config and one layer made from nothing but the words `repository:tag`. So every tag has a
digest of its own, the same after every start and on every machine.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

OCI: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER: Final = "application/vnd.docker.distribution.manifest.v2+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
PARTS: Final = {
    OCI: ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"),
    DOCKER: ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar"),
}
"""Media types of the config and the layer that go with a manifest's."""

REPOSITORY: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
TAG: Final = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
"""Names as the distribution specification allows them."""

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


@dataclass(frozen=True)
class Content:
    """Some bytes and what they are."""

    media_type: str
    data: bytes

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of the bytes."""
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"


@dataclass(frozen=True)
class Repository:
    """What a repository serves: tags in lexical order, manifests by digest, blobs by digest."""

    private: bool
    tags: dict[str, str]
    manifests: dict[str, Content]
    blobs: dict[str, Content]

    def manifest(self, reference: str) -> Content | None:
        """The manifest of a tag or digest."""
        return self.manifests.get(self.tags.get(reference, reference))


def load(path: Path) -> dict[str, Repository]:
    """The repositories of the YAML file `path` by name; raises ValueError that names the field at fault."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    return build(Images.model_validate(document or {}).images)


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
    config = _document(
        config_type,
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Labels": {"org.opencontainers.image.ref.name": name}},
            "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
        },
    )
    described = {"config": _descriptor(config), "layers": [_descriptor(layer)]}
    manifest = _document(media_type, {"schemaVersion": 2, "mediaType": media_type, **described})
    repository.blobs.update({config.digest: config, layer.digest: layer})
    repository.manifests[manifest.digest] = manifest
    return manifest


def _index(repository: Repository, media_type: str, name: str) -> Content:
    """The index (or Docker's list) of the images for amd64 and arm64."""
    inner = OCI if media_type == OCI_INDEX else DOCKER
    described = [
        {
            **_descriptor(_image(repository, inner, name, architecture)),
            "platform": {"architecture": architecture, "os": "linux"},
        }
        for architecture in ("amd64", "arm64")
    ]
    index = _document(media_type, {"schemaVersion": 2, "mediaType": media_type, "manifests": described})
    repository.manifests[index.digest] = index
    return index


def _descriptor(content: Content) -> dict[str, Any]:
    return {"mediaType": content.media_type, "digest": content.digest, "size": len(content.data)}


def _document(media_type: str, document: dict[str, Any]) -> Content:
    return Content(media_type, json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
