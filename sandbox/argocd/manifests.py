"""What an Application wants to be there: its sources, fetched and rendered (ArgoCD's repo server)."""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandbox.argocd.api import Json
from sandbox.argocd.charts import ChartRegistry
from sandbox.argocd.documents import merged
from sandbox.argocd.projects import sources_of
from sandbox.argocd.repositories import Repositories, RepositoryError
from shared.helm import Engine, RenderFailed, documents

HELM: Final = "Helm"
DIRECTORY: Final = "Directory"

_REMEMBERED: Final = 500
_CHART: Final = "Chart.yaml"
_MANIFESTS: Final = (".yaml", ".yml", ".json")
_COVERED: Final = frozenset(
    {"releaseName", "valueFiles", "values", "valuesObject", "ignoreMissingValueFiles", "namespace"}
)
_CACHED: Final = "<path to cached source>"


class ManifestsFailed(Exception):
    """The target state cannot be loaded; the text is what ArgoCD's condition says."""


@dataclass(frozen=True)
class Target:
    """What shall be there: each source's revision and type, and the objects."""

    revisions: tuple[str, ...]
    types: tuple[str, ...]
    objects: tuple[Json, ...]


@dataclass(frozen=True)
class _Reference:
    """A source that others take value files from."""

    url: str
    revision: str


