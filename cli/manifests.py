"""Reading Kubernetes objects from files, directories and stdin."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from cli.exits import USAGE, Failure

_MOST_NODES: Final = 200_000
"""Values of one object: an API server takes 1.5 MiB of them, written out."""
_MAX_PROBLEM: Final = 300
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True)
class Manifest:
    """One object and where it was read (`file` or `file, document 2`)."""

    document: dict[str, Any]
    origin: str

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.document["metadata"]["name"])

    @property
    def namespace(self) -> str | None:
        """The namespace the file names, if any."""
        namespace = self.document["metadata"].get("namespace")
        return None if namespace is None else str(namespace)

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.document["kind"])

    @property
    def api_version(self) -> str:
        """The object's apiVersion."""
        return str(self.document["apiVersion"])


def read(paths: Iterable[str]) -> list[Manifest]:
    """Every object in `paths`: files, directories with all below them in the order of their names, `-` for stdin.

    `Failure` names the file that is missing, is not YAML, or holds something that is no Kubernetes object.
    """
    return list(examine(paths, _raise))


def examine(paths: Iterable[str], refuse: Callable[[Failure], None]) -> Iterator[Manifest]:
    """What `read` reads; each thing that cannot be read is handed to `refuse`, and the others go on after it."""
    for path in paths:
        try:
            files: Sequence[Path | Literal["-"]] = ["-"] if path == "-" else _files(Path(path))
        except Failure as failure:
            refuse(failure)
            continue
        for file in files:
            try:
                yield from _objects(file, refuse)
            except Failure as failure:
                refuse(failure)


def _raise(failure: Failure) -> None:
    raise failure


def _objects(file: Path | Literal["-"], refuse: Callable[[Failure], None]) -> Iterator[Manifest]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{'stdin' if file == '-' else file} cannot be read: {error}", USAGE) from error
    return _parse(text, "stdin" if file == "-" else str(file), refuse)


def _files(path: Path) -> Sequence[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
        if not found:
            raise Failure(f"{path} holds no .yaml, .yml or .json file", USAGE)
        return found
    if not path.exists():
        raise Failure(f"{path} does not exist", USAGE)
    return [path]


def _parse(text: str, origin: str, refuse: Callable[[Failure], None]) -> Iterator[Manifest]:
    try:
        documents = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        # PyYAML takes a scalar at its tag's word: `!!int ''`, `!!bool x`, `!!timestamp x`, 2026-13-45, 10,000 digits.
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}, line {mark.line + 1}" if mark else origin
        problem = str(getattr(error, "problem", None) or error)[:_MAX_PROBLEM]
        raise Failure(f"{where}: not YAML: {problem}", USAGE) from error
    for number, document in enumerate(documents, start=1):
        if document is None:
            continue
        where = origin if len(documents) == 1 else f"{origin}, document {number}"
        items = document.get("items") if isinstance(document, dict) and document.get("kind") == "List" else [document]
        for item in items or []:
            try:
                yield Manifest(_checked(item, where), where)
            except Failure as failure:
                refuse(failure)


def _checked(document: Any, where: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise Failure(f"{where}: not a Kubernetes object", USAGE)
    metadata = document.get("metadata")
    for field, present in (
        ("apiVersion", document.get("apiVersion")),
        ("kind", document.get("kind")),
        ("metadata.name", metadata.get("name") if isinstance(metadata, dict) else None),
    ):
        if not isinstance(present, str) or not present:
            raise Failure(f"{where}: {field} is missing", USAGE)
    try:
        _count(document, 0, where)
    except RecursionError as error:
        raise Failure(f"{where}: nested too deep, or an alias of itself", USAGE) from error
    return document


def _count(node: Any, so_far: int, where: str) -> int:
    """The nodes of `node` with every alias written out, as JSON has them; raises `Failure` beyond `_MOST_NODES`."""
    so_far += 1
    if so_far > _MOST_NODES:
        raise Failure(f"{where}: more than {_MOST_NODES} values in one object: do its aliases multiply?", USAGE)
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        so_far = _count(item, so_far, where)
    return so_far
