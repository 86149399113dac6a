"""Helm's own engine in this process: what a chart sees of a values file, and what it renders.

`helm_python` is Helm's Go code behind a C interface, so a rendering takes a millisecond and needs no `helm` on PATH.
"""

import functools
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

from functions.bootstrap.charts import self_contained

_PROBE = "values-probe"


def values_through_helm(values_yaml: bytes) -> dict[str, Any]:
    """What `{{ .Values | toJson }}` prints for a values file of these bytes.

    Go reads the file and Go writes the JSON; no Python stands between the two. Helm drops a top-level key whose value
    is null and holds every number as a float64; `global` is Helm's own key.
    """
    archive = _archive(
        _PROBE,
        {
            "Chart.yaml": f"apiVersion: v2\nname: {_PROBE}\nversion: 0.1.0\n".encode(),
            "values.yaml": values_yaml,
            "templates/values.json": b"{{ .Values | toJson }}",
        },
    )
    with helm_python.Chart.load_archive(archive) as chart:
        rendered = chart.render(name=_PROBE)
    values: dict[str, Any] = json.loads(rendered[f"{_PROBE}/templates/values.json"])
    return values


def render(chart: Path, values_yaml: bytes, *, release: str, namespace: str) -> dict[str, str]:
    """The manifests by template path of the chart in the folder `chart`, as the bootstrap function pushes it.

    `values_yaml` is read as `helm -f` reads it.
    """
    values = helm_python.values_from_yaml(values_yaml.decode())
    with helm_python.Chart.load_archive(_pushed(chart)) as loaded:
        return loaded.render(values, name=release, namespace=namespace)


def documents(*texts: str) -> list[Any]:
    """Every YAML document of `texts` that holds something, in their order."""
    return [document for text in texts for document in yaml.load_all(text, _Loader) if document]


class _Loader(yaml.CSafeLoader):
    """Reads `=` and `<<` as the strings that they are to Go and to Kubernetes; PyYAML has no idea of them."""


for _tag in ("value", "merge"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda _, node: str(node.value))


def unpack(chart: Path, directory: Path) -> Path:
    """The chart in the folder `chart` as a folder below `directory`, as the bootstrap function pushes it."""
    for path, content in self_contained(chart).items():
        file = directory / chart.name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return directory / chart.name


@functools.cache
def _pushed(chart: Path) -> bytes:
    """The archive of a chart, made once: no test changes a chart of this repository."""
    return _archive(chart.name, self_contained(chart))


def _archive(chart: str, files: Mapping[str, bytes]) -> bytes:
    """A chart archive of `files`, held in memory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{chart}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
