"""Helm's own engine in this process: a chart and values become manifests, in milliseconds, without a `helm` on PATH.

`helm_python` is Helm's Go code behind a C interface. Importing it maps 85 MB and starts Go's runtime, which does not
survive a `fork`: so nothing is imported here before the first rendering, and a server renders after it forked.

What is rendered is what ArgoCD renders: `helm template --include-crds` with the chart as a folder (`.helmignore`
holds), a first installation, no cluster (`lookup` finds nothing), no name resolution.
"""

import hashlib
import importlib.util
import io
import json
import re
import tarfile
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import helm_python

ENGINE: Final = "helm_python"
MAX_LOADED: Final = 16
"""Charts that stay loaded; the one used longest ago goes first."""

_FOLDER: Final = "chart"
_IGNORE: Final = ".helmignore"
_NOTES: Final = "NOTES.txt"
_SEPARATOR: Final = re.compile(r"(?:^|\s*\n)---\s*")
"""As Helm splits a template's output into documents (pkg/release/util/manifest.go)."""
_COMMENT: Final = re.compile(r"^\s*(?:#.*)?$")


class RenderFailed(Exception):
    """The chart does not load, or does not render with these values. Its text is Helm's own message."""


class EngineBroken(RenderFailed):
    """The engine is installed and cannot be loaded: this says nothing of any chart."""


class Engine:
    """Renders charts. Thread-safe; threads render side by side."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: OrderedDict[bytes, helm_python.Chart] = OrderedDict()

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
            loaded = self._chart(helm, chart)
            rendered = loaded.render(given, name=release, namespace=namespace, revision=1, is_install=True)
            definitions = [(one["filename"], one["data"]) for one in loaded.crds]
        except (helm.HelmError, UnicodeDecodeError) as error:
            raise RenderFailed(str(error)) from error
        found = [*sorted(definitions), *sorted(rendered.items())]
        return "".join(
            f"---\n# Source: {source}\n{text}\n"
            for source, content in found
            if not source.endswith(_NOTES)
            for text in documents(content)
        )

    def read(self, document: str) -> dict[str, Any]:
        """One YAML document, a map, as Go reads it: what PyYAML takes and Go does not, and the other way round, is
        none of our business then. Raises `RenderFailed`."""
        helm = _helm()
        try:
            found: dict[str, Any] = helm.values_from_yaml(document)
        except helm.HelmError as error:
            raise RenderFailed(str(error)) from error
        return found

    def _chart(self, helm: Any, chart: Mapping[str, bytes]) -> "helm_python.Chart":
        """The chart, loaded; the same one for the same content while it is remembered.

        An evicted chart is freed when its last user lets go of it.
        """
        key = _digest(chart)
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
                return self._loaded[key]
        loaded: helm_python.Chart = _from_folder(helm, chart) if _IGNORE in chart else _from_memory(helm, chart)
        with self._lock:
            self._loaded[key] = loaded
            while len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)
        return loaded


def documents(content: str) -> Iterator[str]:
    """The YAML documents of a stream that hold more than blanks and comments."""
    for text in _SEPARATOR.split(content):
        if not all(_COMMENT.match(line) for line in text.splitlines()):
            yield text.strip("\n")


def _helm() -> Any:
    """The engine's package. Raises `EngineBroken`."""
    try:
        import helm_python  # noqa: PLC0415 # see the module's docstring
    except Exception as error:  # besides ImportError whatever its loader says of the machine
        raise EngineBroken(f"Helm's engine cannot be loaded: {error}") from error
    return helm_python


def _digest(chart: Mapping[str, bytes]) -> bytes:
    """A digest of the chart's content."""
    sizes = [(path, len(content)) for path, content in sorted(chart.items())]
    digest = hashlib.sha256(json.dumps(sizes).encode())
    for path, _ in sizes:
        digest.update(chart[path])
    return digest.digest()


def _from_memory(helm: Any, chart: Mapping[str, bytes]) -> "helm_python.Chart":
    """The chart by way of an archive in memory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
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
