"""Helm charts as OCI artifacts, made of chart folders as `helm package` and `helm push` make them.

::

    charts:
      - repository: infraforge/charts/web-service
        folder: ../../charts/web-service       # relative to the file; `file://` dependencies are packed along
        versions: [0.1.0, 0.2.0]               # the same chart under each; none = the version of its Chart.yaml

The same folder gives the same digest on every machine: nothing in the archive says when or by whom it was made.
"""

import gzip
import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

from sandbox.registry.content import OCI, REPOSITORY, Content, Repository, descriptor, document
from shared.charts import self_contained
from shared.errors import PermanentError

CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
LAYER: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_MANIFEST: Final = "Chart.yaml"
_VERSION: Final = re.compile(rb"^version:.*$", re.MULTILINE)


class HelmChart(BaseModel):
    """One chart of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str = Field(pattern=f"^{REPOSITORY}$", max_length=255)
    folder: str
    versions: tuple[str, ...] = ()

    def build(self, base: Path) -> Repository:
        """What is served for it; `base` is the folder that `folder` is relative to. Raises ValueError without one."""
        folder = base / self.folder
        if not (folder / _MANIFEST).is_file():
            raise ValueError(f"{self.folder} holds no {_MANIFEST}")
        try:
            files = self_contained(folder)
        except PermanentError as error:
            raise ValueError(f"{self.folder}: {error}") from error
        own = str(yaml.safe_load(files[_MANIFEST])["version"])
        repository = Repository(private=False, tags={}, manifests={}, blobs={})
        for version in self.versions or (own,):
            manifest = _artifact(repository, _versioned(files, version))
            repository.tags[version.replace("+", "_")] = manifest.digest
        return repository


def _versioned(files: Mapping[str, bytes], version: str) -> dict[str, bytes]:
    manifest = _VERSION.sub(f"version: {version}".encode(), files[_MANIFEST])
    return {**files, _MANIFEST: manifest}


def _artifact(repository: Repository, files: Mapping[str, bytes]) -> Content:
    """The manifest of a chart; it, the config (Chart.yaml as JSON) and the archive are added."""
    about = yaml.safe_load(files[_MANIFEST])
    config = document(CONFIG, about)
    layer = Content(LAYER, _archive(str(about["name"]), files))
    described = {"config": descriptor(config), "layers": [descriptor(layer)]}
    manifest = document(OCI, {"schemaVersion": 2, "mediaType": OCI, **described})
    repository.blobs.update({config.digest: config, layer.digest: layer})
    repository.manifests[manifest.digest] = manifest
    return manifest


def _archive(name: str, files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in sorted(files.items()):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
