"""One rendering, tried out: does Helm render it, and is what comes out what a Kubernetes API server can be sent?

The engine's package is imported with the first one, so this belongs into a process of its own
(`shared.rendering.child`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Protocol

from shared.helm import DependencyMissing, EngineBroken, RenderFailed, documents

MAX_MESSAGE: Final = 4096
MAX_OUTPUT: Final = 8 * 1024 * 1024

Outcome = Literal["renders", "refused", "invalid", "unknown", "broken"]
"""It renders; Helm refuses it; what it renders is no Kubernetes objects; nobody can tell; there is no engine."""


@dataclass(frozen=True)
class Verdict:
    """What became of a trial, and Helm's own message, or ours about the output."""

    outcome: Outcome
    message: str = ""

    def document(self) -> dict[str, str]:
        """As JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Trial:
    """A chart's files with a release and its values, as `shared.helm.Engine.render` takes them."""

    chart: Mapping[str, bytes]
    release: str
    namespace: str
    values: bytes


class Renderer(Protocol):
    """What tries renderings out."""

    def run(self, trial: Trial) -> Verdict:
        """The verdict. Raises nothing."""


class Renders(Protocol):
    """What of `shared.helm.Engine` is used here."""

    def render(self, chart: Mapping[str, bytes], *, release: str, namespace: str, values: bytes) -> str:
        """The manifests as a stream."""

    def read(self, document: str) -> dict[str, Any]:
        """One document."""


def run(engine: Renders, trial: Trial) -> Verdict:
    """Render, and look at every document. Raises nothing that a chart can cause."""
    try:
        stream = engine.render(trial.chart, release=trial.release, namespace=trial.namespace, values=trial.values)
    except EngineBroken as error:
        return Verdict("broken", _bounded(error))
    except DependencyMissing as error:  # ArgoCD builds them, if it can
        return Verdict("unknown", _bounded(error))
    except RenderFailed as error:
        return Verdict("refused", _bounded(error))
    except OSError as error:  # no room for a chart that has to be a folder
        return Verdict("unknown", _bounded(error))
    if len(stream) > MAX_OUTPUT:
        return Verdict("unknown", f"it renders more than {MAX_OUTPUT >> 20} MiB")
    for text in documents(stream):
        try:
            missing = _missing(engine.read(text))
        except RenderFailed as error:
            return Verdict("invalid", f"{_source(text)} is no YAML: {_bounded(error)}")
        if missing:
            return Verdict("invalid", f"{_source(text)} has no {missing}")
    return Verdict("renders")


def _missing(manifest: Mapping[str, Any]) -> str:
    """What an object lacks without which no API server knows it; "" for a whole one, and for a List."""
    for field in ("apiVersion", "kind"):
        if not isinstance(manifest.get(field), str) or not manifest[field]:
            return field
    metadata = manifest.get("metadata")
    names = metadata if isinstance(metadata, Mapping) else {}
    if isinstance(manifest.get("items"), list) and str(manifest["kind"]).endswith("List"):
        return ""
    return "" if any(isinstance(names.get(one), str) and names[one] for one in ("name", "generateName")) else "name"


def _source(text: str) -> str:
    """The template that a document of the engine's stream is from."""
    return text.partition("\n")[0].removeprefix("# Source: ")[:200]


def _bounded(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
