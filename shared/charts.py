"""The embedded charts of an installation: those that its image holds, and that are pushed to Gitea as they are here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from shared.errors import PermanentError
from shared.history import checksum

MAX_FILE: Final = 1024 * 1024
MANIFEST: Final = "Chart.yaml"
VENDORED: Final = "charts"
LOCAL: Final = "file://"
DIGITS: Final = 12
PREFIX: Final = "embedded-"
"""Of the tags that name embedded charts."""

Chart = Mapping[str, bytes]
Charts = Mapping[str, Chart]


def read(directory: Path) -> Charts:
    """Chart → path → content of every chart folder in `directory`, each with the libraries that it depends on.

    A library chart renders nothing: it is in the `charts/` folder of those that name it and no chart by itself, so what
    is pushed needs no network and no dependency build.

    Raises `PermanentError` when there is none, or a library is missing: an image without charts is built wrong.
    """
    folders = [manifest.parent for manifest in sorted(directory.glob(f"*/{MANIFEST}"))]
    charts = {folder.name: self_contained(folder) for folder in folders if _manifest(folder)["type"] != "library"}
    if not charts:
        raise _wrong_image(f"{directory} holds no Helm charts")
    return charts


def self_contained(folder: Path) -> Chart:
    """Path → content of the chart in `folder`, with each `file://` dependency of its Chart.yaml under `charts/`.

    Helm reads `charts/<name>/` like an archive that `helm dependency build` made. Other dependencies are left to
    whoever put their archives into the folder. Raises `PermanentError` when a dependency is not as it is declared.
    """
    files = dict(_files(folder))
    for dependency in _manifest(folder)["dependencies"]:
        name, location = str(dependency.get("name")), str(dependency.get("repository", ""))
        if not location.startswith(LOCAL):
            continue
        library = folder / location.removeprefix(LOCAL)
        if not (library / MANIFEST).is_file():
            raise _wrong_image(f"{folder.name}/{MANIFEST} depends on {name} in {location}, where no chart is")
        found = _manifest(library)
        if (found["name"], found["version"]) != (name, dependency.get("version")):
            raise _wrong_image(
                f"{folder.name}/{MANIFEST} depends on {name} {dependency.get('version')}, "
                f"and {location} is {found['name']} {found['version']}"
            )
        files |= {f"{VENDORED}/{name}/{path}": content for path, content in self_contained(library).items()}
    return files


def revision(charts: Charts) -> str:
    """The immutable tag of a set of charts, made from their content and from nothing else."""
    files = {f"{chart}/{path}": data for chart, folder in charts.items() for path, data in folder.items()}
    return f"{PREFIX}{checksum(files)[:DIGITS]}"


def _manifest(folder: Path) -> dict[str, Any]:
    """The Chart.yaml of `folder`, with what Helm takes for granted."""
    try:
        manifest = yaml.safe_load(_content(folder / MANIFEST))
    except yaml.YAMLError as error:
        raise _wrong_image(f"{folder.name}/{MANIFEST} is no YAML") from error
    if not isinstance(manifest, dict):
        raise _wrong_image(f"{folder.name}/{MANIFEST} is no map")
    return {"name": None, "version": None, "type": "application", "dependencies": []} | manifest


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield file.relative_to(folder).as_posix(), _content(file)


def _content(file: Path) -> bytes:
    if file.stat().st_size > MAX_FILE:
        raise _wrong_image(f"{file.name} is larger than {MAX_FILE} bytes: not a chart's file")
    return file.read_bytes()


def _wrong_image(fault: str) -> PermanentError:
    return PermanentError(f"{fault}: the image is built wrong", reason="ChartsMissing")
