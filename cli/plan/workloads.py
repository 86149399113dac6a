"""The Applications that ArgoCD makes of a tree: every ApplicationSet expanded over the folders that it matches."""

import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from cli.plan.tree import Tree
from shared.canonical import yaml_bytes
from shared.helm import Engine, RenderFailed

_LEAVES: Final = 200
"""Texts in a set's template; ours have fewer than twenty."""
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
        spec = yaml.safe_load(content)["spec"]
        folders = sorted({one for generator in spec["generators"] for one in _matched(tree, generator["git"])})
        template = {"template": spec["template"], "patch": spec.get("templatePatch", "")}
        made = [_application(*pair, tree) for pair in zip(folders, _expanded(template, folders, engine), strict=True)]
    except (yaml.YAMLError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise Unreadable(
            f"{set_path} is no ApplicationSet as InfraForge writes them ({type(error).__name__})"
        ) from error
    except RenderFailed as error:
        raise Unreadable(f"{set_path} cannot be expanded: {error}") from error
    return {one.name: one for one in made}


def _matched(tree: Tree, generator: Mapping[str, Any]) -> Iterator[str]:
    """The folders of a Git generator; a pattern's last part is a name or `*`, as in ours."""
    for entry in generator["directories"]:
        parent, _, pattern = str(entry["path"]).rpartition("/")
        for name in tree.names(parent):
            if fnmatch.fnmatchcase(name, pattern) and tree.names(f"{parent}/{name}"):
                yield f"{parent}/{name}"


def _application(folder: str, made: Mapping[str, Any], tree: Tree) -> Workload:
    application = made["template"]
    patch = yaml.safe_load(made["patch"] or "") or {}
    spec = {**application["spec"], **patch.get("spec", {})}
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


def _expanded(template: Any, folders: Sequence[str], engine: Engine) -> Iterator[Any]:
    """The template once for each folder, every text in it taken for a Go template, as ArgoCD does it.

    Helm's engine has the same functions; each text becomes a template of a chart that prints them all as JSON.
    """
    if not folders:
        return
    texts: list[str] = []
    _collect(template, texts)
    if len(texts) > _LEAVES:
        raise ValueError("more texts than a set has")
    defined = "".join(f'{{{{- define "leaf{number}" }}}}{text}{{{{ end }}}}' for number, text in enumerate(texts))
    calls = " ".join(f'(include "leaf{number}" .)' for number in range(len(texts)))
    printed = f"{defined}{{{{- range .Values.rows }}}}---\nrow: {{{{ list {calls} | toJson }}}}\n{{{{ end }}}}"
    chart = {
        "Chart.yaml": yaml_bytes({"apiVersion": "v2", "name": "set", "version": "1.0.0"}, sort_keys=False),
        "templates/set.yaml": printed.encode(),
    }
    rows = [{"path": {"path": folder, "basename": folder.rpartition("/")[2]}} for folder in folders]
    stream = engine.render(chart, release="set", namespace="default", values={"rows": rows})
    for line in stream.split("\n"):
        if line.startswith("row: "):
            yield _filled(template, iter(json.loads(line.removeprefix("row: "))))


def _collect(node: Any, texts: list[str]) -> None:
    if isinstance(node, str):
        texts.append(node)
    for child in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        _collect(child, texts)


def _filled(node: Any, texts: Iterator[str]) -> Any:
    if isinstance(node, str):
        return next(texts)
    if isinstance(node, Mapping):
        return {key: _filled(child, texts) for key, child in node.items()}
    return [_filled(child, texts) for child in node] if isinstance(node, list) else node
