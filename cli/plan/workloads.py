"""The Applications that ArgoCD makes of a tree: every ApplicationSet expanded over what its generators find there.

Generators and templates are those of the sandbox's ArgoCD, which was held against recordings of a real one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from cli.plan.tree import Tree
from sandbox.argocd.documents import merged
from sandbox.argocd.generators import GeneratorFailed, Generators
from sandbox.argocd.repositories import Listing, Repositories
from sandbox.argocd.templates import TemplateFailed, Templates, refill, strings
from shared.helm import Engine, RenderFailed

_VALUES: Final = "$values/"
_RAW: Final = "/raw/branch/main/"


class Unreadable(Exception):
    """A set cannot be expanded here; the message says why."""


@dataclass(frozen=True)
class Workload:
    """One Application, as far as rendering it needs to know.

    `organization` and `repository` name the Git repository with the chart's folder; for a chart in a registry they are
    empty, and `registry` is its address. `row` is the folder in `voltran`.
    """

    name: str
    row: str
    namespace: str
    organization: str
    repository: str
    registry: str
    chart: str
    revision: str
    values: tuple[bytes, ...]


def workloads(tree: Tree, set_path: str, engine: Engine) -> dict[str, Workload]:
    """Name → the Applications of the set at `set_path`; none when it is not there. Raises `Unreadable`."""
    content = tree.read(set_path)
    if content is None:
        return {}
    try:
        made = [_application(*pair, tree) for pair in _expanded(yaml.safe_load(content)["spec"], tree, engine)]
    except (yaml.YAMLError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        said = f"{set_path} is no ApplicationSet as InfraForge writes them ({type(error).__name__})"
        raise Unreadable(said) from error
    except (GeneratorFailed, TemplateFailed, RenderFailed) as error:
        raise Unreadable(f"{set_path} cannot be expanded: {error}") from error
    return {one.name: one for one in made}


class _Repositories(Repositories):
    """Every repository is the tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def resolve(self, *_: Any, **__: Any) -> str:
        """The one commit that there is."""
        return "planned"

    def listing(self, url: str, commit: str) -> Listing:
        """Every file, by its own path."""
        return {path: path for path in self._tree.files}

    def contents(self, url: str, blobs: Mapping[str, str]) -> dict[str, bytes]:
        """Their contents."""
        return {path: self._tree.files[path] for path in blobs}


def _expanded(spec: Mapping[str, Any], tree: Tree, engine: Engine) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The folder and the Application of everything that the set's generators find."""
    templates, options = Templates(engine), spec.get("goTemplateOptions") or []
    generators = Generators(_Repositories(tree), templates, options, anew=False)
    found = [one.params for generator in spec["generators"] for one in generators.generate(generator)]
    wanted = {"template": spec["template"], "patch": spec.get("templatePatch", "")}
    texts = iter(templates.execute([(text, params) for params in found for text in strings(wanted)], options))
    for params in found:
        made = refill(wanted, texts)
        patch = yaml.safe_load(made["patch"]) if made["patch"] else {}
        yield str(params["path"]["path"]), merged(made["template"], patch or {})


def _application(folder: str, application: Mapping[str, Any], tree: Tree) -> Workload:
    spec = application["spec"]
    source = spec["sources"][0]
    url = str(source["repoURL"])
    organization, _, repository = url.removesuffix(".git").rpartition("/")
    is_git = "path" in source
    return Workload(
        name=str(application["metadata"]["name"]),
        row=folder.rpartition("/")[2],
        namespace=str(spec["destination"]["namespace"]),
        organization=organization.rpartition("/")[2] if is_git else "",
        repository=repository if is_git else "",
        registry="" if is_git else url,
        chart=str(source["path"] if is_git else source["chart"]),
        revision=str(source["targetRevision"]),
        values=tuple(_values(tree, str(one)) for one in source["helm"].get("valueFiles", ())),
    )


def _values(tree: Tree, file: str) -> bytes:
    """A value file's content: ArgoCD finds it by the second source, or by an address."""
    path = file.removeprefix(_VALUES) if file.startswith(_VALUES) else file.partition(_RAW)[2]
    content = tree.read(path)
    if content is None:
        raise ValueError(f"{path} is not there")
    return content
