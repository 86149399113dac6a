"""Helm's own engine in this process: a chart and values become manifests, in milliseconds, without a `helm` on PATH.

`helm_python` is Helm's Go code behind a C interface. Importing it maps 85 MB and starts Go's runtime, which does not
survive a `fork`: so nothing is imported here before the first rendering, and a server renders after it forked.

What is rendered is what ArgoCD renders: `helm template --include-crds` with the chart as a folder (`.helmignore`
holds), a first installation, no cluster (`lookup` finds nothing), no name resolution. A schema's `$ref` to a URL or a
file is followed, as Helm does: whoever renders a stranger's chart takes it out first (shared/rendering).
"""

import importlib.util
import io
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from shared.wording import listed

if TYPE_CHECKING:
    import helm_python

ENGINE: Final = "helm_python"

_MOST: Final = 8
_FOLDER: Final = "chart"
_IGNORE: Final = ".helmignore"
_NOTES: Final = "NOTES.txt"
_SEPARATOR: Final = re.compile(r"(?:^|\s*\n)---\s*")
"""As Helm splits a template's output into documents (pkg/release/v1/util/manifest.go)."""
_NOTHING: Final = re.compile(r"^\s*(?:#.*|---\s*)?$")


class RenderFailed(Exception):
    """The chart does not load, or does not render with these values. Its text is Helm's own message."""


class DependencyMissing(RenderFailed):
    """The chart declares a dependency that is not in its `charts/`: `helm dependency build` was not run."""


class EngineBroken(RenderFailed):
    """The engine is installed and cannot be loaded: this says nothing of any chart."""


class Engine:
    """Renders charts. Thread-safe: it remembers nothing, for a rendering changes the chart that was loaded for it."""

    @classmethod
    def load(cls) -> "Engine | None":
        """The engine, or None where helm-python-sdk is not installed. Costs nothing: the first rendering loads it."""
        return cls() if importlib.util.find_spec(ENGINE) else None

    def render(
        self, chart: Mapping[str, bytes], *, release: str, namespace: str, values: Mapping[str, Any] | bytes
    ) -> str:
        """The manifests as one YAML stream, each behind `---` and the line `# Source: <template>`, CRDs first.

        `chart` is path below the chart's folder → content, with what the chart depends on in its `charts/`. `values`
        given as bytes are read as `helm -f` reads a file. A chart that draws no random numbers gives the same bytes
        for the same input. Raises `RenderFailed`.
        """
        helm = _helm()
        try:
            given = helm.values_from_yaml(values.decode()) if isinstance(values, bytes) else dict(values)
            with _from_folder(helm, chart) if _IGNORE in chart else _from_memory(helm, chart) as loaded:
                _refuse(loaded)
                rendered = loaded.render(given, name=release, namespace=namespace, revision=1, is_install=True)
                definitions = [(one["filename"], one["data"]) for one in loaded.crds]
        except (helm.HelmError, UnicodeDecodeError) as error:
            raise RenderFailed(str(error)) from error
        return "".join(
            f"---\n# Source: {source}\n{text}\n"
            for source, content in [*sorted(definitions), *sorted(rendered.items())]
            if not source.endswith(_NOTES)
            for text in documents(content)
        )

    def read(self, document: str) -> dict[str, Any]:
        """One YAML document, a map, as Go reads it, which is not always as PyYAML does. Raises `RenderFailed`."""
        helm = _helm()
        try:
            found: dict[str, Any] = helm.values_from_yaml(document)
        except helm.HelmError as error:
            raise RenderFailed(str(error)) from error
        return found


def documents(content: str) -> Iterator[str]:
    """The YAML documents of a stream that hold more than blanks and comments."""
    for text in _SEPARATOR.split(content):
        if not all(_NOTHING.match(line) for line in text.splitlines()):
            yield text.strip("\n")


def _helm() -> Any:
    """The engine's package. Raises `EngineBroken`."""
    try:
        import helm_python  # noqa: PLC0415 # see the module's docstring
    except Exception as error:  # besides ImportError whatever its loader says of the machine
        raise EngineBroken(f"Helm's engine cannot be loaded: {error}") from error
    return helm_python


def _refuse(loaded: "helm_python.Chart") -> None:
    """Raise what `helm template` says, and the engine alone does not, of charts that are not complete."""
    metadata = loaded.metadata
    kind = metadata.get("type") or "application"
    if kind != "application":
        raise RenderFailed(f"{kind} charts are not installable")
    there = {str(one.get("name")) for one in loaded.dependencies}
    missing = [str(one.get("name")) for one in metadata.get("dependencies") or [] if one.get("name") not in there]
    if missing:
        raise DependencyMissing(f"found in Chart.yaml, but missing in charts/ directory: {listed(missing, _MOST)}")


def _from_memory(helm: Any, chart: Mapping[str, bytes]) -> "helm_python.Chart":
    """The chart by way of an archive in memory, which nobody reads but Helm: it is not compressed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=0) as archive:
        for path, content in chart.items():
            member = tarfile.TarInfo(f"{_FOLDER}/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    loaded: helm_python.Chart = helm.Chart.load_archive(buffer.getvalue())
    return loaded


def _from_folder(helm: Any, chart: Mapping[str, bytes]) -> "helm_python.Chart":
    """The chart by way of a folder: Helm looks at `.helmignore` in folders only."""
    with tempfile.TemporaryDirectory(prefix="chart-", ignore_cleanup_errors=True) as name:
        for path, content in chart.items():
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise RenderFailed(f"{path} leads out of the chart's folder")
            file = Path(name, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        loaded: helm_python.Chart = helm.Chart.load(name)
        return loaded