class Manifests:
    """Renders Applications and remembers what it rendered, by content. Thread-safe."""

    def __init__(
        self, repositories: Repositories, registry: ChartRegistry, engine: Engine | None, *, version: str
    ) -> None:
        self._repositories = repositories
        self._registry = registry
        self._engine = engine
        self._version = version
        self._known: OrderedDict[str, tuple[Json, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def load(
        self, application: Json, *, revisions: Sequence[str] = (), anew: bool = True, asked: float | None = None
    ) -> Target:
        """The target state, at the given `revisions` (one a source) or at what the sources' own stand for.

        `anew` and `asked` are those of `Repositories.resolve`. Raises `ManifestsFailed`.
        """
        sources = sources_of(application["spec"])
        resolved: list[str] = []
        failed = (0, "")
        for index, source in enumerate(sources):
            try:
                resolved.append(revisions[index] if revisions else self._resolve(source, anew, asked))
            except RepositoryError as error:
                failed = failed if failed[0] else (index + 1, str(error))
        if failed[0]:
            raise _wrapped(failed[0], len(sources), failed[1])
        references = {
            f"${source['ref']}": _Reference(source["repoURL"], revision)
            for source, revision in zip(sources, resolved, strict=True)
            if source.get("ref")
        }
        types: list[str] = []
        objects: list[Json] = []
        for index, (source, revision) in enumerate(zip(sources, resolved, strict=True)):
            if source.get("ref") and not source.get("path") and not source.get("chart"):
                types.append("")
                continue
            try:
                kind, found = self._generate(application, source, revision, references)
            except (RepositoryError, RenderFailed, UnicodeDecodeError) as error:
                raise _wrapped(index + 1, len(sources), str(error)) from error
            types.append(kind)
            objects += found
        return Target(tuple(resolved), tuple(types), tuple(objects))

    def _resolve(self, source: Json, anew: bool, asked: float | None) -> str:
        revision = source.get("targetRevision", "")
        if source.get("chart"):
            return self._registry.resolve(source["repoURL"], source["chart"], revision)
        return self._repositories.resolve(source["repoURL"], revision, anew=anew, asked=asked)

    def _generate(
        self, application: Json, source: Json, revision: str, references: Mapping[str, _Reference]
    ) -> tuple[str, tuple[Json, ...]]:
        if source.get("kustomize") or source.get("plugin"):
            raise RepositoryError("the sandbox's ArgoCD renders Helm charts and plain manifests only")
        if source.get("chart"):
            files = self._registry.chart(source["repoURL"], source["chart"], revision)
            identity = [source["repoURL"], source["chart"], revision]
            return HELM, self._helm(application, source, lambda: files, identity, references)
        url, path = source["repoURL"], source.get("path", "").strip("/")
        listing = self._repositories.listing(url, revision)
        prefix = "" if path in ("", ".") else f"{path}/"
        below = {name.removeprefix(prefix): blob for name, blob in listing.items() if name.startswith(prefix)}
        if not below:
            raise RepositoryError(f"{path}: app path does not exist")
        identity = [f"{name} {blob}" for name, blob in sorted(below.items())]
        if _CHART in below:
            fetch = lambda: self._repositories.contents(url, below)  # noqa: E731 - only a miss of the memory pays for it
            return HELM, self._helm(application, source, fetch, identity, references)
        plain = {name: blob for name, blob in below.items() if "/" not in name and name.endswith(_MANIFESTS)}
        return DIRECTORY, self._remembered(["directory", *identity], lambda: self._plain(url, plain))

    def _plain(self, url: str, files: Mapping[str, str]) -> tuple[Json, ...]:
        contents = self._repositories.contents(url, files)
        engine = self._required()
        return tuple(one for _, text in sorted(contents.items()) for one in _objects(engine, text.decode()))

    def _required(self) -> Engine:
        if self._engine is None:
            raise RepositoryError("Helm's engine is not installed: pip install helm-python-sdk")
        return self._engine

    def _helm(
        self,
        application: Json,
        source: Json,
        chart: Any,
        identity: Sequence[str],
        references: Mapping[str, _Reference],
    ) -> tuple[Json, ...]:
        engine, options = self._required(), source.get("helm") or {}
        if unknown := sorted(set(options) - _COVERED):
            raise RepositoryError(f"the sandbox's ArgoCD does not cover helm.{unknown[0]}")
        namespace = options.get("namespace") or application["spec"]["destination"].get("namespace", "")
        release = options.get("releaseName") or application["metadata"]["name"]
        command = self._command(release, namespace, options)
        try:
            values = self._values(engine, options, references)
            given = ["helm", release, namespace, json.dumps(values, sort_keys=True), *identity]
            return self._remembered(
                given,
                lambda: tuple(
                    _objects(engine, engine.render(chart(), release=release, namespace=namespace, values=values))
                ),
            )
        except (RenderFailed, _ValuesFailed) as error:
            raise RepositoryError(
                f"failed to execute helm template command: failed running helm: `{command}` failed exit status 1: "
                f"Error: {error}"
            ) from error

    def _values(self, engine: Engine, options: Json, references: Mapping[str, _Reference]) -> Json:
        values: Json = {}
        for name in options.get("valueFiles") or []:
            content = self._value_file(name, references)
            if content is None:
                if options.get("ignoreMissingValueFiles"):
                    continue
                raise _ValuesFailed(f"open {_shown(name)}: no such file or directory")
            try:
                values = merged(values, engine.read(content.decode()))
            except (RenderFailed, UnicodeDecodeError) as error:
                raise _ValuesFailed(
                    f"failed to parse {_shown(name)}: cannot unmarshal yaml document: {error}"
                ) from error
        own = options.get("valuesObject") or (engine.read(options["values"]) if options.get("values") else {})
        both: Json = merged(values, own)
        return both

    def _value_file(self, name: str, references: Mapping[str, _Reference]) -> bytes | None:
        if name.startswith(("http://", "https://")):
            try:
                return self._repositories.fetch_file(name)
            except RepositoryError as error:
                raise _ValuesFailed(str(error)) from error
        reference, _, path = name.partition("/")
        if reference not in references:
            raise _ValuesFailed(f"the sandbox's ArgoCD takes value files from `ref` sources and URLs only, not {name}")
        found = references[reference]
        blob = self._repositories.listing(found.url, found.revision).get(path)
        return None if blob is None else self._repositories.contents(found.url, {path: blob})[path]

    def _command(self, release: str, namespace: str, options: Json) -> str:
        files = "".join(f" --values {_shown(name)}" for name in options.get("valueFiles") or [])
        return (
            f"helm template . --name-template {release} --namespace {namespace} --kube-version {self._version}{files} "
            "<api versions removed> --include-crds"
        )

    def _remembered(self, identity: Sequence[str], make: Any) -> tuple[Json, ...]:
        key = hashlib.sha256("\0".join(identity).encode()).hexdigest()
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        made: tuple[Json, ...] = make()
        with self._lock:
            self._known[key] = made
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return made


class _ValuesFailed(Exception):
    """Helm's message about a value file."""


def _wrapped(number: int, count: int, message: str) -> ManifestsFailed:
    return ManifestsFailed(
        f"Failed to load target state: failed to generate manifest for source {number} of {count}: "
        f"rpc error: code = Unknown desc = {message}"
    )


def _shown(name: str) -> str:
    """A value file as ArgoCD's messages show it: without its place in the cache."""
    return f"{_CACHED}/{name.partition('/')[2]}" if name.startswith("$") else name


def _objects(engine: Engine, stream: str) -> Iterator[Json]:
    """The objects of a stream, each read as Go reads it."""
    for text in documents(stream):
        yield from _flat(engine.read(text))


def _flat(document: Json) -> Iterator[Json]:
    if not document.get("kind") or not document.get("apiVersion"):
        raise RepositoryError("Object 'Kind' is missing in a manifest")
    if document["kind"].endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _flat(item)
    else:
        yield _without_nulls(document)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
